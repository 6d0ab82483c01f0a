"""AppointmentEscrow: every way money leaves it, who and what it refuses, and that nothing is lost on the way."""

import pytest
from eth_utils.crypto import keccak
from hypothesis import given, settings
from hypothesis import strategies as st

from .conftest import DAY, NOON, Bench, events

pytestmark = pytest.mark.contracts

NONE, HELD, MISSED, DISPUTED, SETTLED = range(5)
VISIT = keccak(text="a visit, salted")
WEI = 10**15
FEES = (500 * WEI, 800 * WEI)
PRICE = 1000 * WEI
FREE_UNTIL, BEGINS, EXPIRES = NOON + 2 * DAY, NOON + 3 * DAY, NOON + 60 * DAY
TERMS = (FREE_UNTIL, BEGINS, EXPIRES, *FEES)


@pytest.fixture
def arbiter(bench):
    return bench.admin


@pytest.fixture
def escrow(bench):
    """The operator deposits and reports, the admin decides disputes; who is paid is nobody who reports."""
    return bench.deploy("AppointmentEscrow", bench.operator.address, bench.admin.address, bench.admin.address, DAY)


@pytest.fixture
def held(bench, escrow):
    bench.send(escrow.functions.deposit(VISIT, TERMS), value=PRICE)
    return escrow.functions


@pytest.fixture
def missed(bench, held):
    bench.time = BEGINS + 900
    bench.send(held.reportMissed(VISIT))
    return held


@pytest.fixture
def disputed(bench, missed):
    bench.send(missed.dispute(VISIT))
    return missed


def state(functions, commitment=VISIT):
    return functions.depositOf(commitment).call()[0]


def credits(bench, functions):
    """Return (what the depositor has back, what the payee gets)."""
    return (
        functions.creditOf(bench.operator.address).call(),
        functions.creditOf(bench.admin.address).call(),
    )


def balance(bench, escrow):
    return bench.web3.eth.get_balance(escrow.address)


def test_a_deposit_is_kept_under_its_terms(bench, escrow):
    receipt = bench.send(escrow.functions.deposit(VISIT, TERMS), value=PRICE)
    assert events(escrow, receipt, "Deposited") == [{"commitment": VISIT, "amount": PRICE}]
    *facts, terms = escrow.functions.depositOf(VISIT).call()
    assert (facts, tuple(terms)) == ([HELD, 0, PRICE, 0, 0], TERMS)
    assert balance(bench, escrow) == PRICE


def test_who_is_who_can_be_read(bench, escrow):
    assert escrow.functions.parties().call() == [
        bench.operator.address, bench.admin.address, bench.admin.address,
    ]  # fmt: skip
    assert escrow.functions.disputeWindow().call() == DAY


@pytest.mark.security
def test_a_commitment_is_used_once(bench, held):
    again = held.deposit(VISIT, TERMS)
    assert bench.refusal(again, value=PRICE) == ("AlreadyDeposited", (VISIT,))
    bench.time = BEGINS
    bench.send(held.release(VISIT, PRICE))
    assert bench.refusal(again, value=PRICE) == ("AlreadyDeposited", (VISIT,))


def test_nothing_is_no_deposit(bench, escrow):
    assert bench.refusal(escrow.functions.deposit(VISIT, TERMS)) == ("NothingDeposited", ())


@pytest.mark.parametrize(
    "terms",
    [
        (FREE_UNTIL, BEGINS, EXPIRES, PRICE + 1, 0),
        (FREE_UNTIL, BEGINS, EXPIRES, 0, PRICE + 1),
        (BEGINS + 1, BEGINS, EXPIRES, 0, 0),
        (FREE_UNTIL, BEGINS, BEGINS, 0, 0),
        (NOON - 3 * DAY, NOON - 2 * DAY, NOON - DAY, 0, 0),
    ],
    ids=["late fee above price", "missed fee above price", "free after it began", "over as it begins", "over already"],
)
def test_terms_that_make_no_sense_are_refused(bench, escrow, terms):
    assert bench.refusal(escrow.functions.deposit(VISIT, terms), value=PRICE) == ("TermsNotPossible", ())


def test_a_visit_that_took_place_pays_the_payee(bench, escrow, held):
    assert bench.refusal(held.release(VISIT, PRICE))[0] == "TooEarly"
    bench.time = BEGINS
    receipt = bench.send(held.release(VISIT, PRICE))
    assert events(escrow, receipt, "Released") == [{"commitment": VISIT, "kept": PRICE}]
    assert credits(bench, held) == (0, PRICE)
    assert state(held) == SETTLED


