"""J9 on the chain: that keys are lost is announced there, stopped there, and ended there, and names nobody."""

from datetime import timedelta
from io import StringIO

import pytest
import time_machine
from django.core.management import CommandError, call_command

from audit import queries as audit
from audit.models import Event
from consent import recovering, tasks
from ehr import clock
from ehr.accounts import bindings, lost_keys, operations
from ehr.accounts.keyrings import shares
from ehr.accounts.models import KeyVersion
from ehr.chain import client, identities, transactions, typed_data
from ehr.chain.models import Status, Transaction
from ehr.desk.roles import DeskRole, ensure_desk_roles
from ehr.notices.models import Notice
from tests import people
from tests.accounts.conftest import HOME, NEW
from tests.consent.test_recovering import WAIT, begin, checked, lose, staff

pytestmark = [pytest.mark.django_db, pytest.mark.contracts, pytest.mark.point(6)]
__all__ = ["staff"]
NONE, BOUND, RECOVERING, REPLACED = range(4)


@pytest.fixture
def ground(chain):
    """Keyholder and contracts are there."""
    people.open_escrow()


@pytest.fixture
def ana(ground):
    return people.patient("Ana Costa", identifier="HC 1234")


class Registry:
    """What the contract says of somebody's keys, once all that was queued arrived."""

    def __init__(self, chain, person):
        self.chain, self.person = chain, person

    def commitment(self, number):
        return bytes(KeyVersion.objects.get(reader__user=self.person.user, number=number).commitment)

    def status(self, number):
        self.chain.settle()
        return self.chain.contract("IdentityRegistry").functions.statusOf(self.commitment(number)).call()

    def successor(self, number):
        return identities.bindings_of([self.commitment(number)])[0].successor


@pytest.fixture
def registry(chain, ana):
    return Registry(chain, ana)


def later(**more):
    return time_machine.travel(clock.now() + WAIT + timedelta(**more or {"minutes": 1}), tick=False)


def steps():
    return list(Transaction.objects.filter(contract="IdentityRegistry").order_by("pk").values_list("method", flat=True))


@pytest.fixture
def begun(ana, staff):
    """Ana lost her keys and began to get them back; two staff saw her. Returns how she ends it."""
    code = lose(ana)
    started, cookie, letters = begin(ana)
    checked(started, letters, staff, "HC1234")

    def finish():
        back = recovering.finish(started, cookie=cookie, code=code, passphrase=NEW, address=HOME)
        ana.keyring = back.keyring

    finish.recovery, finish.cookie = started, cookie
    return finish


@pytest.mark.compliance
def test_j9_5_the_chain_sees_that_it_began_and_which_commitment_took_the_place_of_which(registry, begun):
    assert registry.status(1) == RECOVERING
    with later():
        begun()
        assert (registry.status(1), registry.status(2)) == (REPLACED, BOUND)
        assert registry.successor(1) == registry.commitment(2)


@pytest.mark.compliance
def test_j9_5_the_chain_sees_that_it_was_stopped_and_may_begin_again(ana, registry, begun):
    assert registry.status(1) == RECOVERING
    recovering.stop(begun.recovery, by=ana.user)
    assert registry.status(1) == BOUND
    begin(ana)
    assert registry.status(1) == RECOVERING


def test_with_the_chain_down_all_goes_on_and_arrives_later_once_and_in_order(ana, chain, registry, begun):
    with chain.down():
        recovering.stop(begun.recovery, by=ana.user)
        begin(ana)
        last, _cookie, _letters = begin(ana)  # what was begun before is over
        recovering.stop(last, by=ana.user)
    chain.settle(rounds=12)
    assert registry.status(1) == BOUND
    binding = identities.bindings_of([registry.commitment(1)])[0]
    assert (binding.recoveries, binding.claimant) == (3, identities.NOBODY)
    assert not Transaction.objects.exclude(status=Status.FINAL).exists()


