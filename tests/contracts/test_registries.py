"""ProviderRegistry and IdentityRegistry: who may say what, and what cannot be unsaid."""

import pytest
from eth_utils.crypto import keccak

from ehr.chain import identities

from .conftest import DAY, NOON, Person, events

pytestmark = pytest.mark.contracts

CREDENTIAL = keccak(text="licence 12345 of the state board")
DELAY = 3 * DAY


# --- Providers -------------------------------------------------------------------------------------
NONE, VALID, EXPIRED, REVOKED = range(4)


@pytest.fixture
def providers(bench):
    return bench.deploy("ProviderRegistry", bench.admin.address, bench.operator.address)


def test_an_attested_credential_is_valid_until_its_day(bench, providers):
    assert providers.functions.statusOf(CREDENTIAL).call() == NONE
    receipt = bench.send(providers.functions.attest(CREDENTIAL, NOON + DAY))
    said = {"credential": CREDENTIAL, "accreditor": bench.operator.address, "until": NOON + DAY}
    assert events(providers, receipt, "Attested") == [said]
    assert providers.functions.statusOf(CREDENTIAL).call() == VALID
    assert providers.functions.attestationOf(CREDENTIAL).call() == [bench.operator.address, NOON + DAY, False]
    bench.time = NOON + DAY
    assert providers.functions.statusOf(CREDENTIAL).call() == EXPIRED


def test_an_expired_credential_can_be_renewed(bench, providers):
    bench.send(providers.functions.attest(CREDENTIAL, NOON + DAY))
    bench.time = NOON + 2 * DAY
    bench.send(providers.functions.attest(CREDENTIAL, NOON + 9 * DAY))
    assert providers.functions.statusOf(CREDENTIAL).call() == VALID


def test_a_revoked_credential_stays_revoked(bench, providers):
    bench.send(providers.functions.attest(CREDENTIAL, NOON + DAY))
    receipt = bench.send(providers.functions.revoke(CREDENTIAL))
    said = {"credential": CREDENTIAL, "accreditor": bench.operator.address}
    assert events(providers, receipt, "Revoked") == [said]
    bench.time = NOON + 2 * DAY
    assert providers.functions.statusOf(CREDENTIAL).call() == REVOKED
    again = providers.functions.attest(CREDENTIAL, NOON + 9 * DAY)
    assert bench.refusal(again) == ("AlreadyRevoked", (CREDENTIAL,))
    assert bench.refusal(providers.functions.revoke(CREDENTIAL)) == ("AlreadyRevoked", (CREDENTIAL,))


def test_what_was_never_attested_cannot_be_revoked(bench, providers):
    assert bench.refusal(providers.functions.revoke(CREDENTIAL)) == ("NotAttested", (CREDENTIAL,))


def test_the_past_cannot_be_attested(bench, providers):
    assert bench.refusal(providers.functions.attest(CREDENTIAL, NOON)) == ("AlreadyExpired", (CREDENTIAL, NOON))


@pytest.mark.security
def test_only_accreditors_attest_and_revoke(bench, providers):
    role = providers.functions.ACCREDITOR_ROLE().call()
    for call in (providers.functions.attest(CREDENTIAL, NOON + DAY), providers.functions.revoke(CREDENTIAL)):
        for other in (bench.stranger, bench.admin):
            assert bench.refusal(call, by=other) == (
                "AccessControlUnauthorizedAccount",
                (other.address, role),
            )


def test_the_admin_makes_and_dismisses_accreditors(bench, providers):
    role = providers.functions.ACCREDITOR_ROLE().call()
    bench.send(providers.functions.grantRole(role, bench.stranger.address), by=bench.admin)
    bench.send(providers.functions.revokeRole(role, bench.operator.address), by=bench.admin)
    bench.send(providers.functions.attest(CREDENTIAL, NOON + DAY), by=bench.stranger)
    assert bench.refusal(providers.functions.revoke(CREDENTIAL))[0] == "AccessControlUnauthorizedAccount"


# --- Identities ------------------------------------------------------------------------------------
UNBOUND, BOUND, RECOVERING, REPLACED = range(4)
HOLDER = Person("the holder's one-time key")
BLINDED = keccak(text="salt, person, keys")
OLD = identities.commitment(HOLDER.address, BLINDED)
NEW = keccak(text="the new key's commitment")
CLAIMANT = Person("the address of the browser where a recovery began")


@pytest.fixture
def registry(bench):
    return bench.deploy("IdentityRegistry", bench.admin.address, bench.operator.address, DELAY)


@pytest.fixture
def recovering(bench, registry):
    """A registry where OLD is bound and being recovered."""
    bench.send(registry.functions.bind(OLD))
    bench.send(registry.functions.startRecovery(OLD, CLAIMANT.address))
    return registry


def status(registry, commitment):
    return registry.functions.statusOf(commitment).call()


def objection(bench, registry, *, by=HOLDER, recovery=1):
    domain = identities.domain(registry.address, bench.web3.eth.chain_id)
    r, vs = identities.sign_objection(by.key, bound=OLD, claimant=CLAIMANT.address, recovery=recovery, domain=domain)
    return registry.functions.objectToRecovery(OLD, BLINDED, r, vs)


