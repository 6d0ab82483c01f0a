"""Private questions from asking to answer: debited before they are drawn, once, and on the list of who is in them."""

import json
import uuid
from datetime import timedelta
from decimal import Decimal

import pytest
import time_machine

from audit import queries as audit
from consent import access
from consent.access import Draft
from consent.escrow import KeyholderAway
from ehr import clock
from providers.rules import NotPossible
from research import budget, joining, tasks
from research.models import Debit, Joining, PatientBudget, PrivateAnswer, PrivateQuestion, Run, StudyBudget
from research.private import answering, asking, noise
from research.private.asking import ask
from research.private.dictionary import NotDescribed
from research.private.questions import Kind
from research.studies import running, work
from research.watching import looking
from tests import people
from tests.research import studying
from tests.research.criteria_made import DIABETES, HBA1C, condition, document, patient, result
from tests.research.private_made import (
    DIABETIC,
    HISTORY,
    PARTS,
    PRICE,
    acts,
    asked,
    number,
    spent,
    take_part,
    tomorrow,
)
from tests.research.studying import BASIC, LABS

pytestmark = pytest.mark.django_db
State = PrivateQuestion.State
LAVISH = 10**15  # next to no noise


@pytest.fixture
def lavish(settings):
    """Budgets that pay for answers with next to no noise."""
    settings.RESEARCH_STUDY_NANO_RHO = settings.RESEARCH_PATIENT_NANO_RHO = 100 * LAVISH


# --- From record to answer -------------------------------------------------------------------------
def test_people_are_answered_of_from_their_records_and_read_of_it(study, rosa, lavish):
    everybody = [people.patient(f"Ana {at}") for at in range(4)]
    for at, person in enumerate(everybody):
        parts = ((patient("1980-05-03"), BASIC), (condition(DIABETES), HISTORY), (result(HBA1C, 7 + at), LABS))
        drafts = [
            Draft(resource=json.dumps(each | {"id": str(uuid.uuid4())}).encode(), parts=(str(part),), search=b"{}")
            for each, part in parts
        ]
        access.add_own(person.patient, drafts, keyring=person.keyring)
    joined = [studying.join(person, study, *PARTS) for person in everybody[:3]]
    assert number_of(asked(study, rosa.user, Kind.MEAN, "hba1c", among=DIABETIC, price=LAVISH)) == 8
    assert [len(acts(one.patient)) for one in everybody] == [1, 1, 1, 0]
    assert [len(acts(one.patient, "research.read")) for one in everybody] == [1, 1, 1, 0]
    joining.withdraw(joined[2], keyring=everybody[2].keyring)
    with time_machine.travel(tomorrow()):
        later = asked(study, rosa.user, Kind.MEAN, "hba1c", among=DIABETIC, price=LAVISH, anew=True)
    assert number_of(later) == Decimal("7.5")
    assert [len(acts(one.patient)) for one in everybody] == [2, 2, 1, 0]


def number_of(row):
    return Decimal(row.answer.answer["numbers"][""])


def test_each_kind_is_answered_of_the_people_that_are_meant(study, rosa, records, lavish):
    records.people(study, 7, sugar=7)
    records.people(study, 3, sugar=9)
    records.people(study, 5, has=False, sugar=5)
    records.people(study, 3)
    told = [
        asked(study, rosa.user, kind, name, price=LAVISH, among=DIABETIC).answer.answer["numbers"]
        for kind, name in ((Kind.COUNT, ""), (Kind.GROUPS, "hba1c"), (Kind.MEAN, "hba1c"), (Kind.QUANTILE, "hba1c"))
    ]
    assert told[0] == {"": "13"}
    assert told[1] == {"3": "0", "5.7": "0", "6.5": "0", "7": "7", "8": "0", "9": "3"}
    assert told[2:] == [{"": "7.6"}, {"": "7"}]
    assert number(asked(study, rosa.user, price=LAVISH)) == 18


def test_for_how_many_take_part_nobody_s_record_is_opened(study, rosa, records):
    everybody = records.people(study, 3)
    row = asked(study, rosa.user)
    assert (row.state, records.opened) == (State.READY, [])
    assert all(acts(one) for one in everybody)


def test_who_keeps_back_what_is_asked_for_is_not_opened_nor_charged(study, rosa, records, lavish):
    sharing, keeping = records.people(study, 3), records.people(study, 2, BASIC, LABS)
    assert number(asked(study, rosa.user, among=DIABETIC, price=LAVISH)) == 3
    assert records.opened == [{one.pk for one in sharing}]
    assert spent(study, keeping[0]) == [LAVISH, 0]


