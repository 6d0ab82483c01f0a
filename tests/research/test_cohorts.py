"""Counts of a study's people: of those who share what is asked for, rounded or not told, and never of one of them."""

import json
import uuid
from datetime import timedelta

import pytest
import time_machine

from audit import queries as audit
from consent import access
from consent.access import Draft
from consent.escrow import KeyholderAway
from consent.keyholder import studies as keyholder
from ehr import clock
from ehr.words import Category
from providers.rules import NotPossible
from research import budget, joining, tasks
from research.cohorts import asking, counting
from research.criteria import NotUnderstood, digest, read
from research.criteria.parts import parts_for
from research.models import CohortCount, Run
from research.studies import deciding, running, work
from tests import people
from tests.research import studying
from tests.research.cohorts_made import Crowd, said
from tests.research.criteria_made import ASTHMA, DIABETES, HBA1C, METFORMIN, condition, document, patient, result
from tests.research.studying import BASIC, LABS

pytestmark = pytest.mark.django_db
State = CohortCount.State
HISTORY = Category.HISTORY
DIABETIC = {"condition": {"codes": [DIABETES]}}
ASTHMATIC = {"condition": {"codes": [ASTHMA]}}


@pytest.fixture
def board(db):
    studying.prepare_ground()
    keyholder._begun.clear()
    return studying.committee()


@pytest.fixture
def rosa(board):
    return studying.researcher()


@pytest.fixture
def study(board, rosa):
    return studying.opened(rosa, board, categories=(BASIC, LABS, HISTORY))


@pytest.fixture
def crowd(study, monkeypatch):
    """People nobody has to be opened for: what is tried here is what is said of them."""
    made = Crowd()
    monkeypatch.setattr(counting.snapshots, "take", made.take)
    return made


@pytest.fixture
def asked(study, rosa):
    return lambda node, **more: said(study, rosa.user, node, **more)


# --- From record to number -------------------------------------------------------------------------
def test_people_are_counted_from_their_records_and_read_of_it(study, rosa, asked, settings):
    settings.RESEARCH_SMALL, settings.RESEARCH_BASE = 3, 3
    everybody = [people.patient(f"Ana {number}") for number in range(4)]
    for number, person in enumerate(everybody):
        parts = ((patient(f"198{number}-05-03"), BASIC), (condition(DIABETES), HISTORY), (result(HBA1C, 7), LABS))
        drafts = [
            Draft(resource=json.dumps(each | {"id": str(uuid.uuid4())}).encode(), parts=(str(part),), search=b"{}")
            for each, part in parts
        ]
        access.add_own(person.patient, drafts, keyring=person.keyring)
    joined = [studying.join(person, study, BASIC, HISTORY) for person in everybody[:3]]
    assert asked(DIABETIC).said == 3
    assert asked({"all": [DIABETIC, {"age": {"from": 30}}]}).said == 3
    assert asked(ASTHMATIC).said is None
    acts = [line.action for line in audit.story(everybody[0].patient.pk)]
    assert acts.count("research.counted") == acts.count("research.read") == 3
    assert "research.counted" not in [line.action for line in audit.story(everybody[3].patient.pk)]
    joining.withdraw(joined[0], keyring=everybody[0].keyring)
    with time_machine.travel(clock.now() + asking.FRESH + timedelta(hours=1)):
        asked(DIABETIC)
    assert [line.action for line in audit.story(everybody[0].patient.pk)].count("research.counted") == 3


def test_who_keeps_back_what_is_asked_for_is_neither_among_them_nor_not(crowd, asked):
    for _ in range(40):
        crowd.add()
    for _ in range(30):
        crowd.add(has=(), parts=(BASIC,))
    for _ in range(20):
        crowd.add(has=())
    assert asked(DIABETIC).said == 40
    assert asked({"not": DIABETIC}).said == 20
    assert asked({"sex": "female"}).said == 90


@pytest.mark.parametrize(
    ("node", "parts"),
    [
        ({"age": {"from": 1}}, {BASIC}),
        ({"all": [{"sex": "male"}, {"not": DIABETIC}]}, {BASIC, HISTORY}),
        ({"medication": {"codes": [METFORMIN]}}, {Category.TREATMENT, HISTORY}),
        ({"lab": {"codes": [HBA1C]}}, {LABS}),
        (
            {"condition": {"codes": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "F20.0"}]}},
            {Category.MENTAL_HEALTH},
        ),
    ],
)
def test_a_question_depends_on_the_parts_in_which_its_answer_stands(node, parts):
    assert parts_for(read(document(node))) == parts


