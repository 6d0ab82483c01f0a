"""Pay through the contract: set aside when data leave, claimed once by whose it is, even to the unit and the wei."""

from datetime import timedelta
from hashlib import sha256

import pytest
import time_machine
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from audit import queries as audit
from consent.access import KeysLocked
from ehr import clock
from ehr.chain import client, indexer, relaying, signing, studies, transactions, typed_data
from ehr.chain.embedded.evm import CHAIN_ID
from ehr.chain.models import Deployment, Status, Transaction
from providers.rules import NotPossible
from research import joining, tasks
from research.compensation import accruing, claiming, following, paying, shares, sums
from research.compensation.stages import Stage, stage
from research.models import Due, SetAside, Study
from tests.chain.test_reorganisations import branch
from tests.research import leaving_made, studying
from tests.research.test_compensation import lines, officer  # noqa: F401
from tests.research.test_releases import board, rosa, small_groups  # noqa: F401

pytestmark = pytest.mark.django_db
PAY, UNIT, PEOPLE = 500, 10**9, 4


@pytest.fixture(autouse=True)
def units(settings):
    settings.RESEARCH_PAY_WEI = {"CAD": UNIT}
    settings.GRANT_RELAY_DELAY_SECONDS = 0


@pytest.fixture
def study(chain, board, rosa):  # noqa: F811
    Deployment.objects.exclude(chain_id=CHAIN_ID).delete()  # what stands on no chain
    return studying.opened(rosa, board, unit=UNIT)


def released(study, rosa, joinings, mark=b""):  # noqa: F811
    """Return a release that was fetched, its hash on its way to the chain as when it was made."""
    studies.release(study.pk, sha256(mark + study.pk.bytes).digest())
    return leaving_made.fetched(study, rosa, joinings, mark=mark)


@pytest.fixture
def joined(study):
    return leaving_made.joined(study, PEOPLE)


@pytest.fixture
def release(study, rosa, joined):  # noqa: F811
    return released(study, rosa, [one for _person, one in joined])


@pytest.fixture
def ready(chain, release):
    """A release whose pay the chain holds for good."""
    chain.settle(rounds=8)
    return release


def due_of(person, release=None):
    rows = accruing.dues(person.patient)
    return (rows.filter(release=release) if release else rows).get()


def account(name):
    return typed_data.address_of(keccak(text=name))


def claim(person, name, release=None):
    return claiming.claim(due_of(person, release), keyring=person.keyring, payee=account(name))


def settled(chain):
    chain.settle(rounds=8)
    tasks.follow_pay()


def acts(person):
    return [one.action for one in reversed(audit.story(person.patient.pk))]


def contract(chain):
    return chain.contract("ResearchRegistry").functions


# --- Set aside -----------------------------------------------------------------------------------
def test_what_is_due_is_set_aside_when_the_release_leaves(chain, release, joined):
    ana = joined[0][0]
    assert stage(due_of(ana)) == Stage.ON_ITS_WAY
    chain.settle(rounds=8)
    assert stage(due_of(ana)) == Stage.READY
    made = SetAside.objects.get()
    _study, root, left = contract(chain).releaseOf(bytes(release.digest)).call()
    assert (root, left) == (bytes(made.root), made.total * UNIT)
    assert made.total - made.padded == PAY * PEOPLE
    assert contract(chain).studyOf(studies.study_key(release.study_id)).call()[4] == 0


def test_the_sum_on_chain_is_rounded_up_so_that_it_counts_nobody(ready):
    made = SetAside.objects.get()
    assert (made.total, made.padded) == (PAY * 6, PAY * 2), "rounded to 3 in these tests"


def test_the_terms_say_how_it_is_paid_and_changing_that_pays_nobody(study, rosa):  # noqa: F811
    found = leaving_made.joined(study, 1)
    Study.objects.filter(pk=study.pk).update(unit=UNIT * 2)
    with pytest.raises(NotPossible, match="not what was approved"):
        released(Study.objects.get(pk=study.pk), rosa, [found[0][1]])
    assert not Due.objects.exists()


@pytest.mark.parametrize("asked", [{"unit": UNIT + 1}, {"unit": UNIT, "pay": 0}, {"unit": UNIT, "currency": "EUR"}])
def test_a_study_pays_through_the_contract_only_in_units_the_operator_set(board, rosa, asked):  # noqa: F811
    with pytest.raises(NotPossible, match="Let the institution pay"):
        studying.drafted(rosa, **asked)


def test_accruing_again_sets_nothing_aside_again(ready):
    before = Transaction.objects.count()
    assert accruing.accrue(ready) == 0
    assert (SetAside.objects.count(), Transaction.objects.count()) == (1, before)


