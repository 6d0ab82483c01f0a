"""Two hundred private questions at the same moment, on a hundred connections: nothing is spent that was not granted."""

from collections import Counter
from functools import partial

import pytest
from django.db.models import Sum

from audit.queries import story
from consent.keyholder import studies as keyholder
from research.budget import Spent
from research.cohorts import asking as cohorts
from research.models import Debit, PatientBudget, PrivateAnswer, PrivateQuestion, StudyBudget
from research.private import answering
from research.private.asking import ask
from research.private.questions import Kind
from tests.appointments.at_once import Copy
from tests.research import studying
from tests.research.criteria_made import document
from tests.research.private_made import PARTS, Records, take_part

pytestmark = pytest.mark.django_db(transaction=True)
CONNECTIONS, EACH, PRICE = 100, 2, 7


@pytest.fixture
def ground(db, monkeypatch):
    """Two studies of one researcher in which the same two people take part; keys and records are not what is tried."""
    studying.prepare_ground()
    keyholder._begun.clear()
    board, rosa = studying.committee(), studying.researcher()
    studies = [studying.opened(rosa, board, title=title, categories=PARTS) for title in ("One", "Another")]
    records = Records()
    people = records.people(studies[0], 2)
    take_part(studies[1], people)
    monkeypatch.setattr(answering.snapshots, "take", records.take)
    monkeypatch.setattr(answering.running, "keys_for", lambda *_args, **_more: "keys")
    return rosa.user, studies, people


def came_of(question: PrivateQuestion) -> str:
    answering.answer(question.pk)
    question.refresh_from_db()
    return question.state


def test_two_hundred_questions_at_once_spend_what_was_granted_and_not_more(tmp_path, settings, ground):
    settings.RESEARCH_STUDY_NANO_RHO = 60 * PRICE + 5
    settings.RESEARCH_PATIENT_NANO_RHO = 25 * PRICE + 6
    by, studies, people = ground
    copy = Copy(tmp_path)

    def asking(place: int) -> list[str]:
        said = []
        for number in range(EACH):
            among = document({"age": {"from": 1 + place, "to": 120 + number}})
            try:
                made = ask(studies[place % 2], Kind.COUNT, among=among, price=PRICE, by=by)
                said.append(came_of(made))
            except Spent:
                said.append("spent")
        return said

    came = copy.at_once([partial(asking, place) for place in range(CONNECTIONS)])
    assert Counter(said for each in came for said in each) == {"ready": 120, "spent": 80}

    def look() -> None:
        for each in StudyBudget.objects.all():
            paid = Debit.objects.filter(answer__study=each.study, patient=None).aggregate(all=Sum("price"))["all"]
            assert each.spent == paid == 60 * PRICE
        for one in people:
            paid = Debit.objects.filter(patient=one).aggregate(all=Sum("price"))["all"]
            assert PatientBudget.objects.get(patient=one).spent == paid == 25 * PRICE
            assert len([line for line in story(one.pk, limit=200) if line.action == "research.asked"]) == 25
        assert PrivateAnswer.objects.exclude(answer={}).count() == 120

    copy.look(look)


def test_asking_counting_and_answering_at_once_wait_for_nobody_who_waits_for_them(tmp_path, ground):
    by, studies, _people = ground
    copy = Copy(tmp_path)

    def act(place: int) -> str:
        among = document({"age": {"from": 1 + place}})
        if place % 2:
            return cohorts.ask(studies[0], among, by=by).state
        return came_of(ask(studies[0], Kind.COUNT, among=among, price=PRICE, by=by))

    came = copy.at_once([partial(act, place) for place in range(16)])
    assert Counter(map(str, came)) == {"ready": 8, "asked": 8}


def test_one_question_asked_and_answered_at_once_by_many_is_drawn_once(tmp_path, ground):
    by, studies, _people = ground
    copy = Copy(tmp_path)

    def act() -> object:
        made = ask(studies[0], Kind.COUNT, price=PRICE, by=by)
        answering.answer(made.pk)
        return made.pk

    came = copy.at_once([act] * 7)
    assert len(set(came)) == 1, came
    assert copy.look(lambda: (StudyBudget.objects.get().spent, PrivateAnswer.objects.count())) == (PRICE, 1)