# --- What is said ----------------------------------------------------------------------------------
def test_j7_4_small_groups_are_not_told_and_others_rounded(crowd, asked):
    for number in range(53):
        crowd.add(has=(DIABETES, ASTHMA) if number < 10 else (DIABETES,))
    assert asked(DIABETIC).said == 55
    assert asked(ASTHMATIC).said is None


def test_no_two_questions_tell_whether_one_person_is_among_the_people(crowd, asked):
    """Everybody but the one woman of 91 with diabetes; then everybody but her, had she not had it."""
    for number in range(62):
        crowd.add(born=f"{1950 + number % 40}-01-01")
    her = crowd.add(born="1935-01-01")
    older = {"age": {"from": 90}}
    everybody = asked(DIABETIC)
    without = asked({"all": [DIABETIC, {"not": older}]})
    assert (without.said, without.same_as_id) == (everybody.said, everybody.pk)
    with_her = [asked({"all": [DIABETIC, {"age": {"to": age}}]}).said for age in (130, 95, 91, 89)]
    assert set(with_her) == {everybody.said}
    assert asked({"all": [DIABETIC, older]}).said is None
    crowd.people[her] = [patient("1935-01-01", "female")]
    assert asked({"all": [DIABETIC, {"age": {"to": 120}}]}).said == everybody.said


def test_a_count_before_and_after_somebody_withdrew_is_the_same(crowd, asked):
    everybody = [crowd.add() for _ in range(53)]
    with time_machine.travel(studying.calm_noon(), tick=False) as moment:
        first = asked(DIABETIC)
        for number in range(6):
            moment.shift(asking.FRESH + timedelta(minutes=1))
            crowd.people.pop(everybody[number])
            assert asked(DIABETIC).said == first.said


def test_answers_follow_when_many_changed(crowd, asked):
    for _ in range(53):
        crowd.add()
    first = asked(DIABETIC)
    for _ in range(22):
        crowd.add()
    with time_machine.travel(clock.now() + timedelta(days=2)):
        again = asked(DIABETIC)
    assert (first.said, again.said, again.same_as_id) == (55, 75, None)


def test_answers_do_not_wander_a_few_people_at_a_time(crowd, asked):
    """Each question leaves out a few people more. Some day the answer is another one, and not that of the first."""
    for number in range(100):
        crowd.add(born=f"{1920 + number}-01-01")
    told = [asked({"all": [DIABETIC, {"age": {"to": 110 - 5 * step}}]}) for step in range(14)]
    true = [sum(1 for number in range(100) if clock.now().year - 1920 - number <= 110 - 5 * step) for step in range(14)]
    assert all(abs(one.said - count) <= 21 + 2 for one, count in zip(told, true, strict=True))
    bases = [one for one in told if one.same_as_id is None]
    assert len(bases) >= 3
    counts = [true[told.index(one)] for one in bases]
    assert all(abs(one - other) >= 11 for one in counts for other in counts if one != other)


def test_neither_the_true_number_nor_who_was_counted_is_in_the_database(crowd, asked):
    for number in range(53):
        crowd.add(has=(DIABETES,) if number < 23 else ())
    rows = [asked(DIABETIC), asked({"not": DIABETIC})]
    lengths = {len(bytes(CohortCount.objects.get(pk=row.pk).members)) for row in rows}
    assert len(lengths) == 1
    for row in rows:
        kept = bytes(CohortCount.objects.get(pk=row.pk).members)
        assert not any(one.bytes in kept for one in crowd.people)


# --- Asking ----------------------------------------------------------------------------------------
def test_the_same_question_in_other_words_is_not_counted_again_for_a_day(crowd, asked):
    for _ in range(20):
        crowd.add()
    first = asked(DIABETIC)
    again = asked({"not": {"not": {"any": [DIABETIC, DIABETIC]}}})
    assert (again.pk, crowd.opened) == (first.pk, 1)
    with time_machine.travel(clock.now() + asking.FRESH + timedelta(minutes=1)):
        assert asked(DIABETIC).pk != first.pk
    assert crowd.opened == 2


def test_j7_5_a_count_that_is_asked_for_the_eighth_time_in_thirty_days_is_locked(crowd, asked):
    for _ in range(7):
        asked(DIABETIC)
    with pytest.raises(budget.Locked):
        asked({"any": [DIABETIC]})
    assert asked(ASTHMATIC).state == State.READY
    assert [line.because for line in audit.with_action({"study.count-refused"})] == ["asked-too-often"]


def test_a_question_that_is_not_understood_is_not_asked(study, rosa):
    with pytest.raises(NotUnderstood):
        asking.ask(study, document({"age": {}}), by=rosa.user)
    assert CohortCount.objects.count() == 0