def test_who_is_meant_and_who_is_not_pay_alike(study, rosa, records):
    """Whoever could have been among them pays, or a budget would tell what a record says."""
    with_it, without = records.people(study, 1), records.people(study, 1, has=False)
    asked(study, rosa.user, among=DIABETIC)
    assert spent(study, *with_it, *without) == [PRICE, PRICE, PRICE]


# --- The ledger ------------------------------------------------------------------------------------
def test_an_answer_is_paid_for_by_the_study_and_by_each_person_it_is_made_of(study, rosa, records):
    everybody = records.people(study, 2)
    asked(study, rosa.user)
    assert spent(study, *everybody) == [PRICE] * 3
    assert {row.patient for row in Debit.objects.all()} == {None, *everybody}
    (share,) = budget.shares_of(everybody[0])
    assert (share.study, len(share.debits), share.spent) == (study, 1, PRICE)
    assert budget.left_of_study(study).words(PRICE) == "1\xa0%"
    (line,) = acts(everybody[0])
    assert (line.details["nano_rho"], line.details["kind"]) == (PRICE, "count")


def test_a_question_asked_again_in_other_words_has_the_stored_answer_and_costs_nothing(study, rosa, records):
    everybody = records.people(study, 2)
    first = asked(study, rosa.user, among=DIABETIC)
    for words in (DIABETIC, document({"not": {"not": DIABETIC["who"]}}), document({"any": [DIABETIC["who"]] * 2})):
        assert ask(study, Kind.COUNT, among=words, price=PRICE, by=rosa.user) == first
    assert ask(study, Kind.COUNT, among=DIABETIC, price=PRICE - 1, by=rosa.user) == first, "a finer one is there"
    assert (spent(study, *everybody), len(records.opened)) == ([PRICE] * 3, 1)


def test_more_precisely_it_is_another_answer_and_paid_for(study, rosa, records):
    (one,) = records.people(study, 1)
    for price in (10, 20):
        asked(study, rosa.user, price=price)
    assert spent(study, one) == [30, 30]


def test_another_day_s_answer_is_given_again_unless_it_is_asked_anew(study, rosa, records):
    everybody = records.people(study, 2)
    first = asked(study, rosa.user)
    assert asked(study, rosa.user, anew=True) == first, "the records of that day were asked already"
    with time_machine.travel(tomorrow(20)):
        assert asked(study, rosa.user) == first
        assert spent(study) == [PRICE]
        # Nothing changed in anybody's record: that it costs all the same is what keeps that to itself.
        again = asked(study, rosa.user, anew=True)
    assert again.answer.as_of - first.answer.as_of == timedelta(days=20)
    assert spent(study, *everybody) == [2 * PRICE] * 3


def test_another_study_pays_for_itself_and_the_person_for_both(study, rosa, board, records):
    other = studying.opened(rosa, board, title="Another", categories=PARTS)
    (one,) = records.people(study, 1)
    take_part(other, [one])
    for of in (study, other):
        asked(of, rosa.user, price=10)
    assert (spent(study, one), spent(other)) == ([10, 20], [10])
    assert len(budget.shares_of(one)) == 2


def test_a_study_that_spent_all_is_refused_before_anything_is_opened(study, rosa, records, settings):
    settings.RESEARCH_STUDY_NANO_RHO = 15
    records.people(study, 1)
    asked(study, rosa.user, price=10)
    with pytest.raises(budget.Spent) as told:
        ask(study, Kind.COUNT, price=11, by=rosa.user)
    assert told.value.left == 5
    assert "33.3\xa0% is left" in asking.spent_words(11, budget.left_of_study(study))
    (refused,) = audit.with_action({"study.question-refused"})
    assert (refused.because, refused.details["study"]) == ("budget-spent", str(study.pk))


def test_what_is_under_way_counts_as_spent(study, rosa, records, settings):
    settings.RESEARCH_STUDY_NANO_RHO = 15
    waiting = ask(study, Kind.COUNT, price=10, by=rosa.user)
    with pytest.raises(budget.Spent):
        ask(study, Kind.GROUPS, "sex", price=6, by=rosa.user)
    asking.cancel(waiting, by=rosa.user)
    assert ask(study, Kind.GROUPS, "sex", price=6, by=rosa.user).state == State.ASKED