def completion(bench, registry, *, by=CLAIMANT, signed=NEW, named=NEW):
    domain = identities.domain(registry.address, bench.web3.eth.chain_id)
    r, vs = identities.sign_succession(by.key, bound=OLD, successor=signed, domain=domain)
    return registry.functions.completeRecovery(OLD, named, r, vs)


def test_a_commitment_is_bound_once(bench, registry):
    assert status(registry, OLD) == UNBOUND
    assert events(registry, bench.send(registry.functions.bind(OLD)), "Bound") == [{"commitment": OLD}]
    assert status(registry, OLD) == BOUND
    assert bench.refusal(registry.functions.bind(OLD)) == ("AlreadyBound", (OLD,))


def test_a_recovery_takes_effect_after_its_delay(bench, recovering):
    began = bench.node.head().timestamp
    assert status(recovering, OLD) == RECOVERING
    assert recovering.functions.bindingOf(OLD).call()[1:] == (began + DELAY, 1, CLAIMANT.address, bytes(32))
    assert bench.refusal(completion(bench, recovering)) == ("TooEarly", (began + DELAY, began + 1))
    bench.time = began + DELAY
    receipt = bench.send(completion(bench, recovering), by=bench.stranger)
    assert events(recovering, receipt, "Replaced") == [{"commitment": OLD, "successor": NEW}]
    assert (status(recovering, OLD), status(recovering, NEW)) == (REPLACED, BOUND)
    again = recovering.functions.startRecovery(OLD, CLAIMANT.address)
    assert bench.refusal(again) == ("AlreadyReplaced", (OLD, NEW))


@pytest.mark.security
def test_only_the_claimant_says_what_takes_the_place_of_a_lost_key(bench, recovering):
    bench.time += 2 * DELAY
    for forged in (
        completion(bench, recovering, by=bench.operator),
        completion(bench, recovering, by=HOLDER),
        completion(bench, recovering, named=CREDENTIAL),
    ):
        assert bench.refusal(forged)[0] == "NotClaimant"


@pytest.mark.security
def test_what_a_claimant_signed_for_a_cancelled_recovery_counts_in_no_later_one(bench, recovering):
    signed = completion(bench, recovering)
    bench.send(recovering.functions.cancelRecovery(OLD))
    bench.send(recovering.functions.startRecovery(OLD, bench.stranger.address))
    bench.time += 2 * DELAY
    assert bench.refusal(signed) == ("NotClaimant", (OLD, CLAIMANT.address))


def test_the_registrar_can_cancel_a_recovery(bench, recovering):
    receipt = bench.send(recovering.functions.cancelRecovery(OLD))
    assert events(recovering, receipt, "RecoveryCancelled") == [{"commitment": OLD, "claimant": CLAIMANT.address}]
    bench.time += 2 * DELAY
    assert bench.refusal(completion(bench, recovering)) == ("NotRecovering", (OLD,))
    assert (status(recovering, OLD), status(recovering, NEW)) == (BOUND, UNBOUND)


@pytest.mark.security
def test_the_holder_stops_a_recovery_that_is_not_theirs(bench, recovering):
    bench.send(objection(bench, recovering), by=bench.stranger)
    assert status(recovering, OLD) == BOUND


@pytest.mark.security
def test_nobody_but_the_holder_objects(bench, recovering):
    refusal = bench.refusal(objection(bench, recovering, by=bench.stranger))
    assert refusal == ("NotHolder", (OLD, bench.stranger.address))


@pytest.mark.security
def test_an_objection_does_not_stop_a_later_recovery(bench, recovering):
    first = objection(bench, recovering)
    bench.send(first)
    bench.send(recovering.functions.startRecovery(OLD, CLAIMANT.address))
    assert bench.refusal(first)[0] == "NotHolder"
    bench.send(objection(bench, recovering, recovery=2))
    assert status(recovering, OLD) == BOUND


@pytest.mark.security
def test_only_the_registrar_binds_and_recovers(bench, recovering):
    calls = [
        recovering.functions.bind(CREDENTIAL),
        recovering.functions.startRecovery(OLD, CLAIMANT.address),
        recovering.functions.cancelRecovery(OLD),
    ]
    for call in calls:
        assert bench.refusal(call, by=bench.stranger)[0] == "AccessControlUnauthorizedAccount"


def test_a_recovery_cannot_be_swapped_nor_aimed_at_a_bound_commitment(bench, recovering):
    swapped = recovering.functions.startRecovery(OLD, bench.stranger.address)
    assert bench.refusal(swapped) == ("AlreadyRecovering", (OLD, CLAIMANT.address))
    bench.send(recovering.functions.bind(NEW))
    bench.time += 2 * DELAY
    assert bench.refusal(completion(bench, recovering)) == ("AlreadyBound", (NEW,))


def test_what_is_not_bound_cannot_be_recovered(bench, registry):
    assert bench.refusal(registry.functions.startRecovery(OLD, CLAIMANT.address)) == ("NotBound", (OLD,))
    assert bench.refusal(registry.functions.cancelRecovery(OLD)) == ("NotRecovering", (OLD,))
