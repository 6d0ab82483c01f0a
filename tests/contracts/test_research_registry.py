"""ResearchRegistry: what stands about studies, who may say so, and that money is paid once and never lost."""

import uuid

import pytest
from eth_utils.crypto import keccak
from hypothesis import given, settings
from hypothesis import strategies as st

from ehr.chain import studies

from .conftest import DAY, NOON, Bench, Person, events

pytestmark = pytest.mark.contracts

STUDY = studies.study_key(uuid.UUID(int=7))
OTHER = studies.study_key(uuid.UUID(int=8))
TERMS, FILES = keccak(text="terms"), keccak(text="what left")
UNTIL = NOON + 100 * DAY
WINDOW = 30 * DAY
WEI = 10**15
NONE, JOINED, WITHDRAWN = range(3)
PEOPLE = [Person(name) for name in ("Ana", "Bo", "Cy")]
DUE = [(keccak(text=f"claim of {one.name}"), one.address, 5 * WEI) for one in PEOPLE]
LEVELS = studies.tree([studies.leaf(*one) for one in DUE])
ROOT, TOTAL = LEVELS[-1][0], 15 * WEI


def proof(one):
    return studies.proof(LEVELS, studies.leaf(*one))


@pytest.fixture
def registry(bench):
    found = bench.deploy("ResearchRegistry", bench.operator.address, WINDOW).functions
    bench.send(found.register(STUDY, TERMS, bench.admin.address, UNTIL))
    return found


@pytest.fixture
def accrued(bench, registry):
    bench.send(registry.deposit(STUDY), by=bench.admin, value=20 * WEI)
    bench.send(registry.release(STUDY, FILES))
    bench.send(registry.accrue(FILES, ROOT, TOTAL))
    return registry


def test_a_studys_terms_are_fixed_once_and_for_good(bench, registry):
    assert registry.studyOf(STUDY).call()[0] == TERMS
    again = registry.register(STUDY, keccak(text="other terms"), bench.admin.address, UNTIL)
    assert bench.refusal(again) == ("AlreadyRegistered", (STUDY,))


@pytest.mark.parametrize(("terms", "until"), [(bytes(32), UNTIL), (TERMS, NOON - 1)])
def test_a_study_has_terms_and_ends_later(bench, registry, terms, until):
    call = registry.register(OTHER, terms, bench.admin.address, until)
    assert bench.refusal(call)[0] == "TermsNotPossible"


def test_only_the_operator_says_what_happened(bench, registry):
    for call in (
        registry.register(OTHER, TERMS, bench.admin.address, UNTIL),
        registry.close(STUDY),
        registry.join([TERMS]),
        registry.withdraw([TERMS]),
        registry.release(STUDY, FILES),
        registry.accrue(FILES, ROOT, TOTAL),
    ):
        assert bench.refusal(call, by=bench.stranger) == ("NotOperator", (bench.stranger.address,))


def test_an_opt_in_stands_alone_and_is_withdrawn_for_good(bench, registry):
    one, other = keccak(text="one"), keccak(text="other")
    bench.send(registry.join([one, other]))
    bench.send(registry.withdraw([one]))
    bench.send(registry.join([one]))
    assert [registry.joiningOf(each).call() for each in (one, other)] == [WITHDRAWN, JOINED]


def test_what_was_withdrawn_before_it_arrived_never_counts(bench, registry):
    one = keccak(text="one")
    bench.send(registry.withdraw([one]))
    bench.send(registry.join([one]))
    assert registry.joiningOf(one).call() == WITHDRAWN


def test_nothing_about_an_opt_in_names_a_study(bench, registry):
    receipt = bench.send(registry.join([keccak(text="one")]))
    assert all(STUDY not in map(bytes, log.topics) and STUDY not in bytes(log.data) for log in receipt.logs)


def test_a_hash_is_released_once_and_for_a_running_study(bench, registry):
    bench.send(registry.release(STUDY, FILES))
    assert bench.refusal(registry.release(STUDY, FILES)) == ("AlreadyReleased", (FILES,))
    assert bench.refusal(registry.release(OTHER, TERMS)) == ("NoSuchStudy", (OTHER,))
    bench.send(registry.close(STUDY))
    assert bench.refusal(registry.release(STUDY, TERMS)) == ("StudyOver", (STUDY,))


