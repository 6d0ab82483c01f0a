"""The pure rule of who may act for somebody else: one condition at a time, and the day somebody comes of age."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

from consent.acting import ABOUT_PARTS, DelegationFacts, Right, decide, of_age_at, why_not
from consent.rules import GrantFacts
from ehr.words import Action, Category, Purpose

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
HELD = DelegationFacts(
    id=uuid4(),
    rights=frozenset(map(str, Right)),
    categories=frozenset({Category.LABS}),
    starts=AT - HOUR,
    ends=AT + HOUR,
)
GRANT = GrantFacts(
    id=uuid4(),
    categories=frozenset({Category.LABS}),
    actions=frozenset({Action.READ, Action.WRITE}),
    purpose=Purpose.PATRQT,
    starts=AT - HOUR,
    ends=AT + HOUR,
)


def asked(right=Right.READ, **instead):
    facts = {"active": True, "delegation": HELD, "category": Category.LABS, "grants": [GRANT], "at": AT}
    return decide(right=right, **facts | instead)


@pytest.mark.parametrize("right", list(Right))
def test_all_conditions_met_allow(right):
    assert asked(right).allowed


@pytest.mark.parametrize("right", list(Right))
@pytest.mark.parametrize(
    ("instead", "because"),
    [
        ({"active": False}, "account-inactive"),
        ({"blocked": True}, "blocked"),
        ({"delegation": None}, "no-delegation"),
        ({"delegation": replace(HELD, accepted=False)}, "no-delegation"),
        ({"delegation": replace(HELD, genuine=False)}, "not-what-was-signed"),
        ({"delegation": replace(HELD, ended=True)}, "stopped"),
        ({"delegation": replace(HELD, of_age=AT)}, "of-age"),
        ({"delegation": replace(HELD, ends=AT)}, "over"),
        ({"delegation": replace(HELD, starts=AT + HOUR)}, "not-yet"),
        ({"delegation": replace(HELD, rights=frozenset())}, "not-in-rights"),
    ],
)
def test_any_one_condition_missing_refuses_every_right(right, instead, because):
    decision = asked(right, **instead)
    assert (decision.allowed, decision.because, decision.grant) == (False, because, None)


@pytest.mark.parametrize("right", sorted(ABOUT_PARTS))
def test_a_right_is_about_the_named_parts_only(right):
    assert asked(right, category=Category.GENETIC).because == "not-in-rights"


@pytest.mark.parametrize("right", list(Right))
def test_a_right_that_is_not_named_is_not_held_by_another(right):
    others = replace(HELD, rights=HELD.rights - {str(right)})
    assert not asked(right, delegation=others).allowed


@pytest.mark.parametrize(("right", "needed"), [(Right.READ, Action.READ), (Right.ADD, Action.WRITE)])
@pytest.mark.parametrize(
    "grant",
    [
        None,
        GRANT._replace(purpose=Purpose.TREAT),
        GRANT._replace(categories=frozenset({Category.GENETIC})),
        GRANT._replace(actions=frozenset()),
        GRANT._replace(ended_at=AT),
        GRANT._replace(ends=AT),
        GRANT._replace(starts=AT + HOUR),
    ],
)
def test_to_read_and_to_add_there_is_a_grant_that_holds(right, needed, grant):
    assert not asked(right, grants=[grant] if grant else []).allowed
    assert asked(right, grants=[GRANT._replace(actions=frozenset({needed}))]).grant == GRANT.id


def test_the_moment_of_coming_of_age_is_outside_and_the_one_before_it_within():
    assert why_not(replace(HELD, of_age=AT + timedelta(seconds=1)), at=AT) == ""
    assert why_not(replace(HELD, of_age=AT), at=AT) == "of-age"


def test_a_childs_day_comes_before_the_end_that_was_named():
    assert replace(HELD, of_age=AT).over_at == AT
    assert replace(HELD, of_age=AT + 2 * HOUR).over_at == HELD.ends


@pytest.mark.parametrize(
    ("born", "years", "zone", "day"),
    [
        (date(2008, 12, 1), 18, "UTC", datetime(2026, 12, 1, tzinfo=UTC)),
        (date(2008, 12, 1), 18, "America/Toronto", datetime(2026, 12, 1, 5, tzinfo=UTC)),
        (date(2008, 12, 1), 18, "Pacific/Auckland", datetime(2026, 11, 30, 11, tzinfo=UTC)),
        # Born on a leap day: over when 28 February is.
        (date(2008, 2, 29), 18, "UTC", datetime(2026, 3, 1, tzinfo=UTC)),
        (date(2008, 2, 29), 16, "UTC", datetime(2024, 2, 29, tzinfo=UTC)),
        # A midnight that is skipped in spring.
        (date(2000, 10, 15), 17, "America/Sao_Paulo", datetime(2017, 10, 15, 3, tzinfo=UTC)),
    ],
)
def test_of_age_from_the_first_moment_of_the_birthday_where_one_lives(born, years, zone, day):
    assert of_age_at(born, years, ZoneInfo(zone)) == day