# --- Claimed -------------------------------------------------------------------------------------
def test_a_claim_pays_the_account_its_owner_signed_for(chain, ready, joined):
    ana = joined[0][0]
    claim(ana, "Ana's wallet")
    assert stage(due_of(ana)) == Stage.SENT
    settled(chain)
    assert stage(due_of(ana)) == Stage.PAID
    settled(chain)
    assert client.web3().eth.get_balance(account("Ana's wallet")) == PAY * UNIT, "nobody needs money to get it"
    assert acts(ana)[-2:] == ["research.claimed", "research.credited"]


def test_claiming_twice_is_claiming_once_and_another_account_is_refused(chain, ready, joined):
    ana = joined[0][0]
    claim(ana, "Ana's wallet")
    claim(ana, "Ana's wallet")
    with pytest.raises(NotPossible, match="have said before"):
        claim(ana, "another")
    with pytest.raises(NotPossible, match="have said before"):
        claiming.leave(due_of(ana), keyring=ana.keyring)
    settled(chain)
    assert Transaction.objects.filter(method="claim").count() == 1
    assert contract(chain).creditOf(account("another")).call() == 0


def test_two_people_at_once_are_each_paid_their_own(chain, ready, joined):
    for person, _joining in joined:
        claim(person, f"wallet of {person.user.name}")
    settled(chain)
    settled(chain)
    paid = [client.web3().eth.get_balance(account(f"wallet of {one.user.name}")) for one, _joining in joined]
    assert paid == [PAY * UNIT] * PEOPLE
    assert studies.standing(bytes(ready.digest)).left == SetAside.objects.get().padded * UNIT


def test_two_releases_are_two_shares(chain, study, rosa, ready, joined):  # noqa: F811
    ana = joined[0][0]
    again = released(study, rosa, [one for _person, one in joined[:3]], mark=b"again")
    chain.settle(rounds=8)
    claim(ana, "first", ready)
    claim(ana, "second", again)
    settled(chain)
    one, other = due_of(ana, ready), due_of(ana, again)
    assert (stage(one), stage(other)) == (Stage.PAID, Stage.PAID)
    assert one.claimant != other.claimant


def test_only_open_keys_of_ones_own_claim(ready, joined):
    ana, bo = joined[0][0], joined[1][0]
    for keyring in (None, bo.keyring):
        with pytest.raises(KeysLocked):
            claiming.claim(due_of(ana), keyring=keyring, payee=account("Bo's"))
    assert claiming.due_of(bo.patient, due_of(ana).pk) is None


@pytest.mark.parametrize(
    ("payee", "says"),
    [
        ("0x12", "no address"),
        ("ana@example.org", "no address"),
        ("0x52908400098527886e0f7030069857d2e4169ee7", "capital letters"),
        ("0x" + "0" * 40, "capital letters"),
    ],
)
def test_a_mistyped_address_is_refused_before_money_is_lost(ready, joined, payee, says):
    ana = joined[0][0]
    with pytest.raises(NotPossible, match=says):
        claiming.claim(due_of(ana), keyring=ana.keyring, payee=payee)
    assert stage(due_of(ana)) == Stage.READY


def test_an_address_of_the_operator_s_or_one_given_before_is_refused(chain, study, rosa, ready, joined):  # noqa: F811
    ana = joined[0][0]
    again = released(study, rosa, [joined[0][1]], mark=b"again")
    chain.settle(rounds=8)
    claim(ana, "Ana's wallet", ready)
    with pytest.raises(NotPossible, match="used this address before"):
        claim(ana, "Ana's wallet", again)
    for payee in (signing.relayer(), chain.contract("ResearchRegistry").address):
        with pytest.raises(NotPossible, match="not yours"):
            claiming.claim(due_of(ana, again), keyring=ana.keyring, payee=payee)


def test_before_it_is_set_aside_nothing_is_claimed(release, joined):
    with pytest.raises(NotPossible, match="still on its way"):
        claim(joined[0][0], "Ana's wallet")


def test_withdrawing_takes_nothing_back(chain, ready, joined):
    ana, taken_part = joined[0]
    joining.withdraw(taken_part, keyring=ana.keyring)
    claim(ana, "Ana's wallet")
    settled(chain)
    assert stage(due_of(ana)) == Stage.PAID


def test_a_claim_leaves_at_a_random_moment(settings, ready, joined):
    settings.GRANT_RELAY_DELAY_SECONDS = 3600
    for person, _joining in joined:
        claim(person, person.user.name)
    moments = Transaction.objects.filter(method="claim").values_list("due_at", flat=True)
    assert len({one.replace(microsecond=0) for one in moments}) > 1
    assert max(moments) > clock.now() + timedelta(minutes=3)