def test_what_was_spent_while_it_waited_stops_it_with_words(study, rosa, records):
    records.people(study, 1)
    waiting = ask(study, Kind.COUNT, price=PRICE, by=rosa.user)
    StudyBudget.objects.filter(study=study).update(granted=100, spent=99)
    assert answering.answer(waiting.pk) == State.STOPPED
    waiting.refresh_from_db()
    assert "has spent all it may in private questions" in waiting.because
    assert (PrivateAnswer.objects.count(), Debit.objects.count()) == (0, 0)


def test_who_spent_all_is_neither_opened_nor_charged_nor_in_the_answer(study, rosa, records, settings):
    settings.RESEARCH_STUDY_NANO_RHO = LAVISH
    left, kept = records.people(study, 1), records.people(study, 2)
    PatientBudget.objects.create(patient=left[0], granted=LAVISH, spent=8)
    for one in kept:
        PatientBudget.objects.create(patient=one, granted=LAVISH, spent=0)
    row = asked(study, rosa.user, among=DIABETIC, price=LAVISH)
    assert number(row) == 2
    assert records.opened == [{one.pk for one in kept}]
    assert (spent(study, *left), acts(left[0])) == ([LAVISH, 8], [])


def test_the_debit_stands_before_the_noise_is_drawn(study, rosa, records, monkeypatch):
    records.people(study, 1)
    drawing, seen = noise.answer, []

    def answer(*args):
        seen.append((Debit.objects.count(), *spent(study), PrivateAnswer.objects.count()))
        return drawing(*args)

    monkeypatch.setattr(noise, "answer", answer)
    asked(study, rosa.user, price=7)
    assert seen == [(2, 7, 0)]


def test_who_withdraws_while_records_are_opened_is_not_in_the_answer(study, rosa, records, monkeypatch, lavish):
    everybody = records.people(study, 3)
    taking = records.take

    def take(run, **more):
        found = taking(run, **more)
        Joining.objects.filter(patient=everybody[0]).update(withdrawn_at=clock.now())
        return found

    monkeypatch.setattr(answering.snapshots, "take", take)
    assert number(asked(study, rosa.user, among=DIABETIC, price=LAVISH)) == 2
    assert spent(study, everybody[0]) == [LAVISH, 0]


# --- The worker ------------------------------------------------------------------------------------
class Killed(BaseException):
    """What nothing catches."""


def kill_once(monkeypatch, of, name):
    """Let a worker die where it comes to this, once."""
    real, dead = getattr(of, name), []

    def act(*args, **more):
        done = real(*args, **more)
        if not dead:
            dead.append(1)
            raise Killed
        return done

    monkeypatch.setattr(of, name, act)


@pytest.mark.parametrize("where", ["opened", "debited", "drawn", "told"])
def test_a_worker_killed_half_way_has_spent_nothing_and_the_next_answers_once(study, rosa, records, monkeypatch, where):
    everybody = records.people(study, 2)
    waiting = ask(study, Kind.COUNT, among=DIABETIC, price=PRICE, by=rosa.user)
    of, name = {
        "opened": (answering.snapshots, "take"),
        "debited": (answering.budget, "debit"),
        "drawn": (noise, "answer"),
        "told": (answering, "log_people"),
    }[where]
    kill_once(monkeypatch, of, name)
    with pytest.raises(Killed):
        answering.answer(waiting.pk)
    assert (spent(study, *everybody), Debit.objects.count()) == ([0, 0, 0], 0)
    assert answering.answer(waiting.pk) == "", "until it was silent for a while it may be alive"
    with time_machine.travel(clock.now() + work.SILENT):
        assert [answering.answer(waiting.pk) for _ in range(2)] == [State.READY, ""]
    assert (spent(study, *everybody), Debit.objects.count()) == ([PRICE] * 3, 3)
    assert [len(acts(one)) for one in everybody] == [1, 1]


def test_a_worker_that_was_taken_for_dead_puts_nothing_down(study, rosa, records):
    records.people(study, 1)
    waiting = ask(study, Kind.COUNT, price=PRICE, by=rosa.user)
    slow = work.taken(PrivateQuestion, waiting.pk)
    with time_machine.travel(clock.now() + work.SILENT):
        assert answering.answer(waiting.pk) == State.READY
        with pytest.raises(work.Given):
            answering._answer(slow)
    assert spent(study) == [PRICE]


