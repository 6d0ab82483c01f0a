"""Where the money is: whatever sums there are, the next act only moves what is there, and the acts come to an end."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appointments.models import Movement, PaymentParcel, Way
from appointments.payments import position as positions
from appointments.payments.position import MOVES, Account, Act, Paid, Position, Seen, next_act

Kind, Do = Movement.Kind, PaymentParcel.Kind
AMOUNT = st.integers(0, 10**6)
WAYS = st.sampled_from([Way.DESK, Way.STRIPE, Way.ESCROW])


@st.composite
def seen(draw):
    """Return sums that can come to be: one capture ends a reservation, nothing more is given back than was taken."""
    authorised = draw(AMOUNT)
    state = draw(st.sampled_from(["reserved", "voided", "captured"]))
    if state == "reserved":
        return Seen(authorised=authorised)
    captured = draw(st.integers(0, authorised)) if state == "captured" else 0
    bounced = draw(st.integers(0, captured))
    refunded = draw(st.integers(bounced, captured + bounced))
    return Seen(authorised, authorised - captured, captured, refunded, bounced)


@st.composite
def paid(draw, number):
    way, sums = draw(WAYS), draw(seen())
    if way == Way.DESK:  # what is paid over the desk is taken at once
        back = draw(st.integers(0, sums.authorised))
        sums = Seen(authorised=sums.authorised, captured=sums.authorised, refunded=back)
    elif draw(st.booleans()):  # people at the desk took it in hand
        return Paid(number, way, sums, by_desk=draw(st.integers(0, Paid(number, way, sums).kept)), let_go=True)
    elif way == Way.ESCROW and not sums.authorised:
        return Paid(number, way, sums, handed=draw(st.integers(0, 900)))
    return Paid(number, way, sums)


@st.composite
def position(draw):
    payments = tuple(draw(paid(number)) for number in range(draw(st.integers(0, 4))))
    return Position(
        owed=draw(AMOUNT),
        payments=payments,
        payer=draw(st.sampled_from([0, 0, 700])),
        written_off=draw(st.sampled_from([0, 0, 300])),
        decided=draw(st.booleans()),
        paused=draw(st.booleans()),
    )


def done(here: Position, act: Act) -> Position:
    """Return the position after a provider did what it was told."""
    payments = []
    for one in here.payments:
        sums, handed = one.seen, one.handed
        if one.id == act.payment:
            match act.kind:
                case Do.AUTHORISE:
                    assert act.amount == one.handed > 0
                    sums, handed = Seen(authorised=one.handed), 0
                case Do.CAPTURE:
                    assert 0 < act.amount <= one.reserved
                    sums = Seen(sums.authorised, sums.authorised - act.amount, act.amount, 0, 0)
                case Do.VOID:
                    assert act.amount == one.reserved > 0
                    sums = Seen(sums.authorised, sums.authorised, 0, 0, 0)
                case Do.REFUND:
                    assert 0 < act.amount <= one.kept
                    sums = Seen(sums.authorised, sums.voided, sums.captured, sums.refunded + act.amount, sums.bounced)
        payments.append(replace(one, seen=sums, handed=handed))
    return Position(here.owed, tuple(payments), here.payer, here.written_off, decided=here.decided, paused=here.paused)


@settings(max_examples=1500)
@given(position())
def test_the_acts_come_to_an_end_with_held_equal_to_owed(here):
    assert positions.problems(here) == []
    reserved = here.reserved + here.handed
    for _ in range(20):
        act = next_act(here)
        if act is None:
            break
        if here.paused:
            assert act.kind != Do.CAPTURE
        here = done(here, act)
        assert positions.problems(here) == []
    assert next_act(here) is None
    by_desk = here.payer + sum(one.kept for one in here.payments if not one.by_itself)
    if here.decided and not here.paused:
        assert here.reserved == 0
        assert here.held >= min(here.due, reserved)
        # Whatever is too much came in over the desk, or from the payer, and goes back by hand.
        assert here.excess <= by_desk
    assert here.excess == here.by_hand
    if not here.decided:
        assert all(one.reserved == 0 for one in here.payments if one.way == Way.STRIPE) or here.paused


@settings(max_examples=500)
@given(position(), st.booleans())
def test_what_is_named_is_what_is_kept(here, fee):
    named = {Kind.EARNED: 0, Kind.FEE_KEPT: 0}
    for kind, amount in positions.names(here, fee=fee):
        assert amount > 0
        named[kind] += amount
    kept = min(here.held, here.due) if here.decided and not here.paused else 0
    assert named == {Kind.EARNED: 0 if fee else kept, Kind.FEE_KEPT: kept if fee else 0}


@given(st.lists(st.tuples(st.sampled_from(sorted(MOVES)), AMOUNT)))
def test_no_movement_makes_money(moved):
    accounts = dict.fromkeys(Account, 0)
    for kind, amount in moved:
        source, target = MOVES[kind]
        accounts[source] -= amount
        accounts[target] += amount
    assert sum(accounts.values()) == 0


def test_every_kind_of_movement_moves_money_but_what_changes_what_is_asked_for():
    assert set(Kind.values) - set(MOVES) == {Kind.WRITTEN_OFF, Kind.ASKED_AGAIN, Kind.HANDED_OUT}


def test_a_double_reservation_is_ended_while_the_visit_is_ahead():
    twice = tuple(Paid(number, Way.STRIPE, Seen(authorised=100)) for number in (1, 2))
    assert next_act(Position(100, twice)) == Act(Do.VOID, 2, 100)


def test_what_is_ahead_is_taken_only_before_it_lapses():
    once = (Paid(1, Way.STRIPE, Seen(authorised=100)),)
    assert next_act(Position(100, once)) == Act(Do.CAPTURE, 1, 100, ahead=True)
    assert next_act(Position(100, (Paid(1, Way.ESCROW, Seen(authorised=100)),))) is None


@pytest.mark.parametrize(
    "wrong",
    [
        Position(1, (Paid(1, Way.DESK, Seen(1, 1, 1)),)),
        Position(1, (Paid(1, Way.DESK, Seen(2, 0, 1, 2)),)),
        Position(1, (Paid(1, Way.DESK, Seen(2, 0, 1, 0, 1)),)),
        Position(1, (Paid(1, Way.DESK, Seen(authorised=-1)),)),
        Position(1, earned=1),
    ],
)
def test_sums_that_contradict_one_another_are_noticed(wrong):
    assert positions.problems(wrong)
