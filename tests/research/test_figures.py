"""Figures of a population: of those who joined for them, once a month, and never of one of them."""

import json
import random
import uuid
from datetime import date, timedelta

import pytest
import time_machine

from audit import queries as audit
from consent import access
from consent.access import Draft
from consent.escrow import KeyholderAway
from consent.keyholder import studies as keyholder
from ehr import clock
from providers.rules import NotPossible
from research import joining, queries, tasks
from research.cohorts import asking as counts
from research.figures import asking, making
from research.models import Figure, FigureRun, Run
from research.release import asking as releases
from research.studies import deciding, proposing, running, work
from tests import people
from tests.research import figures_made, studying
from tests.research.criteria_made import document
from tests.research.figures_made import PARTS, Crowd, diabetic, made, numbers
from tests.research.studying import BASIC, LABS

pytestmark = pytest.mark.django_db
State = FigureRun.State
MONTHS = ["2031-05-20T12:00Z", "2031-06-20T12:00Z", "2031-07-20T12:00Z", "2031-08-20T12:00Z"]


@pytest.fixture(autouse=True)
def may():
    """Hold time still in a month of May: what figures are about follows from the day they are asked for."""
    with time_machine.travel(MONTHS[0], tick=False) as moment:
        yield moment


@pytest.fixture
def board(db, may):
    studying.prepare_ground()
    keyholder._begun.clear()
    return studying.committee()


@pytest.fixture
def rosa(board):
    return studying.researcher()


@pytest.fixture
def study(board, rosa):
    return figures_made.opened(rosa, board)


@pytest.fixture
def crowd(study, monkeypatch):
    """People nobody has to be opened for: what is tried here is what is told of them."""
    found = Crowd()
    monkeypatch.setattr(making.snapshots, "take", found.take)
    return found


@pytest.fixture
def month(study, rosa, may):
    """Make the figures of the month that is so many months ahead."""

    def ahead(number: int) -> Figure:
        may.move_to(MONTHS[number])
        Run.objects.filter(study=study).update(until=clock.now() + timedelta(days=20))
        return made(study, rosa.user)

    return ahead


@pytest.fixture
def kept(study, monkeypatch):
    """Let the study's keys open for months, without the keyholder: for it an approval is 31 days old at most."""
    opened = running.keys_for(queries.run_at(study, clock.now()))
    monkeypatch.setattr(running, "keys_for", lambda _run, **_because: opened)
    return opened


# --- From record to figure -------------------------------------------------------------------------
def test_figures_are_made_from_records_and_everybody_reads_of_it(study, rosa, settings):
    settings.RESEARCH_SMALL, settings.RESEARCH_BASE = 3, 3
    everybody = [people.patient(f"Ana {number}") for number in range(4)]
    for number, person in enumerate(everybody):
        own = diabetic(7.0 if number else None)
        drafts = [
            Draft(resource=json.dumps(each | {"id": str(uuid.uuid4())}).encode(), parts=(str(part),), search=b"{}")
            for each, part in zip(own, (BASIC, PARTS[1], PARTS[1], LABS), strict=False)
        ]
        access.add_own(person.patient, drafts, keyring=person.keyring)
    joined = [studying.join(person, study, *PARTS) for person in everybody[:3]]
    figure = made(study, rosa.user)
    assert figure.everybody[0] == 3
    acts = [line.action for line in audit.story(everybody[0].patient.pk)]
    assert acts.count("research.measured") == acts.count("research.read") == 1
    assert "research.measured" in [line.action for line in queries.uses(everybody[0].patient)]
    assert "research.measured" not in [line.action for line in audit.story(everybody[3].patient.pk)]
    joining.withdraw(joined[0], keyring=everybody[0].keyring)
    FigureRun.objects.update(month=date(2026, 1, 1))
    made(study, rosa.user)
    assert [line.action for line in audit.story(everybody[0].patient.pk)].count("research.measured") == 1


def test_who_keeps_back_a_part_is_not_in_figures_that_need_it(crowd, month, kept):
    crowd.add_many(40)
    for _ in range(30):
        crowd.add(diabetic(), parts=(BASIC, LABS))
    assert numbers(month(0))[1] == [40, None]  # that nobody of them misses it would be said of each


def test_numbers_are_rounded_small_ones_hidden_and_told_by_age_and_sex(crowd, month, kept):
    crowd.add_many(43)
    crowd.add_many(28, None, sex="male")
    crowd.add_many(3, born="1990-01-01")
    figure = month(0)
    assert figure.level == "age-and-sex"
    shown = {group: rest for group, *rest in figure.groups}
    assert shown["18-44 female"] == [None, None]
    assert all(number is None or number % 5 == 0 for row in shown.values() for number in row)


