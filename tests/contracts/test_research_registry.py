"""ResearchRegistry: what stands about studies, who may say so, and that money is paid once and never lost."""

import uuid

import pytest
from eth_utils.crypto import keccak
from hypothesis import given, settings
from hypothesis import strategies as st

from ehr.chain import studies
from ehr.chain.embedded.evm import CHAIN_ID

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
# The one-time addresses of the three, and the accounts where they want what they are due.
HOLDERS = [Person(f"{one.name} for this release") for one in PEOPLE]
DUE = [studies.Share(one.address, 5 * WEI) for one in HOLDERS]
LEVELS = studies.tree([one.leaf for one in DUE])
ROOT, TOTAL = LEVELS[-1][0], 15 * WEI


def claim(registry, place, *, payee=None, signer=None, amount=None, files=FILES, proof_of=None):
    """Return the call by which one of the three has their share sent; anything about it may be another."""
    share, to = DUE[place], payee or PEOPLE[place].address
    where = studies.domain(registry.accrue.address, CHAIN_ID)
    r, vs = studies.sign_claim((signer or HOLDERS[place]).key, files, to, where)
    proof = studies.proof(LEVELS, DUE[proof_of if proof_of is not None else place].leaf)
    return registry.claim(files, share.claimant, amount or share.amount, to, r, vs, proof)


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
    for place in range(3):
        bench.send(claim(accrued, place), by=bench.stranger)
        assert bench.refusal(claim(accrued, place))[0] == "AlreadyClaimed"
        assert bench.refusal(claim(accrued, place, payee=bench.stranger.address))[0] == "AlreadyClaimed"
    assert [accrued.creditOf(one.address).call() for one in PEOPLE] == [5 * WEI] * 3
    assert accrued.releaseOf(FILES).call()[2] == 0


@pytest.mark.parametrize("instead", [{"amount": 5 * WEI + 1}, {"files": TERMS}, {"proof_of": 1}])
def test_another_amount_release_or_proof_is_not_due(bench, accrued, instead):
    assert bench.refusal(claim(accrued, 0, **instead))[0] == "NotDue"


def test_nobody_but_its_claimant_says_where_a_share_goes(bench, accrued):
    for signer in (bench.operator, bench.stranger, HOLDERS[1]):
        assert bench.refusal(claim(accrued, 0, signer=signer, payee=signer.address)) == (
            "NotSigned",
            (FILES, HOLDERS[0].address),
        )


def test_a_signature_counts_for_one_payee_release_and_contract(bench, accrued):
    share, payee = DUE[0], PEOPLE[0].address
    where = studies.domain(accrued.accrue.address, CHAIN_ID)
    proof = studies.proof(LEVELS, share.leaf)
    elsewhere = studies.domain(bench.stranger.address, CHAIN_ID)
    for files, to, domain in ((TERMS, payee, where), (FILES, PEOPLE[1].address, where), (FILES, payee, elsewhere)):
        r, vs = studies.sign_claim(HOLDERS[0].key, files, to, domain)
        call = accrued.claim(FILES, share.claimant, share.amount, payee, r, vs, proof)
        assert bench.refusal(call)[0] == "NotSigned"


def test_nothing_is_credited_to_nobody(bench, accrued):
    assert bench.refusal(claim(accrued, 0, payee="0x" + "0" * 40))[0] == "NotSigned"


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
    bench.send(claim(registry, 1))
    assert registry.creditOf(PEOPLE[1].address).call() == 5 * WEI


def test_money_comes_as_long_as_it_can_be_set_aside(bench, registry):
    bench.time = UNTIL + WINDOW - 2
    bench.send(registry.deposit(STUDY), value=TOTAL)
    bench.time = UNTIL + WINDOW
    assert bench.refusal(registry.deposit(STUDY), value=TOTAL) == ("StudyOver", (STUDY,))


def test_what_is_left_goes_back_to_the_sponsor_once_it_is_over(bench, accrued):
    assert bench.refusal(accrued.giveBack(STUDY))[0] == "NotOver"
    bench.time = UNTIL + WINDOW
    bench.send(accrued.giveBack(STUDY), by=bench.stranger)
    assert accrued.creditOf(bench.admin.address).call() == 5 * WEI
    assert bench.refusal(accrued.giveBackUnclaimed(FILES))[0] == "NotOver"
    bench.time = UNTIL + 2 * WINDOW
    bench.send(claim(accrued, 0))
    bench.send(accrued.giveBackUnclaimed(FILES), by=bench.stranger)
    assert accrued.creditOf(bench.admin.address).call() == 15 * WEI


def test_credit_reaches_its_owner_once_whoever_sends_it(bench, accrued):
    ana = PEOPLE[0]
    bench.send(claim(accrued, 0))
    receipt = bench.send(accrued.collect(ana.address), by=bench.stranger)
    contract = bench.web3.eth.contract(address=receipt.to, abi=accrued.abi)
    assert events(contract, receipt, "Paid") == [{"account": ana.address, "amount": 5 * WEI}]
    assert bench.web3.eth.get_balance(ana.address) == 5 * WEI
    assert bench.refusal(accrued.collect(ana.address)) == ("NoCredit", (ana.address,))


def test_who_takes_no_money_keeps_its_credit_and_costs_a_stranger_little(bench, accrued):
    spends_all = bench.create(bytes.fromhex("6004600c60003960046000f3" + "5b600056"))
    bench.send(claim(accrued, 0, payee=spends_all))
    assert bench.refusal(accrued.collect(spends_all))[0] == "NotTaken"
    assert bench.send(accrued.collect(spends_all), gas=1_000_000).gasUsed < 130_000
    assert accrued.creditOf(spends_all).call() == 5 * WEI


@settings(max_examples=25)
@given(st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=9, unique=True))
def test_every_leaf_of_a_tree_is_proven_to_its_root(leaves):
    levels = studies.tree(leaves)
    for one in leaves:
        found = one
        for other in studies.proof(levels, one):
            found = keccak(b"".join(sorted([found, other])))
        assert found == levels[-1][0]


@settings(max_examples=8)
@given(claims=st.permutations(range(3)), closed=st.booleans())
def test_money_that_went_in_is_what_goes_out(claims, closed):
    bench = Bench()
    registry = bench.deploy("ResearchRegistry", bench.operator.address, WINDOW).functions
    bench.send(registry.register(STUDY, TERMS, bench.admin.address, UNTIL))
    bench.send(registry.deposit(STUDY), value=20 * WEI)
    bench.send(registry.release(STUDY, FILES))
    bench.send(registry.accrue(FILES, ROOT, TOTAL))
    for place in claims[:2]:
        bench.send(claim(registry, place))
    if closed:
        bench.send(registry.close(STUDY))
    bench.time = UNTIL + 3 * WINDOW
    bench.send(registry.giveBack(STUDY))
    bench.send(registry.giveBackUnclaimed(FILES))
    owed = sum(registry.creditOf(one.address).call() for one in [bench.admin, *PEOPLE])
    assert owed == 20 * WEI == bench.web3.eth.get_balance(registry.accrue.address)
