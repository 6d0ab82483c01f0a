"""What must hold of any decision, whatever the facts: less given is never more allowed."""

from datetime import timedelta, timezone

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from consent.rules import EmergencyFacts, EntryFacts, GrantFacts, Law, ReaderFacts, Situation, decide, decide_each
from ehr.words import Action, Category, Purpose
from tests.consent.worlds import NOW

pytestmark = pytest.mark.compliance
ENTRIES = ("a", "b", "c")
COUNTRIES = ("CA", "DE", "FR")
# Few values, so that boundaries are met often.
moments = st.sampled_from([-48, -24, -1, 0, 1, 24, 48]).map(lambda hours: NOW + timedelta(hours=hours))
days = st.sampled_from([-3, -2, -1, 0, 1, 2, 3]).map(lambda count: NOW.date() + timedelta(days=count))
often, seldom = st.sampled_from([True, True, True, False]), st.sampled_from([False, False, False, True])

grants = st.builds(
    GrantFacts,
    id=st.uuids(),
    categories=st.frozensets(st.sampled_from(Category), min_size=1).map(lambda some: some | {Category.LABS}),
    actions=st.frozensets(st.sampled_from(Action), min_size=1),
    purpose=st.sampled_from([Purpose.TREAT, Purpose.TREAT, Purpose.ETREAT]),
    starts=moments,
    ends=moments,
    ended_at=st.one_of(st.none(), st.none(), st.none(), moments),
    entries=st.one_of(st.just(frozenset()), st.frozensets(st.sampled_from(ENTRIES))),
    record_from=st.one_of(st.none(), days),
    record_until=st.one_of(st.none(), st.none(), days),
    places=st.one_of(st.just(frozenset()), st.frozensets(st.sampled_from(COUNTRIES))),
    by_team=seldom,
)
readers = st.builds(
    ReaderFacts,
    active=often,
    in_good_standing=often,
    sees_clinical_text=often,
    sees_people=often,
    may_break_glass=often,
    only_chosen_entries=seldom,
    needs_assignment=seldom,
)
emergencies = st.builds(
    EmergencyFacts,
    id=st.uuids(),
    starts=moments,
    ends=moments,
    ended=seldom,
    opted_out=st.frozensets(st.sampled_from(Category)),
)
situations = st.builds(
    Situation,
    place=st.sampled_from(["", *COUNTRIES]),
    blocked=seldom,
    restricted=seldom,
    assigned=st.booleans(),
    emergency=st.one_of(st.none(), emergencies),
    law=st.builds(Law, blocks_prevail=st.booleans(), opt_outs_prevail=st.booleans()),
)
entries = st.builds(EntryFacts, id=st.sampled_from([*ENTRIES, "d"]), recorded=st.one_of(st.none(), days))
worlds = st.fixed_dictionaries(
    {
        "reader": readers,
        "grants": st.lists(grants, max_size=4),
        "category": st.sampled_from([Category.LABS, Category.LABS, Category.BASIC, Category.GENETIC]),
        "action": st.sampled_from([Action.READ, Action.READ, Action.WRITE]),
        "purpose": st.sampled_from([Purpose.TREAT, Purpose.TREAT, Purpose.ETREAT, Purpose.BTG]),
        "at": moments,
        "entry": st.one_of(st.none(), entries),
        "situation": situations,
    }
)


def narrower(grant: GrantFacts, how: str, drawn) -> GrantFacts:
    """Return a grant that gives less in one respect, or as much."""
    if how == "ends":
        return grant._replace(ends=min(grant.ends, drawn.draw(moments)))
    if how == "starts":
        return grant._replace(starts=max(grant.starts, drawn.draw(moments)))
    if how == "ended_at":
        return grant._replace(ended_at=drawn.draw(moments))
    if how == "record_from":
        return grant._replace(record_from=max(filter(None, [grant.record_from, drawn.draw(days)])))
    if how == "record_until":
        return grant._replace(record_until=min(filter(None, [grant.record_until, drawn.draw(days)])))
    if how == "by_team":
        return grant._replace(by_team=True)
    kept = getattr(grant, how) or frozenset({"entries": ENTRIES, "places": COUNTRIES}[how])
    smallest = 1 if how in {"entries", "places"} else 0
    return grant._replace(**{how: drawn.draw(st.frozensets(st.sampled_from(sorted(kept)), min_size=smallest))})


NARROWED = (
    "categories",
    "actions",
    "starts",
    "ends",
    "ended_at",
    "entries",
    "record_from",
    "record_until",
    "places",
    "by_team",
)


@given(world=worlds, drawn=st.data())
def test_without_one_of_the_grants_nothing_more_is_allowed(world, drawn):
    assume(world["grants"])
    gone = drawn.draw(st.sampled_from(world["grants"]))
    fewer = [grant for grant in world["grants"] if grant is not gone]
    assert decide(**world | {"grants": fewer}).allowed <= decide(**world).allowed