def test_each_is_paid_once(bench, accrued):
    for one in DUE:
        bench.send(accrued.claim(FILES, *one, proof(one)), by=bench.stranger)
        assert bench.refusal(accrued.claim(FILES, *one, proof(one)))[0] == "AlreadyClaimed"
    assert [accrued.creditOf(one.address).call() for one in PEOPLE] == [5 * WEI] * 3
    assert accrued.releaseOf(FILES).call()[2] == 0


def test_another_amount_payee_or_release_is_not_due(bench, accrued):
    claim, payee, amount = DUE[0]
    for call in (
        accrued.claim(FILES, claim, payee, amount + 1, proof(DUE[0])),
        accrued.claim(FILES, claim, bench.stranger.address, amount, proof(DUE[0])),
        accrued.claim(TERMS, claim, payee, amount, proof(DUE[0])),
    ):
        assert bench.refusal(call)[0] == "NotDue"


def test_more_than_was_deposited_is_not_set_aside(bench, registry):
    bench.send(registry.release(STUDY, FILES))
    assert bench.refusal(registry.accrue(FILES, ROOT, TOTAL)) == ("NotEnough", (STUDY, TOTAL, 0))


def test_what_is_due_for_a_release_is_said_once(bench, accrued):
    assert bench.refusal(accrued.accrue(FILES, TERMS, 1)) == ("AlreadyAccrued", (FILES,))


def test_a_study_that_closes_still_pays_what_is_due(bench, registry):
    bench.send(registry.deposit(STUDY), value=TOTAL)
    bench.send(registry.release(STUDY, FILES))
    bench.send(registry.close(STUDY))
    bench.send(registry.accrue(FILES, ROOT, TOTAL))
    bench.send(registry.claim(FILES, *DUE[1], proof(DUE[1])))
    assert registry.creditOf(DUE[1][1]).call() == 5 * WEI


def test_what_is_left_goes_back_to_the_sponsor_once_it_is_over(bench, accrued):
    assert bench.refusal(accrued.giveBack(STUDY))[0] == "NotOver"
    bench.time = UNTIL + WINDOW
    bench.send(accrued.giveBack(STUDY), by=bench.stranger)
    assert accrued.creditOf(bench.admin.address).call() == 5 * WEI
    assert bench.refusal(accrued.giveBackUnclaimed(FILES))[0] == "NotOver"
    bench.time = UNTIL + 2 * WINDOW
    bench.send(accrued.claim(FILES, *DUE[0], proof(DUE[0])))
    bench.send(accrued.giveBackUnclaimed(FILES), by=bench.stranger)
    assert accrued.creditOf(bench.admin.address).call() == 15 * WEI


def test_credit_is_collected_by_its_owner(bench, accrued):
    bench.time = UNTIL + WINDOW
    bench.send(accrued.giveBack(STUDY))
    receipt = bench.send(accrued.collect(), by=bench.admin)
    contract = bench.web3.eth.contract(address=receipt.to, abi=accrued.abi)
    assert events(contract, receipt, "Paid") == [{"account": bench.admin.address, "amount": 5 * WEI}]
    assert bench.refusal(accrued.collect(), by=bench.admin) == ("NoCredit", (bench.admin.address,))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=9, unique=True))
def test_every_leaf_of_a_tree_is_proven_to_its_root(leaves):
    levels = studies.tree(leaves)
    for one in leaves:
        found = one
        for other in studies.proof(levels, one):
            found = keccak(b"".join(sorted([found, other])))
        assert found == levels[-1][0]


@settings(max_examples=8, deadline=None)
@given(claims=st.permutations(range(3)), closed=st.booleans())
def test_money_that_went_in_is_what_goes_out(claims, closed):
    bench = Bench()
    registry = bench.deploy("ResearchRegistry", bench.operator.address, WINDOW).functions
    bench.send(registry.register(STUDY, TERMS, bench.admin.address, UNTIL))
    bench.send(registry.deposit(STUDY), value=20 * WEI)
    bench.send(registry.release(STUDY, FILES))
    bench.send(registry.accrue(FILES, ROOT, TOTAL))
    for place in claims[:2]:
        bench.send(registry.claim(FILES, *DUE[place], proof(DUE[place])))
    if closed:
        bench.send(registry.close(STUDY))
    bench.time = UNTIL + 3 * WINDOW
    bench.send(registry.giveBack(STUDY))
    bench.send(registry.giveBackUnclaimed(FILES))
    owed = sum(registry.creditOf(one.address).call() for one in [bench.admin, *PEOPLE])
    assert owed == 20 * WEI == bench.web3.eth.get_balance(registry.accrue.address)
