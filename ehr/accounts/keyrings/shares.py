"""The way back to lost keys: three shares, any two of which open the keyring's text. One opens nothing.

A share is 32 bytes. The paper's is derived from a code of 120 random bits; the institution's and the guardian's are
random, and sealed to them. The text is encrypted once for each pair, under a key made from both. Each share is also
kept under the owner's own keys, which open the text anyway: so one of them can be replaced without the others.
"""

import base64
import os
import uuid
from collections.abc import Mapping

from ehr.accounts import codes
from ehr.accounts.history import is_present
from ehr.accounts.keyrings.held import OneUseKey
from ehr.accounts.keyrings.locked import same_owner
from ehr.accounts.keyrings.opened import OpenKeyring, unwrap
from ehr.accounts.keyrings.shared import NotOnTheLog
from ehr.accounts.models import Keyring, KeyVersion, Recovery, Share, SharePair
from ehr.crypto import digests, opening, passphrases, sealing
from ehr.crypto.opening import CannotOpen

SHARE_BYTES = 32
Holder = Share.Holder
_PAIRS = {
    SharePair.Of.PAPER_INSTITUTION: (Holder.PAPER, Holder.INSTITUTION),
    SharePair.Of.PAPER_GUARDIAN: (Holder.PAPER, Holder.GUARDIAN),
    SharePair.Of.INSTITUTION_GUARDIAN: (Holder.INSTITUTION, Holder.GUARDIAN),
}


def paper_share(code: str, reader_id: uuid.UUID) -> bytes:
    """Return the share that a code on paper is. 120 random bits need no stretching."""
    return passphrases.derive(codes.plain(code).encode(), "paper-share", reader_id.bytes)


def write_down(stored: Keyring, keyring: OpenKeyring, code: str) -> None:
    """Make a code on paper one of the shares; the code before it is none any more. Call it inside a transaction."""
    same_owner(stored, keyring)
    _put(keyring, Holder.PAPER, paper_share(code, stored.reader_id), None)
    _pair_anew(stored, keyring)


def entrust(stored: Keyring, keyring: OpenKeyring, holder: str, to: KeyVersion) -> None:
    """Make a fresh share and seal it to whoever keeps it; the one before is none any more. Call it in a transaction.

    Raises NotOnTheLog for a key that is not the newest the log has for its reader.
    """
    same_owner(stored, keyring)
    if not is_present(to):
        raise NotOnTheLog(f"Key {to.pk} of reader {to.reader_id} is not the one on the log.")
    _put(keyring, holder, os.urandom(SHARE_BYTES), to)
    _pair_anew(stored, keyring)


def forget(stored: Keyring, holder: str) -> None:
    """Delete a share and what it opens with another. Needs no key."""
    Share.objects.filter(reader=stored.reader_id, holder=holder).delete()
    pairs = [pair for pair, both in _PAIRS.items() if holder in both]
    SharePair.objects.filter(reader=stored.reader_id, of__in=pairs).delete()


def follow(stored: Keyring, keyring: OpenKeyring) -> None:
    """Let the same shares open the keys that took the place of others. Call it inside a transaction."""
    same_owner(stored, keyring)
    for share in Share.objects.filter(reader=stored.reader_id):
        share.kept = keyring.keep(_own(share, keyring), label=_label(share.holder))
        share.save(update_fields=["kept"])
    _pair_anew(stored, keyring)


def restore(stored: Keyring, shares: Mapping[str, bytes]) -> OpenKeyring:
    """Return the keyring that two of the shares open. Raises CannotOpen for fewer, for others, and for changed rows."""
    for pair in SharePair.objects.select_related("version").filter(reader=stored.reader_id, version=stored.version_id):
        one, other = _PAIRS[SharePair.Of(pair.of)]
        if one in shares and other in shares:
            key = _pair_key(shares[one], shares[other], stored.reader_id)
            keyring = unwrap(pair.version, pair.blob, key, _way(pair.of))
            if not keyring.belongs_to(pair.version):
                raise CannotOpen("These shares hold other keys than the ones on the log.")
            return keyring
    raise CannotOpen("It takes two shares.")


