"""Two hundred private questions at the same moment, on a hundred connections: nothing is spent that was not granted."""

from collections import Counter
from functools import partial

import pytest
from django.db.models import Sum

from audit.log import SYSTEM
from audit.queries import story
from research.models import Debit, PatientBudget, PrivateAnswer, StudyBudget
from research.private import DataDictionary, Kind, Spent, ask, question
from tests.appointments.at_once import Copy
from tests.research.private_made import patients, study

pytestmark = pytest.mark.django_db(transaction=True)
CONNECTIONS, EACH, PRICE = 100, 2, 7
NOTHING = DataDictionary.of()


def test_two_hundred_questions_at_once_spend_what_was_granted_and_not_more(tmp_path, settings):
    settings.RESEARCH_STUDY_NANO_RHO = 60 * PRICE + 5
    settings.RESEARCH_PATIENT_NANO_RHO = 25 * PRICE + 6
    one, other, people = study(), study("Another"), patients(2)
    copy = Copy(tmp_path)

    def asking(place: int) -> list[str]:
        said = []
        for number in range(EACH):
            among = question(Kind.COUNT, dictionary=NOTHING, among=bytes([place, number]))
            try:
                ask(
                    among, study=(one, other)[place % 2], price=PRICE, actor=SYSTEM, by=None,
                    read=lambda: {each.pk: True for each in people},
                )  # fmt: skip
                said.append("answered")
            except Spent:
                said.append("spent")
        return said

    came = copy.at_once([partial(asking, place) for place in range(CONNECTIONS)])
    assert Counter(said for each in came for said in each) == {"answered": 120, "spent": 80}

    def look() -> None:
        for each in StudyBudget.objects.all():
            paid = Debit.objects.filter(answer__study=each.study, patient=None).aggregate(all=Sum("price"))["all"]
            assert each.spent == paid == 60 * PRICE
        for each in PatientBudget.objects.all():
            paid = Debit.objects.filter(patient=each.patient).aggregate(all=Sum("price"))["all"]
            assert each.spent == paid == 25 * PRICE
            assert len(story(each.patient_id, limit=200)) == 25
        assert PrivateAnswer.objects.exclude(answer={}).count() == 120

    copy.look(look)


def test_one_question_at_once_by_many_is_drawn_once(tmp_path):
    of, people = study(), patients(1)
    copy = Copy(tmp_path)
    what = question(Kind.COUNT, dictionary=NOTHING)
    act = partial(ask, what, study=of, price=PRICE, actor=SYSTEM, by=None, read=lambda: {people[0].pk: True})
    came = copy.at_once([act] * 7)
    assert len({str(answer) for answer in came}) == 1
    assert copy.look(lambda: StudyBudget.objects.get().spent) == PRICE