def test_a_cancelled_question_stops_at_the_next_person_and_costs_nothing(study, rosa, records, monkeypatch):
    records.people(study, 2)
    waiting = ask(study, Kind.COUNT, among=DIABETIC, price=PRICE, by=rosa.user)

    def take(run, *, keyring, watch, only):
        watch(0, 2)
        asking.cancel(waiting, by=rosa.user)
        watch(1, 2)
        pytest.fail("nobody is opened for it any more")

    monkeypatch.setattr(answering.snapshots, "take", take)
    assert answering.answer(waiting.pk) == State.CANCELLED
    assert spent(study) == [0]
    assert ask(study, Kind.COUNT, among=DIABETIC, price=PRICE, by=rosa.user) != waiting


def test_while_the_keyholder_is_away_a_question_waits(study, rosa, records, monkeypatch):
    records.people(study, 1)
    waiting = ask(study, Kind.COUNT, among=DIABETIC, price=PRICE, by=rosa.user)

    def away(*_args, **_more):
        raise KeyholderAway

    with monkeypatch.context() as patched:
        patched.setattr(running, "keys_for", away)
        assert [answering.answer(waiting.pk) for _ in range(5)] == [State.ASKED] * 5
    assert tasks.answer_questions() == 1
    waiting.refresh_from_db()
    assert waiting.state == State.READY


def test_without_an_approved_run_nothing_is_asked_or_opened(study, rosa, records):
    waiting = ask(study, Kind.COUNT, price=PRICE, by=rosa.user)
    Run.objects.filter(study=study).update(until=clock.now())
    with pytest.raises(NotPossible, match="Nobody lets"):
        ask(study, Kind.GROUPS, "sex", price=PRICE, by=rosa.user)
    assert answering.answer(waiting.pk) == State.STOPPED
    assert (records.opened, spent(study)) == ([], [0])


# --- Who asks, and what ----------------------------------------------------------------------------
def test_nobody_else_asks_or_sees_or_stops(study, rosa, records):
    other = studying.researcher("Bo Ny")
    with pytest.raises(NotPossible):
        ask(study, Kind.COUNT, price=PRICE, by=other.user)
    mine = ask(study, Kind.COUNT, price=PRICE, by=rosa.user)
    assert asking.question_of(other.user, mine.pk) is None
    assert asking.question_of(rosa.user, mine.pk) == mine == asking.questions(study).get()
    with pytest.raises(NotPossible):
        asking.cancel(mine, by=other.user)


def test_only_what_was_approved_and_what_the_dictionary_describes_is_asked(rosa, board):
    study = studying.opened(rosa, board, categories=(BASIC,))
    with pytest.raises(NotPossible, match="not approved"):
        ask(study, Kind.MEAN, "hba1c", price=PRICE, by=rosa.user)
    for kind, name in ((Kind.MEAN, "sex"), (Kind.MEAN, "shoe size")):
        with pytest.raises(NotDescribed):
            ask(study, kind, name, price=PRICE, by=rosa.user)
    for price in (-5, 0, 1):
        with pytest.raises(ValueError, match="at least two"):
            ask(study, Kind.COUNT, price=price, by=rosa.user)


def test_j7_5_the_same_private_question_is_locked_the_eighth_time_whatever_is_paid(study, rosa, records):
    records.people(study, 1)
    for price in range(2, 9):
        ask(study, Kind.COUNT, price=price, by=rosa.user)
    with pytest.raises(budget.Locked) as told:
        ask(study, Kind.COUNT, price=100, by=rosa.user)
    ask(study, Kind.GROUPS, "sex", price=2, by=rosa.user)  # another one is not locked
    Run.objects.update(until=told.value.until + timedelta(days=1))
    with time_machine.travel(told.value.until):
        ask(study, Kind.COUNT, price=100, by=rosa.user)


def test_many_refused_questions_are_put_before_the_privacy_officer(study, rosa, settings):
    settings.RESEARCH_STUDY_NANO_RHO = 10
    for kind, name in (
        (Kind.COUNT, ""),
        (Kind.GROUPS, "sex"),
        (Kind.MEAN, "age"),
        (Kind.QUANTILE, "age"),
        (Kind.MEAN, "bmi"),
    ):
        with pytest.raises(budget.Spent):
            ask(study, kind, name, price=PRICE, by=rosa.user)
    assert looking.look() == 1