def test_less_than_the_price_can_be_kept_and_the_rest_goes_back(bench, held):
    bench.time = BEGINS
    assert bench.refusal(held.release(VISIT, PRICE + 1)) == ("KeepsTooMuch", (PRICE + 1, PRICE))
    bench.send(held.release(VISIT, 300 * WEI))
    assert credits(bench, held) == (700 * WEI, 300 * WEI)


def test_cancelling_in_time_keeps_nothing(bench, escrow, held):
    bench.time = FREE_UNTIL - 2
    assert bench.refusal(held.cancel(VISIT, 1)) == ("KeepsTooMuch", (1, 0))
    receipt = bench.send(held.cancel(VISIT, 0))
    assert events(escrow, receipt, "Cancelled") == [{"commitment": VISIT, "kept": 0}]
    assert credits(bench, held) == (PRICE, 0)


def test_cancelling_late_keeps_at_most_the_late_fee(bench, held):
    bench.time = FREE_UNTIL + 1
    assert bench.refusal(held.cancel(VISIT, FEES[0] + 1)) == ("KeepsTooMuch", (FEES[0] + 1, FEES[0]))
    bench.send(held.cancel(VISIT, FEES[0]))
    assert credits(bench, held) == (PRICE - FEES[0], FEES[0])


def test_what_was_cancelled_in_time_may_be_told_late(bench, held):
    bench.time = FREE_UNTIL + DAY // 2
    bench.send(held.cancel(VISIT, 0))
    assert credits(bench, held) == (PRICE, 0)


def test_nobody_has_missed_a_visit_before_it_begins(bench, held):
    assert bench.refusal(held.reportMissed(VISIT))[0] == "TooEarly"


def test_a_no_show_fee_is_kept_after_the_time_to_dispute_it(bench, escrow, missed):
    at = missed.depositOf(VISIT).call()[1]
    assert bench.refusal(missed.collectMissed(VISIT, FEES[1]))[:1] == ("TooEarly",)
    bench.time = at + DAY
    assert bench.refusal(missed.collectMissed(VISIT, FEES[1] + 1)) == ("KeepsTooMuch", (FEES[1] + 1, FEES[1]))
    receipt = bench.send(missed.collectMissed(VISIT, FEES[1]))
    assert events(escrow, receipt, "MissedCollected") == [{"commitment": VISIT, "kept": FEES[1]}]
    assert credits(bench, missed) == (PRICE - FEES[1], FEES[1])


def test_a_no_show_can_be_taken_back(bench, missed):
    bench.send(missed.withdrawMissed(VISIT))
    assert state(missed) == HELD
    bench.send(missed.release(VISIT, PRICE))
    assert credits(bench, missed) == (0, PRICE)


def test_a_no_show_may_be_forgiven(bench, missed):
    bench.send(missed.cancel(VISIT, 0))
    assert credits(bench, missed) == (PRICE, 0)


def test_a_dispute_stops_the_fee(bench, disputed):
    bench.time += 30 * DAY
    for call in (disputed.collectMissed(VISIT, 1), disputed.release(VISIT, 1), disputed.dispute(VISIT)):
        assert bench.refusal(call) == ("NotInState", (VISIT, DISPUTED))
    assert bench.refusal(disputed.cancel(VISIT, 0)) == ("NotInState", (VISIT, DISPUTED))


@pytest.mark.parametrize("kept", [0, 1, FEES[1]])
def test_the_arbiter_ends_a_dispute(bench, escrow, arbiter, disputed, kept):
    receipt = bench.send(disputed.resolve(VISIT, kept), by=arbiter)
    assert events(escrow, receipt, "Resolved") == [{"commitment": VISIT, "kept": kept}]
    assert credits(bench, disputed) == (PRICE - kept, kept)


def test_not_even_the_arbiter_keeps_more_than_the_fee(bench, arbiter, disputed):
    assert bench.refusal(disputed.resolve(VISIT, FEES[1] + 1), by=arbiter) == ("KeepsTooMuch", (FEES[1] + 1, FEES[1]))


def test_a_dispute_can_be_ended_by_admitting_the_mistake(bench, disputed):
    bench.send(disputed.withdrawMissed(VISIT))
    assert state(disputed) == HELD