@pytest.mark.parametrize("how", NARROWED)
@given(world=worlds, drawn=st.data())
def test_a_narrower_grant_allows_nothing_more(how, world, drawn):
    assume(world["grants"])
    # Chosen entries open to a pharmacist what a whole part does not: there it is not the narrower of the two.
    assume(how != "entries" or not world["reader"].only_chosen_entries)
    first, *others = world["grants"]
    narrowed = [narrower(first, how, drawn), *others]
    assert decide(**world | {"grants": narrowed}).allowed <= decide(**world).allowed


@pytest.mark.parametrize(
    "worse",
    [
        {"blocked": True},
        {"restricted": True},
        {"assigned": False},
        {"place": ""},
        {"law": Law(blocks_prevail=True, opt_outs_prevail=True)},
    ],
    ids=lambda worse: next(iter(worse)),
)
@given(world=worlds)
def test_no_block_restriction_or_unknown_place_and_no_law_lets_anybody_in(worse, world):
    after = world | {"situation": world["situation"]._replace(**worse)}
    assert decide(**after).allowed <= decide(**world).allowed


@pytest.mark.parametrize(
    "worse",
    [
        {"active": False},
        {"in_good_standing": False},
        {"sees_clinical_text": False},
        {"sees_people": False},
        {"may_break_glass": False},
        {"only_chosen_entries": True},
        {"needs_assignment": True},
    ],
    ids=lambda worse: next(iter(worse)),
)
@given(world=worlds)
def test_who_loses_standing_or_works_in_a_narrower_role_is_let_in_to_nothing_more(worse, world):
    after = world | {"reader": world["reader"]._replace(**worse)}
    assert decide(**after).allowed <= decide(**world).allowed


@given(world=worlds, drawn=st.data())
def test_the_end_of_an_emergency_lets_nobody_in(world, drawn):
    emergency = world["situation"].emergency
    assume(emergency is not None)
    over = emergency._replace(ended=True)
    after = world | {"situation": world["situation"]._replace(emergency=over)}
    assert decide(**after).allowed <= decide(**world).allowed


@given(world=worlds, drawn=st.data())
def test_the_order_of_grants_does_not_matter(world, drawn):
    assert decide(**world | {"grants": drawn.draw(st.permutations(world["grants"]))}) == decide(**world)


@given(world=worlds)
def test_a_decision_names_only_a_grant_that_alone_would_allow(world):
    made = decide(**world)
    assert (made.grant is not None) == (made.because == "grant")
    assert not (made.grant and made.emergency)
    if made.grant is not None:
        alone = [grant for grant in world["grants"] if grant.id == made.grant]
        assert decide(**world | {"grants": alone}) == made


@given(world=worlds, parts=st.permutations(Category))
def test_parts_are_decided_on_together_as_each_would_be_alone(world, parts):
    alone = {part: decide(**world | {"category": part}) for part in parts}
    together = decide_each(parts=parts, **{name: one for name, one in world.items() if name != "category"})
    assert list(together.items()) == list(alone.items())


@given(several=st.lists(grants, min_size=2, max_size=4), lasting=st.lists(st.integers(1, 3), min_size=4, max_size=4))
def test_a_part_is_opened_by_the_grant_that_opens_most_of_it(several, lasting):
    """A part is opened under one grant, and its entries then held against that one: no other may show more of them."""
    asked = {"reader": ReaderFacts(True, True), "category": Category.LABS, "action": Action.READ, "at": NOW}
    opening = [
        grant._replace(
            actions=frozenset(Action),
            purpose=Purpose.TREAT,
            starts=NOW,
            ends=NOW + timedelta(days=length),
            ended_at=None,
            entries=frozenset(),
            record_until=None,
            places=frozenset(),
        )
        for grant, length in zip(several, lasting, strict=False)
    ]
    whole = decide(grants=opening, purpose=Purpose.TREAT, **asked)
    named = [grant for grant in opening if grant.id == whole.grant]
    for day in (None, *(NOW.date() + timedelta(days=count) for count in range(-4, 5))):
        about = asked | {"purpose": Purpose.TREAT, "entry": EntryFacts("d", day)}
        assert decide(grants=named, **about).allowed == decide(grants=opening, **about).allowed


@given(grant=grants)
def test_a_grant_opens_the_entry_that_stands_for_it(grant):
    """By it is found out whether a bundle opens anything, so it has to be inside."""
    assume(not (grant.record_from and grant.record_until and grant.record_from > grant.record_until))
    holding = grant._replace(starts=NOW, ends=NOW + timedelta(1), ended_at=None, places=frozenset(), by_team=False)
    asked = {"category": Category.LABS, "action": min(grant.actions), "purpose": grant.purpose, "at": NOW}
    reader = ReaderFacts(active=True, in_good_standing=True)
    assert decide(reader=reader, grants=[holding], entry=grant.sample, **asked).allowed
    if grant.entries:
        assert grant.sample.id in grant.entries


@given(world=worlds, hours=st.integers(-12, 14))
def test_the_zone_in_which_a_moment_is_told_does_not_matter(world, hours):
    told = world["at"].astimezone(timezone(timedelta(hours=hours)))
    assert decide(**world | {"at": told}) == decide(**world)