def test_neither_true_numbers_nor_who_was_counted_are_in_the_database(crowd, month, kept):
    crowd.add_many(43)
    crowd.add_many(28, None)
    figure = month(0)
    assert not any(one.bytes in bytes(figure.assigned) for one in crowd.people)
    assert "43" not in json.dumps([figure.everybody, figure.groups])


def test_the_days_are_twelve_months_that_ended_a_month_ago(study, rosa, crowd):
    run = asking.ask(study, by=rosa.user)
    assert (run.first, run.last) == (date(2030, 4, 1), date(2031, 3, 31))
    assert asking.period(date(2028, 4, 1)) == (date(2027, 3, 1), date(2028, 2, 29))


# --- From one month to the next --------------------------------------------------------------------
def test_one_person_more_or_less_changes_nothing_that_anybody_sees(crowd, month, kept):
    """The attack: everybody but one is known, and the figures of two months are taken from each other."""
    crowd.add_many(60)
    crowd.add_many(33, 10.5)
    first = month(0)
    her = crowd.add(diabetic(10.5))
    second = month(1)
    assert (second.stands, numbers(second)) == (first, numbers(first))
    crowd.people[her] = diabetic(6.0)
    third = month(2)
    assert (third.stands, numbers(third)) == (first, numbers(first))
    del crowd.people[her]
    fourth = month(3)
    assert (fourth.stands, numbers(fourth)) == (first, numbers(first))


def test_that_nobody_changed_looks_as_if_one_had(crowd, month, kept):
    crowd.add_many(60)
    first = month(0)
    assert month(1).stands == first


def test_figures_follow_when_many_changed_in_each_number(crowd, month, kept):
    crowd.add_many(60)
    crowd.add_many(60, 10.5)
    first = month(0)
    crowd.add_many(25)
    crowd.add_many(25, 10.5)
    second = month(1)
    assert second.stands is None
    assert (first.everybody, second.everybody) == ([120, 60], [170, 85])


def test_a_group_of_which_few_changed_is_not_told_apart_any_more(crowd, month, kept):
    crowd.add_many(60)
    crowd.add_many(60, sex="male")
    crowd.add_many(40, born="1990-01-01")
    first = month(0)
    crowd.add_many(30)
    crowd.add(diabetic(sex="male"))
    crowd.add_many(30, born="1990-01-01")
    second = month(1)
    assert (first.level, second.level) == ("age-and-sex", "age")
    assert [group for group, *_numbers in second.groups] == ["18-44", "45-64"]


def test_people_who_leave_and_come_back_do_not_bring_one_along(crowd, month, kept):
    """Held against the month before alone, the third month would be told anew, one person away from the first."""
    crowd.add_many(60)
    others = crowd.add_many(25)
    first = month(0)
    gone = {one: crowd.people.pop(one) for one in others}
    assert month(1).stands is None
    crowd.people.update(gone)
    crowd.add(diabetic())
    third = month(2)
    assert third.stands is not None
    assert numbers(third) != numbers(first) or third.stands == first


def test_no_two_months_tell_a_number_of_people_who_differ_by_few(crowd, month, kept, rosa, study):
    """At random: people come, go and change, and whatever is told is of at least eleven others than ever before."""
    chance = random.Random(70)
    crowd.add_many(50)
    crowd.add_many(40, 10.5, sex="male")
    told: list[tuple[Figure, dict]] = []
    for number in range(len(MONTHS)):
        for one in chance.sample(list(crowd.people), chance.choice([1, 8, 15, 40])):
            crowd.people.pop(one)
        crowd.add_many(chance.choice([0, 1, 12, 45]))
        crowd.add_many(chance.choice([0, 9, 30]), 10.5, sex="male")
        figure = month(number)
        if figure.stands is None:
            told.append((figure, making.unpacked(kept.kept(bytes(figure.assigned), label=making._LABEL))))
    assert len(told) >= 2
    for at, (later, now) in enumerate(told):
        for earlier, then in told[:at]:
            for met in ({True}, {False}, {True, False}):
                one, other = ({who for who, (_g, is_met) in each.items() if is_met in met} for each in (now, then))
                if max(len(one), len(other)) >= 11:
                    assert len(one ^ other) >= 11, (earlier, later)


# --- By hand and by the clock ----------------------------------------------------------------------
def test_a_month_has_one_run_whoever_begins_it(study, rosa, crowd):
    crowd.add_many(20)
    run = asking.ask(study, by=rosa.user)
    assert asking.ask(study, by=rosa.user) == run
    assert asking.ask_all() == 0
    assert making.make(run.pk) == State.READY
    assert asking.ask(study, by=rosa.user) == run
    assert [making.make(run.pk), asking.may_ask(study), crowd.opened] == ["", False, 1]


