"""Binding keys to people in public: a commitment on chain that names nobody, and cannot be exchanged unseen.

When keys are lost, the chain hears that their recovery began, that it was stopped, or which commitment took the place
of theirs. Each is queued in the commit of its cause and follows the one before; nothing here asks the chain.
"""

import hashlib

from ehr.accounts.keyrings import OpenKeyring
from ehr.accounts.keyrings.held import OneUseKey
from ehr.accounts.models import KeyVersion, Recovery
from ehr.chain import deployments, identities, transactions, typed_data
from ehr.chain.models import Transaction
from ehr.crypto import passphrases

HOLDER_CONTEXT = b"identity-holder v1"
COMPLETE = "completeRecovery"


def bind(keyring: OpenKeyring) -> bytes:
    """Queue the binding of a person's keys for the chain, in the caller's transaction, and return its 32 bytes.

    The holder is an address of the person's own: with its key they can object to somebody else's recovery.
    """
    commitment = _commit(keyring)
    _queue(_bound(commitment), "bind", [commitment])
    return commitment


def begin(recovery: Recovery, one_use: OneUseKey) -> None:
    """Queue that keys are being recovered. Nothing for keys that were never bound.

    The claimant is an address of the browser's in which it began: what follows, only that browser can sign.
    """
    commitment = recovery.version.commitment
    if commitment is not None:
        claimant = typed_data.address_of(claim_key(recovery, one_use))
        _queue(_begun(recovery), "startRecovery", [bytes(commitment), claimant], after=_last(recovery))


def cancel(recovery: Recovery) -> None:
    """Queue that a recovery was stopped; nothing where none was begun on chain."""
    if (begun := begun_as(recovery)) is not None:
        _queue(_stopped(recovery), "cancelRecovery", [bytes(recovery.version.commitment or b"")], after=begun)


def replace(recovery: Recovery, one_use: OneUseKey, fresh: OpenKeyring) -> bytes:
    """Queue that fresh keys take the place of lost ones, signed by the claimant; return their commitment, 32 bytes.

    The chain takes it once its own delay is over. Where nothing was begun there, or there is no contract to sign for,
    the fresh keys are bound by themselves.
    """
    begun, place = begun_as(recovery), deployments.find(identities.CONTRACT)
    if begun is None or place is None:
        cancel(recovery)
        return bind(fresh)
    lost, commitment = bytes(recovery.version.commitment or b""), _commit(fresh)
    signature = identities.sign_succession(
        claim_key(recovery, one_use),
        bound=lost,
        successor=commitment,
        domain=identities.domain(place.address, place.chain_id),
    )
    # Under the digest of a binding: however a commitment gets there, it does once.
    _queue(_bound(commitment), COMPLETE, [lost, commitment, *signature], after=begun)
    return commitment


def claim_key(recovery: Recovery, one_use: OneUseKey) -> bytes:
    """Return the secp256k1 key, 32 bytes, with which a recovery's browser says what takes the place of lost keys."""
    for attempt in range(256):
        key = passphrases.derive(one_use.private, "recovery-claim", bytes([attempt]) + recovery.pk.bytes)
        if 0 < int.from_bytes(key, "big") < typed_data.CURVE_ORDER:
            return key
    raise ArithmeticError("No secp256k1 key in 256 tries, which does not happen.")


def bound_as(version: KeyVersion) -> Transaction | None:
    """Return the transaction that binds a version's commitment, or None where none was queued."""
    return transactions.find(_bound(bytes(version.commitment))) if version.commitment else None


def begun_as(recovery: Recovery) -> Transaction | None:
    """Return the transaction that says a recovery began, or None where none was queued."""
    return transactions.find(_begun(recovery))


def _commit(keyring: OpenKeyring) -> bytes:
    version = KeyVersion.objects.get(pk=keyring.version_id)
    holder = typed_data.address_of(keyring.grant_key(HOLDER_CONTEXT))
    commitment = identities.commitment(holder, version.blinded)
    KeyVersion.objects.filter(pk=version.pk).update(commitment=commitment)
    return commitment


def _last(recovery: Recovery) -> Transaction | None:
    """Return what was last queued about the keys that a recovery replaces, before it began."""
    earlier = Recovery.objects.filter(version=recovery.version_id).exclude(pk=recovery.pk).order_by("-started_at", "pk")
    for one in earlier:
        if (last := transactions.find(_stopped(one)) or begun_as(one)) is not None:
            return last
    return bound_as(recovery.version)


def _queue(digest: bytes, method: str, args: list[object], *, after: Transaction | None = None) -> None:
    transactions.queue(digest, contract=identities.CONTRACT, method=method, args=args, after=after)


def _bound(commitment: bytes) -> bytes:
    return hashlib.sha256(b"chartseal bind\x00" + commitment).digest()


def _begun(recovery: Recovery) -> bytes:
    return hashlib.sha256(b"chartseal recovery begun\x00" + recovery.pk.bytes).digest()


def _stopped(recovery: Recovery) -> bytes:
    return hashlib.sha256(b"chartseal recovery stopped\x00" + recovery.pk.bytes).digest()