def test_finished_with_the_chain_down_it_is_replaced_there_after_the_chains_own_wait(chain, registry, begun):
    """The chain hears of the beginning when the wait is over here: it lets as much time pass as the contract says."""
    with later():
        with chain.down():
            begun()
        assert registry.status(1) == RECOVERING
        waits = Transaction.objects.get(method="completeRecovery")
        assert (waits.status, waits.tries) == (Status.QUEUED, 0)
        assert waits.due_at - clock.now() > timedelta(hours=47)
        with later():
            assert (registry.status(1), registry.status(2)) == (REPLACED, BOUND)


def test_a_second_delivery_changes_nothing(chain, registry, begun):
    chain.settle()
    with later():
        begun()
        assert registry.status(1) == REPLACED
        Transaction.objects.filter(method__in=["startRecovery", "completeRecovery"]).update(
            status=Status.QUEUED, nonce=None, block_number=None, block_hash=None
        )
        registry.chain.settle()
        assert (registry.status(1), registry.status(2)) == (REPLACED, BOUND)
        assert identities.bindings_of([registry.commitment(1)])[0].recoveries == 1


def test_what_is_queued_and_its_cause_are_one_commit(ana, begun, monkeypatch):
    def dies(*_args, **_more):
        raise RuntimeError("the worker was killed")

    before = steps()
    monkeypatch.setattr(lost_keys.letters, "write", dies)
    with later():
        with pytest.raises(RuntimeError):
            begun()
        with pytest.raises(RuntimeError):
            recovering.stop(begun.recovery, by=ana.user)
    assert steps() == before
    assert KeyVersion.objects.filter(reader__user=ana.user).count() == 1


def test_two_staff_face_to_face_end_the_wait_here_and_the_chain_waits_on(ana, registry, staff):
    code = lose(ana)
    started, cookie, letters = begin(ana)
    checked(started, letters, staff, "HC1234", in_person=True)
    assert registry.status(1) == RECOVERING
    recovering.finish(started, cookie=cookie, code=code, passphrase=NEW, address=HOME)
    assert (registry.status(1), registry.status(2)) == (RECOVERING, NONE)
    with later():
        assert (registry.status(1), registry.status(2)) == (REPLACED, BOUND)


def test_keys_are_lost_again_after_they_were_replaced(ana, registry, begun, staff):
    registry.chain.settle()
    with later():
        begun()
        registry.chain.settle()
        code = lose(ana)
        started, cookie, letters = begin(ana)
        checked(started, letters, staff, "HC1234")
        registry.chain.settle()
        with later():
            recovering.finish(started, cookie=cookie, code=code, passphrase="nine brand new words", address=HOME)
            assert [registry.status(number) for number in (1, 2, 3)] == [REPLACED, REPLACED, BOUND]


@pytest.mark.security
def test_whoever_holds_the_keys_objects_on_the_chain_and_it_is_over_here(ana, chain, registry, begun):
    mine = KeyVersion.objects.get(pk=ana.keyring.version_id)
    assert registry.status(1) == RECOVERING
    object_on_chain(chain, ana.keyring, mine)
    tasks.follow_recoveries()
    begun.recovery.refresh_from_db()
    assert begun.recovery.cancelled_because == "objected"
    assert tasks.follow_recoveries() == 0
    assert "cancelRecovery" not in steps()
    said = [audit.facts(event.pk) for event in Event.objects.filter(subject=ana.patient.pk).order_by("pk")]
    assert [(one["action"], one["because"]) for one in said][-1] == ("recovery.cancelled", "objected")
    with later(), pytest.raises(operations.Refused, match="stopped"):
        begun()