def hand_on(share: Share, keyring: OpenKeyring, *, to: bytes, info: bytes) -> bytes:
    """Return a share that was sealed to somebody's keyring, sealed to the public key `to`. Raises CannotOpen."""
    if share.sealed_to is None or share.blob is None:
        raise CannotOpen("This share is on paper.")
    told = keyring.open_seal(bytes(share.blob), info=sealed_info(share.reader_id, share.sealed_to, share.holder))
    return sealing.seal(to, told, info=info)


def sealed_info(reader_id: uuid.UUID, to: KeyVersion, holder: str) -> bytes:
    """Return what a share is bound to where it is kept: whose it is and, a guardian's, who keeps it."""
    if holder == Holder.INSTITUTION:
        return b"recovery-share/v1" + reader_id.bytes
    return digests.joined(b"guardian-share/v1", reader_id.bytes, to.digest)


def handed_info(event_id: uuid.UUID) -> bytes:
    """Return what a share is bound to on its way back: the one line of the log that says it was given."""
    return digests.joined(b"released-share/v1", event_id.bytes)


# --- The key to which shares are handed ----------------------------------------------------------
def begin(recovery: Recovery) -> str:
    """Fill in the key pair of a recovery, and return what opens its private half: for one browser's cookie only."""
    one_use, key = OneUseKey(), sealing.new_key()
    recovery.public = one_use.public
    recovery.sealed_private = sealing.encrypt(key, one_use.private, aad=_bound(recovery))
    return base64.urlsafe_b64encode(key).decode().rstrip("=")


def one_use_key(recovery: Recovery, cookie: str) -> OneUseKey | None:
    """Return the key of a recovery in the browser where it began, or None in any other."""
    try:
        key = base64.urlsafe_b64decode(cookie + "=" * (-len(cookie) % 4))
        private = opening.decrypt(key, bytes(recovery.sealed_private), aad=_bound(recovery))
    except (ValueError, CannotOpen):
        return None
    return OneUseKey(private)


def _bound(recovery: Recovery) -> bytes:
    return digests.joined(b"chartseal recovery v1", recovery.pk.bytes, recovery.user_id.bytes)


# --- Inside --------------------------------------------------------------------------------------
def _put(keyring: OpenKeyring, holder: str, share: bytes, to: KeyVersion | None) -> None:
    blob = sealing.seal(bytes(to.kem_public), share, info=sealed_info(keyring.reader_id, to, holder)) if to else None
    Share.objects.update_or_create(
        reader_id=keyring.reader_id,
        holder=holder,
        defaults={"sealed_to": to, "blob": blob, "kept": keyring.keep(share, label=_label(holder))},
    )


def _pair_anew(stored: Keyring, keyring: OpenKeyring) -> None:
    """Encrypt the text under every pair that there is, and under no other."""
    shares = {share.holder: _own(share, keyring) for share in Share.objects.filter(reader=stored.reader_id)}
    SharePair.objects.filter(reader=stored.reader_id).delete()
    SharePair.objects.bulk_create(
        SharePair(
            reader_id=stored.reader_id,
            version_id=keyring.version_id,
            of=pair,
            blob=keyring.wrap(_pair_key(shares[one], shares[other], stored.reader_id), _way(pair)),
        )
        for pair, (one, other) in _PAIRS.items()
        if one in shares and other in shares
    )


def _own(share: Share, keyring: OpenKeyring) -> bytes:
    return keyring.kept(bytes(share.kept), label=_label(share.holder))


def _pair_key(one: bytes, other: bytes, reader_id: uuid.UUID) -> bytes:
    """Both are of fixed length, so joining them is unambiguous; each alone leaves 256 or 120 bits unknown."""
    return passphrases.derive(one + other, "pair-of-shares", reader_id.bytes)


def _way(pair: str) -> str:
    return f"shares/{pair}"


def _label(holder: str) -> str:
    return f"share/{holder}"
