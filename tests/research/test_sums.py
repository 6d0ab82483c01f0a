"""Sums across sites: the total comes out, a site's number does not, and who drops out is left out."""

import json
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from research.sums import NotAPlan, Refused, State
from research.sums import plan as plans
from research.sums.aggregator import digest_of
from research.sums.messages import LONGEST
from research.sums.noise import discrete_gaussian
from research.sums.plan import Party
from research.sums.sharing import added, joined, split
from tests.research.sums_made import KEYS, NORTH_SOUTH, SITES, Round, chances, plan, seeded
from tests.research.test_private import LINE, chi_square

ALL = {"A": [120, 80], "B": [40, -3], "C": [7, 0]}


@pytest.fixture
def begun():
    return Round(plan())


def all_deliver(of, *sites):
    for site in sites or SITES:
        of.deliver(site, ALL[site])


# --- Shares ----------------------------------------------------------------------------------------
lists = st.lists(st.integers(-(10**18), 10**18), min_size=3, max_size=3)


@settings(max_examples=60)
@given(st.lists(lists, min_size=1, max_size=5), st.integers(2, 4))
def test_shares_of_sums_are_sums_of_shares(values, parts):
    shared = [split(each, parts) for each in values]
    sums = [added(each[part] for each in shared) for part in range(parts)]
    assert joined(sums) == [sum(column) for column in zip(*values, strict=True)]


def test_a_share_is_another_random_number_each_time():
    first = {split([5], 2)[0][0] for _ in range(50)}
    last = {split([5], 2)[1][0] for _ in range(50)}
    assert len(first) == len(last) == 50
    # Each of 128 bits is set about as often as not, whatever the number is.
    bits = [sum(split([5], 3)[part][0] >> bit & 1 for _ in range(200)) for part in range(3) for bit in (0, 63, 127)]
    assert all(50 < count < 150 for count in bits)


def test_one_part_is_no_sharing():
    with pytest.raises(ValueError, match="known to one"):
        split([1], 1)


# --- Noise -----------------------------------------------------------------------------------------
@pytest.mark.parametrize(("variance", "farthest"), [(Fraction(1), 3), (Fraction(50, 7), 6)])
def test_noise_of_a_seed_fits_the_discrete_gaussian(variance, farthest):
    """The seed is fixed, so that this says the same each time; what is off by a quarter does not fit."""
    source = seeded(20261121)
    drawn = [discrete_gaussian(variance, source) for _ in range(6000)]
    assert abs(chi_square(drawn, chances(variance, farthest))) < LINE
    assert chi_square(drawn, chances(variance * Fraction(5, 4), farthest)) > LINE
    assert chi_square(drawn, chances(variance * Fraction(4, 5), farthest)) > LINE


def test_without_a_seed_noise_is_never_the_same_twice():
    assert len({tuple(discrete_gaussian(Fraction(10**6)) for _ in range(4)) for _ in range(20)}) == 20


def test_without_any_one_site_the_noise_of_the_others_is_what_the_price_asks_for():
    asked = plan(farthest=3, nano_rho=10**6, least_sites=3)
    assert asked.variance * (3 - 1) == Fraction(9 * 10**9, 2 * 10**6)
    assert plan(nano_rho=10**12).variance == 1


# --- Plans -----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "changed",
    [
        {"aggregators": (Party("North", KEYS["North"].public, "https://north.example"),)},
        {"least_sites": 1},
        {"least_sites": 4},
        {"labels": ()},
        {"labels": ("a", "a")},
        {"farthest": 0},
        {"nano_rho": 0},
        {"seconds_open": 0},
        {"number": ""},
        {"sites": tuple(Party(name, KEYS["A"].public) for name in SITES)},
        {"sites": tuple(Party("A", KEYS[name].public) for name in SITES)},
        {"sites": (Party("A", b"short"), Party("B", KEYS["B"].public))},
    ],
)
def test_a_plan_that_would_show_a_site_is_none(changed):
    with pytest.raises(NotAPlan):
        plan(**changed)