def object_on_chain(chain, keyring, version):
    """Object to a recovery with the holder's key, relayed by anybody: here by the queue, which pays."""
    contract = chain.contract("IdentityRegistry")
    commitment = bytes(version.commitment)
    said = identities.bindings_of([commitment])[0]
    r, vs = identities.sign_objection(
        keyring.grant_key(bindings.HOLDER_CONTEXT),
        bound=commitment,
        claimant=said.claimant,
        recovery=said.recoveries,
        domain=identities.domain(contract.address, client.chain_id()),
    )
    transactions.queue(
        b"o" * 32, contract="IdentityRegistry", method="objectToRecovery", args=[commitment, version.blinded, r, vs]
    )
    chain.settle()


@pytest.mark.security
def test_only_the_browser_where_it_began_says_what_takes_the_place(begun):
    claimant = bindings.claim_key(begun.recovery, shares.one_use_key(begun.recovery, begun.cookie))
    called = bytes(Transaction.objects.get(method="startRecovery").calldata)
    assert called[48:68].hex() == typed_data.address_of(claimant)[2:].lower()
    assert claimant not in called


@pytest.mark.privacy
def test_calldata_holds_commitments_and_a_one_time_address_and_nothing_of_the_person(ana, begun):
    with later():
        begun()
    told = "".join(bytes(one.calldata).hex() for one in Transaction.objects.filter(contract="IdentityRegistry"))
    version = KeyVersion.objects.get(reader__user=ana.user, number=1)
    holder = typed_data.address_of(ana.keyring.past(version.pk).grant_key(bindings.HOLDER_CONTEXT))
    secrets = (ana.patient.pk.hex, ana.user.pk.hex, ana.user.reader.pk.hex, begun.recovery.pk.hex)
    for secret in (*secrets, version.blinded.hex(), version.digest.hex(), holder[2:].lower()):
        assert secret not in told


def test_operators_hear_once_of_what_the_chain_did_not_take(ana, begun, chain):
    otto = people.account("Otto Operator", staff=True).user
    otto.groups.add(ensure_desk_roles()[DeskRole.OPERATOR])
    Transaction.objects.filter(method="startRecovery").update(status=Status.FAILED, problem="reverted")
    tasks.follow_recoveries()
    tasks.follow_recoveries()
    assert Notice.objects.filter(user=otto, kind="desk.keys-not-on-chain").count() == 1


# --- Comparing -----------------------------------------------------------------------------------
def verify():
    out = StringIO()
    call_command("verify_keys", stdout=out, stderr=StringIO())
    return out.getvalue()


def test_keys_agree_with_log_and_chain_before_during_and_after(registry, chain, begun):
    assert "have yet to reach it" in verify()
    chain.settle()
    assert "agree" in verify()
    with later():
        begun()
        assert "1 have yet to reach it" in verify()
        chain.settle()
        assert "0 have yet to reach it" in verify()


@pytest.mark.security
def test_a_recovery_that_began_on_the_chain_only_is_named(registry, chain, ana):
    chain.settle()
    transactions.queue(
        b"x" * 32,
        contract="IdentityRegistry",
        method="startRecovery",
        args=[registry.commitment(1), "0x" + "5" * 40],
    )
    chain.settle()
    with pytest.raises(CommandError, match="1 of"):
        verify()


@pytest.mark.security
def test_a_commitment_exchanged_in_the_database_is_named(registry, chain, ana):
    chain.settle()
    version = KeyVersion.objects.get(reader__user=ana.user)
    bound = bindings.bound_as(version)
    forged = b"f" * 32
    KeyVersion.objects.filter(pk=version.pk).update(commitment=forged)
    Transaction.objects.filter(pk=bound.pk).update(digest=bindings._bound(forged))
    with pytest.raises(CommandError, match="1 of"):
        verify()


@pytest.mark.security
def test_another_next_key_than_the_chains_is_named(registry, chain, begun, ana):
    chain.settle()
    with later():
        begun()
        chain.settle()
        KeyVersion.objects.filter(reader__user=ana.user, number=2).update(commitment=b"f" * 32)
        with pytest.raises(CommandError, match="do not agree"):
            verify()
