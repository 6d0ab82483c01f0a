"""The decision, as a table: each row changes one thing about a case that is allowed."""

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from consent.rules import GrantFacts, ReaderFacts, decide
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


def ask(reader=READER, grants=(GRANT,), category=Category.LABS, action=Action.READ, purpose=Purpose.TREAT, at=NOW):
    return decide(reader=reader, grants=grants, category=category, action=action, purpose=purpose, at=at)


def test_a_grant_that_covers_everything_allows_and_is_named():
    assert ask().allowed
    assert ask().grant == GRANT.id


@pytest.mark.parametrize(
    ("change", "because"),
    [
        ({"reader": replace(READER, active=False, because="account-suspended")}, "account-suspended"),
        ({"reader": replace(READER, active=False)}, "account-inactive"),
        ({"reader": replace(READER, in_good_standing=False, because="credential-expired")}, "credential-expired"),
        ({"reader": replace(READER, in_good_standing=False)}, "no-standing"),
        ({"reader": replace(READER, sees_clinical_text=False)}, "role-without-clinical-text"),
        ({"grants": ()}, "no-grant"),
        ({"category": Category.GENETIC}, "not-in-grant"),
        ({"action": Action.WRITE}, "not-in-grant"),
        ({"purpose": Purpose.HPAYMT}, "not-in-grant"),
        ({"purpose": ""}, "no-purpose"),
        ({"at": GRANT.starts - timedelta(microseconds=1)}, "not-yet"),
        ({"at": GRANT.ends}, "over"),
        ({"grants": (replace(GRANT, ended_at=NOW),)}, "stopped"),
    ],
)
def test_any_single_thing_missing_refuses_and_says_which(change, because):
    decision = ask(**change)
    assert not decision.allowed
    assert decision.grant is None
    assert decision.because == because


def test_access_begins_with_its_first_moment_and_lasts_to_the_last():
    assert ask(at=GRANT.starts).allowed
    assert ask(at=GRANT.ends - timedelta(microseconds=1)).allowed


def test_an_ending_counts_at_once_also_where_the_clock_is_a_second_behind():
    ended = replace(GRANT, ended_at=NOW)
    for at in (NOW - timedelta(seconds=1), NOW, NOW + timedelta(seconds=1)):
        assert ask(grants=(ended,), at=at).because == "stopped"


def test_two_halves_of_different_grants_make_no_whole():
    reading_history = replace(GRANT, id=uuid.UUID(int=2), categories=frozenset({Category.HISTORY}))
    writing_labs = replace(GRANT, id=uuid.UUID(int=3), actions=frozenset({Action.WRITE}))
    assert not ask(grants=(reading_history, writing_labs)).allowed


def test_of_two_that_allow_the_longer_is_named():
    longer = replace(GRANT, id=uuid.UUID(int=2), ends=GRANT.ends + timedelta(days=1))
    assert ask(grants=(GRANT, longer)).grant == longer.id


def test_who_sees_no_clinical_text_may_still_be_shown_the_basics():
    basic = replace(GRANT, categories=frozenset({Category.BASIC}))
    desk = replace(READER, sees_clinical_text=False)
    assert ask(reader=desk, grants=(basic,), category=Category.BASIC).allowed


def _oracle(active, standing, clinical, covers, action, purpose, time) -> bool:
    """The words of the design, read again and written down another way."""
    return all([active, standing, clinical, covers, action, purpose, time == "during"])


@pytest.mark.parametrize(
    "cell", list(product([True, False], repeat=6)), ids=lambda cell: "".join("yn"[not one] for one in cell)
)
@pytest.mark.parametrize("time", ["before", "during", "after", "stopped"])
def test_every_cell_of_the_table_agrees_with_the_oracle(cell, time):
    active, standing, clinical, covers, action, purpose = cell
    at = {"before": GRANT.starts - timedelta(1), "after": GRANT.ends + timedelta(1)}.get(time, NOW)
    grant = replace(
        GRANT,
        categories=frozenset({Category.LABS if covers else Category.HISTORY}),
        actions=frozenset({Action.READ if action else Action.WRITE}),
        purpose=Purpose.TREAT if purpose else Purpose.HOPERAT,
        ended_at=NOW if time == "stopped" else None,
    )
    reader = ReaderFacts(active=active, in_good_standing=standing, sees_clinical_text=clinical)
    assert ask(reader=reader, grants=(grant,), at=at).allowed == _oracle(*cell, time)