@pytest.mark.parametrize("before", ["held", "missed", "disputed"])
def test_money_never_sticks(bench, escrow, before, request):
    functions = request.getfixturevalue(before)
    assert bench.refusal(functions.expire(VISIT), by=bench.stranger)[0] == "TooEarly"
    bench.time = EXPIRES
    receipt = bench.send(functions.expire(VISIT), by=bench.stranger)
    assert events(escrow, receipt, "Expired") == [{"commitment": VISIT}]
    assert credits(bench, functions) == (PRICE, 0)


def test_what_was_kept_can_be_given_back_and_no_more(bench, escrow, held):
    bench.time = BEGINS
    bench.send(held.release(VISIT, PRICE))
    receipt = bench.send(held.repay(VISIT), value=300 * WEI)
    assert events(escrow, receipt, "Repaid") == [{"commitment": VISIT, "amount": 300 * WEI}]
    assert credits(bench, held) == (300 * WEI, PRICE)
    assert bench.refusal(held.repay(VISIT), value=700 * WEI + 1) == ("RepaysTooMuch", (700 * WEI + 1, 700 * WEI))
    assert bench.refusal(held.repay(VISIT)) == ("NothingDeposited", ())
    bench.send(held.repay(VISIT), value=700 * WEI)
    assert tuple(held.depositOf(VISIT).call()[3:5]) == (PRICE, PRICE)


def test_a_credit_is_paid_out_once_to_whoever_has_it(bench, escrow, arbiter, held):
    bench.time = BEGINS
    bench.send(held.release(VISIT, 400 * WEI))
    had = bench.web3.eth.get_balance(arbiter.address)
    receipt = bench.send(held.withdraw(), by=arbiter)
    fee = receipt.gasUsed * receipt.effectiveGasPrice
    assert bench.web3.eth.get_balance(arbiter.address) == had + 400 * WEI - fee
    assert events(escrow, receipt, "Withdrawn") == [{"account": arbiter.address, "amount": 400 * WEI}]
    assert bench.refusal(held.withdraw(), by=arbiter) == ("NoCredit", (arbiter.address,))
    assert bench.refusal(held.withdraw(), by=bench.stranger) == ("NoCredit", (bench.stranger.address,))
    bench.send(held.withdraw())
    assert balance(bench, escrow) == 0


@pytest.mark.security
def test_only_the_operator_deposits_and_reports(bench, arbiter, held):
    calls = [
        held.deposit(VISIT, TERMS),
        held.release(VISIT, 0),
        held.cancel(VISIT, 0),
        held.reportMissed(VISIT),
        held.withdrawMissed(VISIT),
        held.collectMissed(VISIT, 0),
        held.dispute(VISIT),
        held.repay(VISIT),
    ]
    for call in calls:
        for other in (arbiter, bench.stranger):
            assert bench.refusal(call, by=other) == ("NotOperator", (other.address,))


@pytest.mark.security
def test_only_the_arbiter_ends_a_dispute(bench, disputed):
    for other in (bench.operator, bench.stranger):
        assert bench.refusal(disputed.resolve(VISIT, 0), by=other) == ("NotArbiter", (other.address,))


@pytest.mark.security
def test_each_state_refuses_what_does_not_belong_to_it(bench, arbiter, held):
    verbs = {
        "release": (HELD,),
        "cancel": (HELD, MISSED),
        "reportMissed": (HELD,),
        "withdrawMissed": (MISSED, DISPUTED),
        "collectMissed": (MISSED,),
        "dispute": (MISSED,),
        "resolve": (DISPUTED,),
        "expire": (HELD, MISSED, DISPUTED),
        "repay": (SETTLED,),
    }
    bench.time = BEGINS
    steps = [None, held.reportMissed(VISIT), held.dispute(VISIT), held.resolve(VISIT, 0)]
    for now, step in zip((HELD, MISSED, DISPUTED, SETTLED), steps, strict=True):
        if step is not None:
            bench.send(step, by=arbiter if now == SETTLED else bench.operator)
        assert state(held) == now
        for verb, states in verbs.items():
            call = (
                held[verb](VISIT, 0) if verb in {"release", "cancel", "collectMissed", "resolve"} else held[verb](VISIT)
            )
            if now not in states:
                by = arbiter if verb == "resolve" else bench.operator
                assert bench.refusal(call, by=by) == ("NotInState", (VISIT, now))


@pytest.mark.security
def test_a_commitment_nobody_deposited_for_has_nothing(bench, escrow):
    other = keccak(text="another")
    assert state(escrow.functions, other) == NONE
    for call in (escrow.functions.expire(other), escrow.functions.cancel(other, 0), escrow.functions.repay(other)):
        assert bench.refusal(call) == ("NotInState", (other, NONE))