# --- Left with the institution -------------------------------------------------------------------
def test_what_is_left_with_the_institution_is_in_its_file_once_the_share_is_back(chain, ready, joined, officer):  # noqa: F811
    ana = joined[0][0]
    claiming.leave(due_of(ana), keyring=ana.keyring)
    assert (stage(due_of(ana)), paying.owed()) == (Stage.GIVEN, [])
    settled(chain)
    assert stage(due_of(ana)) == Stage.DUE
    assert contract(chain).creditOf(studies.sponsor()).call() == PAY * UNIT
    (found,) = lines(paying.file(paying.hand_on(ready.study.institution_id, "CAD", by=officer), by=officer))
    assert (found["payee"], found["amount"]) == (ana.user.name, "5.00")


def test_who_lost_the_keys_of_joining_is_paid_by_the_institution(ready, joined):
    ana, bo = joined[0][0], joined[1][0]
    # As after keys that were begun anew: the present ones do not open the version that signed.
    Due.objects.filter(pk=due_of(ana).pk).update(key_version=due_of(bo).key_version_id)
    with pytest.raises(NotPossible, match="Leave it with the institution"):
        claim(ana, "Ana's wallet")
    claiming.leave(due_of(ana), keyring=ana.keyring)
    assert stage(due_of(ana)) == Stage.DUE
    assert not Transaction.objects.filter(method="claim").exists()


# --- The chain is away, changes its mind, or refuses ------------------------------------------------
def test_while_the_chain_is_down_nothing_stops_and_all_arrives_later(chain, study, rosa, ready, joined):  # noqa: F811
    ana = joined[0][0]
    with chain.down():
        again = released(study, rosa, [one for _person, one in joined], mark=b"again")
        claim(ana, "Ana's wallet", ready)
        with pytest.raises(client.Unavailable):
            relaying.relay()
        assert tasks.follow_pay() == 0
        assert stage(due_of(ana, ready)) == Stage.SENT
    settled(chain)
    assert (stage(due_of(ana, ready)), stage(due_of(ana, again))) == (Stage.PAID, Stage.READY)


def test_a_worker_killed_between_signing_and_sending_sends_the_same_once(chain, ready, joined):
    ana = joined[0][0]
    claim(ana, "Ana's wallet")
    signing.sign_queued()
    sent = Transaction.objects.get(method="claim")
    assert sent.status == Status.SIGNED
    raw = bytes(sent.forms.get().raw)
    settled(chain)
    assert bytes(sent.forms.get().raw) == raw
    assert contract(chain).creditOf(account("Ana's wallet")).call() == PAY * UNIT
    assert stage(due_of(ana)) == Stage.PAID


def test_a_claim_that_a_reorganisation_undoes_is_sent_again_and_paid_once(chain, ready, joined, monkeypatch):
    ana = joined[0][0]
    other = branch(chain.node)
    monkeypatch.setattr(indexer, "heights", lambda: indexer.Heights(10**6, 0))
    claim(ana, "Ana's wallet")
    chain.settle()
    assert tasks.follow_pay() == 0, "in a block is not final"
    other.mine(timestamp=other.head().timestamp + 77)
    chain.server.show(other)
    indexer.index()
    assert (Transaction.objects.get(method="claim").status, stage(due_of(ana))) == (Status.SENT, Stage.SENT)
    monkeypatch.undo()
    relaying.relay()
    other.mine()
    indexer.index()
    tasks.follow_pay()
    assert stage(due_of(ana)) == Stage.PAID
    assert contract(chain).creditOf(account("Ana's wallet")).call() == PAY * UNIT


def test_what_the_chain_never_takes_the_institution_pays(release, joined):
    told = studies.find("accrue", bytes(release.digest))
    Transaction.objects.filter(pk=told.pk).update(status=Status.FAILED)
    assert tasks.follow_pay() == PEOPLE
    assert tasks.follow_pay() == 0
    assert {stage(due_of(person)) for person, _joining in joined} == {Stage.DUE}
    assert sums.sums("CAD").waiting == PAY * PEOPLE
    assert Transaction.objects.get(method="giveBack").due_at > release.study.ends
    assert acts(joined[0][0])[-1] == "research.not-taken"


def test_a_refusal_in_a_block_counts_only_when_the_block_is_final(chain, ready, joined):
    ana = joined[0][0]
    claim(ana, "Ana's wallet")
    made = Transaction.objects.filter(method="claim")
    made.update(status=Status.FAILED, block_number=10**6, block_hash=bytes(32))
    assert not transactions.is_over(made.get())
    assert tasks.follow_pay() == 0
    made.update(block_number=None)
    assert tasks.follow_pay() == 1
    assert stage(due_of(ana)) == Stage.DUE