@pytest.mark.parametrize("address", ["", "http://north.example", "ftp://127.0.0.1", "https://", "https://n:x"])
def test_shares_are_sent_where_nobody_reads_them_on_the_way(address):
    with pytest.raises(NotAPlan, match="https"):
        plan({"North": address, "South": "https://south.example"})


def test_a_plan_is_read_as_it_was_written_and_known_by_its_digest():
    asked = plan()
    again = plans.read(json.loads(json.dumps(asked.written())))
    assert (again, again.digest) == (asked, asked.digest)
    assert replace(asked, nano_rho=5_000_001).digest != asked.digest


@pytest.mark.parametrize("change", [{"farthest": "2"}, {"nano_rho": True}, {"sites": {}}, {"labels": [1]}, {"more": 1}])
def test_what_is_not_a_plan_is_refused(change):
    with pytest.raises(NotAPlan):
        plans.read(plan().written() | change)
    with pytest.raises(NotAPlan):
        plans.read([])


# --- The sum ---------------------------------------------------------------------------------------
def test_three_sites_are_added_up(begun):
    all_deliver(begun)
    begun.carry()
    assert begun.states() == ["done", "done"]
    for each in begun.aggregators.values():
        assert each.total == [167, 77]
        assert each.sites == SITES


def test_what_an_aggregator_holds_and_hears_before_the_total_tells_nothing_of_a_site(begun):
    all_deliver(begun)
    north = begun.aggregators["North"]
    seen = {number for shares in north._shares.values() for number in shares}
    assert min(seen) > 2**64  # random numbers of 128 bits, none of which is a count
    begun.carry()
    assert north._shares == {}


def test_a_site_that_dropped_out_before_it_delivered_is_left_out(begun):
    all_deliver(begun, "A", "B")
    begun.deliver("C", ALL["C"], to=())
    for each in begun.aggregators.values():
        each.close()
    begun.carry()
    assert begun.states() == ["done", "done"]
    assert begun.aggregators["North"].sites == ("A", "B")
    assert begun.aggregators["South"].total == [160, 77]


def test_a_site_that_reached_one_aggregator_alone_is_left_out(begun):
    all_deliver(begun, "A", "C")
    begun.deliver("B", ALL["B"], to=("North",))
    assert begun.states() == ["closed", "collecting"]
    begun.aggregators["South"].close()
    begun.carry()
    assert begun.aggregators["North"].total == [127, 80]


def test_too_few_sites_give_no_sum_and_nothing_of_them(begun):
    all_deliver(begun, "A")
    for each in begun.aggregators.values():
        each.close()
    begun.carry()
    assert begun.states() == ["given up", "given up"]
    for each in begun.aggregators.values():
        assert (each.total, each.result(), each._shares) == (None, None, {})


def test_who_comes_after_the_close_is_refused(begun):
    all_deliver(begun, "A", "B")
    for each in begun.aggregators.values():
        each.close()
    with pytest.raises(Refused, match="time for this is over"):
        begun.deliver("C", ALL["C"])


def test_a_site_that_tells_aggregators_different_things_is_left_out(begun):
    all_deliver(begun, "A", "B")
    shares = {name: {"shares": ["1", "2"]} for name in NORTH_SOUTH}
    for name, other in zip(NORTH_SOUTH, ("0" * 64, "1" * 64), strict=True):
        digests = dict.fromkeys(NORTH_SOUTH, other) | {name: digest_of(shares[name])}
        begun.say("C", name, "commitment", {"shares": digests})
        begun.say("C", name, "shares", shares[name])
    begun.carry()
    assert begun.aggregators["North"].sites == ("A", "B")


def test_other_shares_than_those_committed_to_are_refused(begun):
    begun.deliver("A", ALL["A"], to=())
    with pytest.raises(Refused, match="committed"):
        begun.say("A", "North", "shares", {"shares": ["1", "2"]})
    with pytest.raises(Refused, match="Commit"):
        begun.say("B", "North", "shares", {"shares": ["1", "2"]})