@pytest.mark.security
def test_money_sent_without_a_deposit_is_not_taken(bench, escrow):
    with pytest.raises(Exception, match="revert"):
        bench.web3.eth.call({"from": bench.stranger.address, "to": escrow.address, "value": 1})


# Contracts in plain EVM: both ask the address in their calldata for their credit. Paid, the first asks again, and the
# second refuses the money.
_ASK = "633ccfd60b60e01b6000525f5f60045f5f"  # withdraw() at memory 0, then the five last words of a call
GREEDY = bytes.fromhex(_ASK + "36601957" + "33601c56" + "5b5f35" + "5b5af15000")
REFUSING = bytes.fromhex("36600757" + "5f5ffd" + "5b" + _ASK + "5f355af15000")


def creation(runtime):
    """Return the code that creates a contract of this code."""
    return bytes.fromhex(f"60{len(runtime):02x}600a5f3960{len(runtime):02x}5ff3") + runtime


def with_payee(bench, runtime):
    payee = bench.create(creation(runtime))
    escrow = bench.deploy("AppointmentEscrow", bench.operator.address, bench.admin.address, payee, DAY)
    for name in ("one", "two"):
        bench.send(escrow.functions.deposit(keccak(text=name), TERMS), value=PRICE)
    bench.time = BEGINS
    bench.send(escrow.functions.release(keccak(text="one"), PRICE))
    return escrow, payee


@pytest.mark.security
def test_a_payee_that_asks_again_while_it_is_paid_is_paid_once(bench):
    escrow, payee = with_payee(bench, GREEDY)
    bench.poke(payee, bytes.fromhex(escrow.address[2:]).rjust(32, b"\0"))
    assert bench.web3.eth.get_balance(payee) == PRICE
    assert balance(bench, escrow) == PRICE


@pytest.mark.security
def test_a_payee_that_refuses_its_money_keeps_its_credit_and_holds_up_nobody(bench):
    escrow, payee = with_payee(bench, REFUSING)
    bench.poke(payee, bytes.fromhex(escrow.address[2:]).rjust(32, b"\0"))
    assert bench.web3.eth.get_balance(payee) == 0
    assert escrow.functions.creditOf(payee).call() == PRICE
    bench.send(escrow.functions.cancel(keccak(text="two"), 0))
    bench.send(escrow.functions.withdraw())
    assert balance(bench, escrow) == PRICE


ENDS = st.sampled_from(["release", "cancel", "cancel late", "missed", "resolve", "expire"])


@settings(max_examples=25)
@given(st.lists(st.tuples(st.integers(1, 2**64), st.integers(0, 100), ENDS), min_size=1, max_size=4), st.randoms())
def test_what_is_kept_and_what_goes_back_are_what_was_deposited(visits, random):
    bench = Bench()
    address = (bench.operator.address, bench.admin.address, bench.admin.address)
    escrow = bench.deploy("AppointmentEscrow", *address, DAY)
    functions = escrow.functions
    total = 0
    for number, (amount, percent, end) in enumerate(visits):
        start = int(bench.time) + 10
        one, fee = keccak(text=f"{number}"), amount * percent // 100
        bench.send(functions.deposit(one, (start + DAY, start + 2 * DAY, start + 9 * DAY, fee, fee)), value=amount)
        total += amount
        kept = random.randint(0, fee)
        if end == "release":
            bench.time = start + 2 * DAY
            bench.send(functions.release(one, random.randint(0, amount)))
        elif end == "cancel":
            bench.send(functions.cancel(one, 0))
        elif end == "cancel late":
            bench.time = start + DAY + 5
            bench.send(functions.cancel(one, kept))
        else:
            bench.time = start + 2 * DAY
            bench.send(functions.reportMissed(one))
            if end == "missed":
                bench.time += DAY + 5
                bench.send(functions.collectMissed(one, kept))
            else:
                bench.send(functions.dispute(one))
                bench.time = start + 9 * DAY
                call = functions.resolve(one, kept) if end == "resolve" else functions.expire(one)
                bench.send(call, by=bench.admin if end == "resolve" else bench.stranger)
        assert sum(credits(bench, functions)) == total == balance(bench, escrow)
    for person in (bench.operator, bench.admin):
        if functions.creditOf(person.address).call():
            bench.send(functions.withdraw(), by=person)
    assert balance(bench, escrow) == 0
