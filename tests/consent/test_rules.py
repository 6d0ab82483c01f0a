"""The decision in single facts. All of its combinations are in test_decision_table.py."""

import uuid
from datetime import UTC, date, datetime, timedelta

import pytest

from consent.rules import EmergencyFacts, EntryFacts, GrantFacts, Law, ReaderFacts, Situation, decide, decide_each
from ehr.words import Action, Category, Purpose

pytestmark = pytest.mark.compliance
NOW = datetime(2026, 11, 19, 12, tzinfo=UTC)
READER = ReaderFacts(active=True, in_good_standing=True)
GRANT = GrantFacts(
    id=uuid.UUID(int=1),
    categories=frozenset({Category.LABS}),
    actions=frozenset({Action.READ}),
    purpose=Purpose.TREAT,
    starts=NOW - timedelta(days=1),
    ends=NOW + timedelta(days=1),
)
URGENT = EmergencyFacts(id=uuid.UUID(int=9), starts=NOW - timedelta(hours=1), ends=NOW + timedelta(hours=3))


def ask(reader=READER, grants=(GRANT,), purpose=Purpose.TREAT, **more):
    asked = {"category": Category.LABS, "action": Action.READ, "at": NOW} | more
    return decide(reader=reader, grants=grants, purpose=purpose, **asked)


def test_a_grant_that_covers_everything_allows_and_is_named():
    assert ask().allowed
    assert ask().because == "grant"
    assert (ask().grant, ask().emergency) == (GRANT.id, None)


def test_two_halves_of_different_grants_make_no_whole():
    reading_history = GRANT._replace(id=uuid.UUID(int=2), categories=frozenset({Category.HISTORY}))
    writing_labs = GRANT._replace(id=uuid.UUID(int=3), actions=frozenset({Action.WRITE}))
    assert not ask(grants=(reading_history, writing_labs)).allowed


def test_what_is_not_said_of_a_reader_lets_nobody_in_without_a_grant():
    assert ask(purpose=Purpose.BTG, situation=Situation(emergency=URGENT)).because == "role-without-emergency"


def test_a_standing_lost_without_a_word_why_is_told_in_one_of_its_own():
    assert ask(reader=READER._replace(active=False)).because == "account-inactive"
    assert ask(reader=READER._replace(in_good_standing=False)).because == "no-standing"


def test_without_an_entry_the_question_is_about_the_whole_part():
    chosen = GRANT._replace(entries=frozenset({"a"}))
    assert ask(grants=[chosen]).because == "not-in-grant"
    assert ask(grants=[chosen], entry=EntryFacts("a")).allowed


def test_what_is_not_said_of_a_reader_takes_nothing_away():
    by_team = GRANT._replace(by_team=True)
    assert ask(grants=[by_team]).allowed
    assert ask(reader=READER._replace(sees_clinical_text=True, sees_people=True), grants=[by_team]).allowed


def test_what_is_not_said_of_a_situation_is_not_so():
    named = GRANT._replace(by_team=True, places=frozenset({"CA"}))
    nurse = READER._replace(needs_assignment=True)
    assert ask(reader=nurse).allowed
    assert ask(reader=nurse, grants=[named]).because == "place-unknown"
    assert ask(reader=nurse, grants=[GRANT._replace(by_team=True)]).because == "not-assigned"
    assert Situation() == Situation("", False, False, False, None, Law(False, False))


def test_what_is_not_said_of_an_emergency_or_the_law_takes_nothing_away():
    doctor = READER._replace(may_break_glass=True)
    made = ask(reader=doctor, grants=(), purpose=Purpose.BTG, situation=Situation(emergency=URGENT, blocked=True))
    assert made.allowed
    assert made.emergency == URGENT.id


def test_what_is_not_said_of_a_grant_narrows_nothing():
    assert not GRANT.bundle
    assert not GRANT.by_team
    assert ask(entry=EntryFacts("any")).allowed
    assert EntryFacts("any").recorded is None


@pytest.mark.parametrize(
    ("narrowed", "bundle", "sample"),
    [
        ({}, False, EntryFacts("")),
        ({"record_from": date(2026, 1, 1)}, False, EntryFacts("", date(2026, 1, 1))),
        ({"record_until": date(2026, 2, 1)}, True, EntryFacts("", date(2026, 2, 1))),
        (
            {"record_from": date(2026, 1, 1), "record_until": date(2026, 2, 1)},
            True,
            EntryFacts("", date(2026, 2, 1)),
        ),
        ({"entries": frozenset({"b", "a", "c"})}, True, EntryFacts("a")),
    ],
    ids=["whole", "since", "until", "between", "chosen"],
)
def test_a_fixed_set_of_entries_is_a_bundle_and_one_of_it_stands_for_it(narrowed, bundle, sample):
    grant = GRANT._replace(**narrowed)
    assert grant.bundle is bundle
    assert grant.sample == sample


def test_of_two_that_are_equal_otherwise_the_same_one_is_named_whatever_their_order():
    twin = GRANT._replace(id=uuid.UUID(int=2))
    assert ask(grants=(GRANT, twin)) == ask(grants=(twin, GRANT))


def test_grants_may_be_handed_over_one_at_a_time():
    assert ask(grants=iter([GRANT])).allowed
    assert ask(grants=iter([GRANT._replace(ended_at=NOW)])).because == "stopped"


_HISTORY = GRANT._replace(id=uuid.UUID(int=2), categories=frozenset({Category.HISTORY, Category.BASIC}))
_PHYSICIAN = READER._replace(may_break_glass=True)
_LAW = Law(blocks_prevail=True, opt_outs_prevail=True)
_BARRED = URGENT._replace(opted_out=frozenset({Category.GENETIC, Category.LABS}))


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"grants": (GRANT, _HISTORY)},
        {"grants": (GRANT._replace(categories=frozenset(Category)), _HISTORY, GRANT._replace(ended_at=NOW))},
        {"grants": ()},
        {"grants": (_HISTORY,), "reader": READER._replace(sees_clinical_text=False)},
        {"grants": (GRANT._replace(record_from=date(2026, 1, 1)),), "entry": EntryFacts("a", date(2025, 1, 1))},
        {"grants": (GRANT._replace(entries=frozenset({"a"})), _HISTORY)},
        {"grants": (GRANT, _HISTORY), "action": Action.WRITE},
        {"grants": (GRANT,), "purpose": Purpose.ETREAT, "at": NOW + timedelta(days=2)},
        {"reader": _PHYSICIAN, "purpose": Purpose.BTG, "situation": Situation(emergency=_BARRED, law=_LAW)},
    ],
    ids=[
        *("one", "several", "one beside several", "none", "only the basic part", "one entry", "chosen entries"),
        *("writing", "over", "in an emergency"),
    ],
)
def test_parts_are_decided_on_together_as_each_would_be_alone(asked):
    about = {"reader": READER, "grants": (GRANT,), "action": Action.READ, "purpose": Purpose.TREAT, "at": NOW} | asked
    parts = tuple(reversed(Category))
    alone = {part: decide(category=part, **about) for part in parts}
    together = decide_each(parts=iter(parts), **about | {"grants": iter(about["grants"])})
    assert list(together.items()) == list(alone.items())