# --- What nobody claims --------------------------------------------------------------------------
def test_what_nobody_claims_in_time_goes_back_and_is_told(chain, ready, joined):
    ana, bo = joined[0][0], joined[1][0]
    claim(ana, "Ana's wallet")
    settled(chain)
    too_late = time_machine.travel(shares.until(ready.study) + timedelta(minutes=1), tick=True)
    with too_late, pytest.raises(NotPossible, match="time to claim it is over"):
        claim(bo, "Bo's wallet")
    with time_machine.travel(shares.until(ready.study) + following.GRACE + timedelta(hours=1), tick=True):
        tasks.follow_pay()
        settled(chain)
        assert (stage(due_of(ana)), stage(due_of(bo))) == (Stage.PAID, Stage.RETURNED)
        assert studies.standing(bytes(ready.digest)).left == 0
        assert sums.sums("CAD").returned == PAY * (PEOPLE - 1)
        assert sums.sums("CAD").even
        assert sums.difference_on_chain() == ""
    assert acts(bo)[-1] == "research.lapsed"


# --- It comes out even ---------------------------------------------------------------------------
def test_sums_come_out_even_to_the_unit_and_the_wei(chain, ready, joined):
    (ana, _one), (bo, _two), *_others = joined
    claim(ana, "Ana's wallet")
    claiming.leave(due_of(bo), keyring=bo.keyring)
    settled(chain)
    now = sums.sums("CAD")
    assert (now.paid, now.waiting, now.in_contract) == (PAY, PAY, PAY * 2)
    assert now.even
    assert (sums.difference(), sums.difference_on_chain()) == ("", "")


@pytest.mark.security
def test_a_changed_row_is_the_first_difference(ready, joined):
    ana = joined[0][0]
    Due.objects.filter(pk=due_of(ana).pk).update(claimant=to_checksum_address(b"\1" * 20))
    assert "shares are not those" in sums.difference()
    with pytest.raises(NotPossible, match="not at an address of yours"):
        claim(ana, "Ana's wallet")
    Due.objects.filter(pk=due_of(ana).pk).update(amount=PAY - 1)
    assert f"Release {ready.pk}: people are due" in sums.difference()


@pytest.mark.security
def test_a_claim_on_chain_that_is_not_written_down_here_is_a_difference(chain, ready, joined):
    ana = joined[0][0]
    claim(ana, "Ana's wallet")
    settled(chain)
    Transaction.objects.filter(method="claim").update(status=Status.SENT)
    assert f"Due {due_of(ana).pk} of release {ready.pk}" in sums.difference_on_chain()


# --- Who looks at the chain ------------------------------------------------------------------------
@pytest.mark.security
def test_an_analyst_of_the_chain_links_no_two_shares_and_no_share_to_a_permission(chain, study, rosa, ready, joined):  # noqa: F811
    again = released(study, rosa, [one for _person, one in joined[:3]], mark=b"again")
    chain.settle(rounds=8)
    for place, one in enumerate(Due.objects.select_related("patient")):
        person = next(who for who, _joining in joined if who.patient.pk == one.patient_id)
        claiming.claim(one, keyring=person.keyring, payee=account(f"fresh {place}"))
    settled(chain)
    of_one, named = seen_by_person(joined)
    for first in of_one:
        for second in of_one:
            assert first == second or not of_one[first] & of_one[second], "six bytes in common"
    everything = b"".join(bytes(sent.calldata) for sent in Transaction.objects.all())
    assert not any(word in everything for word in named)
    assert {bytes(ready.digest), bytes(again.digest)} <= {sent[4:36] for sent in claims_made()}


def claims_made():
    return [bytes(one) for one in Transaction.objects.filter(method="claim").values_list("calldata", flat=True)]


def seen_by_person(joined):
    """Return the runs of six bytes of each value a claim shows, by due, and all that would name somebody."""
    seen, named = {}, []
    for due in Due.objects.all():
        values = (bytes.fromhex(due.claimant[2:]), bytes.fromhex(due.payee[2:]))
        seen[due.pk] = {value[start : start + 6] for value in values for start in range(15)}
        named.append(bytes(due.ephemeral))
    for person, one in joined:
        grant = one.grant
        version = grant.patient_version
        named += [person.patient.pk.bytes, one.pk.bytes, grant.pk.bytes, bytes(version.stealth_spend_public)]
        seen[grant.pk] = {
            value[start : start + 6]
            for value in (bytes.fromhex(grant.signer[2:]), bytes.fromhex(grant.holder[2:]), bytes(one.commitment))
            for start in range(len(value) - 5)
        }
    return seen, named