def test_a_study_asks_for_no_parts_that_were_not_approved(study, rosa):
    with pytest.raises(NotPossible, match="not approved"):
        asking.ask(study, document({"medication": {"codes": [METFORMIN]}}), by=rosa.user)


def test_nobody_else_asks_or_sees(study, rosa):
    other = studying.researcher("Bo Ny")
    with pytest.raises(NotPossible):
        asking.ask(study, document(DIABETIC), by=other.user)
    mine = asking.ask(study, document(DIABETIC), by=rosa.user)
    assert asking.count_of(other.user, mine.pk) is None
    assert asking.count_of(rosa.user, mine.pk) == mine == asking.counts(study).get()
    with pytest.raises(NotPossible):
        asking.cancel(mine, by=other.user)


def test_without_an_approved_run_nothing_is_asked_or_opened(study, rosa, crowd):
    waiting = asking.ask(study, document(DIABETIC), by=rosa.user)
    Run.objects.filter(study=study).update(until=clock.now())
    with pytest.raises(NotPossible, match="Nobody lets"):
        asking.ask(study, document(ASTHMATIC), by=rosa.user)
    assert counting.count(waiting.pk) == State.STOPPED
    assert crowd.opened == 0


# --- The worker ------------------------------------------------------------------------------------
def test_a_count_is_made_once_whoever_begins_it(study, rosa, crowd):
    crowd.add()
    waiting = asking.ask(study, document(DIABETIC), by=rosa.user)
    assert counting.due() == [waiting.pk]
    assert [counting.count(waiting.pk) for _ in range(2)] == [State.READY, ""]
    assert counting.due() == []


def test_a_cancelled_count_stops_at_the_next_person(study, rosa, crowd, monkeypatch):
    for _ in range(20):
        crowd.add()
    waiting = asking.ask(study, document(DIABETIC), by=rosa.user)

    def take(run, *, keyring, watch):
        watch(0, 20)
        asking.cancel(waiting, by=rosa.user)
        watch(1, 20)
        pytest.fail("nobody is opened for it any more")

    monkeypatch.setattr(counting.snapshots, "take", take)
    assert counting.count(waiting.pk) == State.CANCELLED
    waiting.refresh_from_db()
    assert (waiting.said, waiting.members, waiting.done, waiting.total) == (None, None, 0, 20)


def test_a_worker_that_died_is_followed_by_another_and_puts_nothing_down(study, rosa, crowd, monkeypatch):
    for _ in range(20):
        crowd.add()
    waiting = asking.ask(study, document(DIABETIC), by=rosa.user)
    slow = work.taken(CohortCount, waiting.pk)
    assert counting.count(waiting.pk) == ""
    CohortCount.objects.filter(pk=waiting.pk).update(seen_at=clock.now() - work.SILENT)
    assert counting.due() == [waiting.pk]
    assert counting.count(waiting.pk) == State.READY
    with pytest.raises(work.Given):
        counting._count(slow)


def test_a_count_that_never_ends_stops(study, rosa, crowd):
    waiting = asking.ask(study, document(DIABETIC), by=rosa.user)
    CohortCount.objects.update(attempts=work.MOST_ATTEMPTS)
    assert counting.count(waiting.pk) == ""
    waiting.refresh_from_db()
    assert waiting.state == State.STOPPED


def test_while_the_keyholder_is_away_a_count_waits(study, rosa, crowd, monkeypatch):
    crowd.add()
    waiting = asking.ask(study, document(DIABETIC), by=rosa.user)

    def away(*_args, **_more):
        raise KeyholderAway

    with monkeypatch.context() as patched:
        patched.setattr(running, "keys_for", away)
        assert [counting.count(waiting.pk) for _ in range(5)] == [State.ASKED] * 5
    assert counting.count(waiting.pk) == State.READY


def test_a_paused_study_is_not_counted(study, rosa, board, crowd):
    waiting = asking.ask(study, document(DIABETIC), by=rosa.user)
    deciding.pause(study, by=board.third, reason="A question.")
    assert counting.count(waiting.pk) == State.STOPPED
    assert crowd.opened == 0


def test_the_question_stands_as_it_was_asked(study, rosa):
    asked = document({"all": [DIABETIC, {"sex": "female"}]})
    row = asking.ask(study, asked, by=rosa.user)
    assert digest(read(row.criteria)) == bytes(row.digest) == digest(read(asked))


def test_the_clock_s_task_counts_what_waits(study, rosa, crowd):
    crowd.add()
    waiting = asking.ask(study, document(DIABETIC), by=rosa.user)
    assert [tasks.count_cohorts() for _ in range(2)] == [1, 0]
    waiting.refresh_from_db()
    assert waiting.state == State.READY