def test_an_aggregator_tells_its_sum_once_and_only_of_sites_that_all_agree_on(begun):
    all_deliver(begun)
    north = begun.aggregators["North"]
    mine = dict(north._heard.of("roster")["North"])
    begun.say("South", "North", "roster", {"sites": mine})
    begun.say("South", "North", "agreed", {"sites": ["A", "B"]})
    assert north.state is State.GIVEN_UP
    said = [json.loads(raw)["kind"] for _, raw in north.outgoing()]
    assert said == ["roster", "agreed"]


def test_a_second_total_of_other_sites_cannot_be_asked_for(begun):
    all_deliver(begun)
    begun.carry()
    north = begun.aggregators["North"]
    for kind, body in (("roster", {"sites": {}}), ("agreed", {"sites": ["A", "B"]})):
        with pytest.raises(Refused, match="said before"):
            begun.say("South", "North", kind, body)
    north.close()
    north.give_up("late")
    assert (north.state, north.outgoing()) == (State.DONE, [])


# --- Messages --------------------------------------------------------------------------------------
def test_a_message_that_comes_again_is_refused(begun):
    said = begun.deliver("A", ALL["A"])
    for raw, name in zip(said, (*NORTH_SOUTH, *NORTH_SOUTH), strict=True):
        with pytest.raises(Refused) as told:
            begun.aggregators[name].hear(raw)
        assert told.value.again


def test_a_message_of_another_plan_is_refused(begun):
    later = Round(plan(number="2"))
    for raw in begun.deliver("A", ALL["A"], to=("North",), commit_to=("North",)):
        with pytest.raises(Refused, match="another plan"):
            later.aggregators["North"].hear(raw)


FORGED = [
    ({"key": "Stranger"}, "signature"),
    ({"key": "B"}, "signature"),
    ({"sender": "Stranger"}, "does not let"),
    ({"kind": "roster"}, "does not let"),
    ({"sender": "South"}, "does not let"),
    ({"kind": "result"}, "does not let"),
    ({"to": "South"}, "somebody else"),
]


@pytest.mark.parametrize(("changed", "told"), FORGED)
def test_a_message_that_is_not_what_it_says_is_refused(begun, changed, told):
    facts = {"sender": "A", "to": "North", "kind": "commitment", "body": {}} | changed
    raw = begun.message(facts["sender"], facts["to"], facts["kind"], {}, key=facts.get("key"))
    with pytest.raises(Refused, match=told):
        begun.aggregators["North"].hear(raw)
    assert begun.aggregators["North"]._heard.of("commitment") == {}


@settings(max_examples=80)
@given(st.data())
def test_no_changed_byte_is_read(data):
    begun = Round(plan())
    raw = bytearray(begun.message("A", "North", "commitment", {"shares": dict.fromkeys(NORTH_SOUTH, "ab" * 32)}))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(Refused):
        begun.aggregators["North"].hear(bytes(raw))


@pytest.mark.parametrize("raw", [b"", b"[]", b"{}", b"[" * 50_000, b"\xff", b"0" * (LONGEST + 1), b'{"plan": 1}'])
def test_what_is_no_message_is_refused(begun, raw):
    with pytest.raises(Refused):
        begun.aggregators["North"].hear(raw)


@pytest.mark.parametrize(
    "shares",
    [
        None,
        [],
        ["1"],
        ["1", "2", "3"],
        [1, 2],
        ["-1", "2"],
        ["1.5", "2"],
        [str(2**128), "2"],
        ["9" * 5000, "2"],
        ["²", "2"],
    ],
)
def test_shares_that_are_none_are_refused(begun, shares):
    body = {"shares": shares}
    begun.say("A", "North", "commitment", {"shares": dict.fromkeys(NORTH_SOUTH, digest_of(body))})
    with pytest.raises(Refused):
        begun.say("A", "North", "shares", body)


def test_an_aggregator_that_is_not_of_the_plan_is_none():
    with pytest.raises(Refused):
        Round(
            replace(
                plan(),
                aggregators=(Party("West", KEYS["C"].public, "https://w"), plan().aggregators[0]),
                sites=plan().sites[:2],
            )
        )