def test_the_clock_asks_each_month_and_makes_what_waits(study, crowd, kept, may):
    crowd.add_many(20)
    assert [tasks.ask_for_figures() for _ in range(2)] == [1, 0]
    assert [tasks.make_figures() for _ in range(2)] == [1, 0]
    run = FigureRun.objects.get()
    assert (run.asked_by, run.state) == (None, State.READY)
    may.move_to(MONTHS[1])
    Run.objects.update(until=clock.now() + timedelta(days=1))
    assert tasks.ask_for_figures() == 1


def test_without_an_approved_run_nothing_is_asked_or_opened(study, rosa, crowd):
    run = asking.ask(study, by=rosa.user)
    Run.objects.filter(study=study).update(until=clock.now())
    assert making.make(run.pk) == State.STOPPED
    with pytest.raises(NotPossible, match="Nobody lets"):
        asking.ask(study, by=rosa.user)
    assert (asking.ask_all(), crowd.opened) == (0, 0)


def test_a_cancelled_run_stops_at_the_next_person_and_may_be_asked_anew(study, rosa, crowd, monkeypatch):
    crowd.add_many(20)
    run = asking.ask(study, by=rosa.user)

    def take(_run, *, keyring, watch):
        watch(0, 20)
        asking.cancel(run, by=rosa.user)
        watch(1, 20)
        pytest.fail("nobody is opened for it any more")

    with monkeypatch.context() as patched:
        patched.setattr(making.snapshots, "take", take)
        assert making.make(run.pk) == State.CANCELLED
    assert Figure.objects.count() == 0
    assert asking.ask(study, by=rosa.user) != run


def test_a_worker_that_died_leaves_no_figures_and_another_makes_them(study, rosa, crowd, monkeypatch):
    crowd.add_many(20)
    run = asking.ask(study, by=rosa.user)
    slow = work.taken(FigureRun, run.pk)
    assert making.make(run.pk) == ""
    FigureRun.objects.filter(pk=run.pk).update(seen_at=clock.now() - work.SILENT)
    with monkeypatch.context() as patched:
        patched.setattr(making, "log_people", lambda *_args, **_more: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            making.make(run.pk)
    assert Figure.objects.count() == 0
    FigureRun.objects.filter(pk=run.pk).update(seen_at=clock.now() - work.SILENT)
    assert making.make(run.pk) == State.READY
    with pytest.raises(work.Given):
        making._make(slow)
    assert Figure.objects.count() == 1


def test_while_the_keyholder_is_away_figures_wait(study, rosa, crowd, monkeypatch):
    run = asking.ask(study, by=rosa.user)

    def away(*_args, **_more):
        raise KeyholderAway

    monkeypatch.setattr(running, "keys_for", away)
    assert [making.make(run.pk) for _ in range(5)] == [State.ASKED] * 5


def test_a_paused_study_makes_no_figures(study, rosa, board, crowd):
    run = asking.ask(study, by=rosa.user)
    deciding.pause(study, by=board.third, reason="A question.")
    assert making.make(run.pk) == State.STOPPED
    assert crowd.opened == 0


# --- What such a study is --------------------------------------------------------------------------
def test_a_study_for_figures_asks_no_questions_and_releases_nothing(study, rosa):
    with pytest.raises(NotPossible, match="and nothing else"):
        counts.ask(study, document({"sex": "female"}), by=rosa.user)
    with pytest.raises(NotPossible, match="and nothing else"):
        releases.ask(study, by=rosa.user)


def test_another_study_makes_no_figures(board, rosa):
    other = studying.opened(rosa, board)
    with pytest.raises(NotPossible, match="not approved for figures"):
        asking.ask(other, by=rosa.user)
    assert asking.ask_all() == 0


def test_nobody_else_asks_or_stops(study, rosa):
    other = studying.researcher("Bo Ny")
    with pytest.raises(NotPossible):
        asking.ask(study, by=other.user)
    run = asking.ask(study, by=rosa.user)
    assert (asking.run_of(other.user, run.pk), asking.run_of(rosa.user, run.pk)) == (None, run)
    with pytest.raises(NotPossible):
        asking.cancel(run, by=other.user)


@pytest.mark.parametrize(
    "instead",
    [
        {"categories": (BASIC,)},
        {"categories": (*PARTS, "treatment")},
        {"views": (studying.VIEW,)},
        {"pay": 100},
        {"measures": ("height",)},
    ],
)
def test_it_asks_for_what_its_figures_need_and_no_more(rosa, instead):
    with pytest.raises(NotPossible):
        studying.drafted(rosa, **figures_made.asked(**instead))


def test_which_figures_are_fixed_by_the_terms(study):
    assert proposing.intact(study)
    study.measures = ["blood-pressure"]
    assert not proposing.intact(study)
    study.measures = []
    assert not proposing.intact(study)
