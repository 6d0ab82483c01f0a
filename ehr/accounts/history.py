"""A reader's key history, as far as the log agrees with it: each version named there, each signed by the one before."""

from audit import queries as audit
from ehr.accounts.models import Keyring, KeyVersion
from ehr.crypto import digests, signing
from ehr.statements import Statement

BEGUN, SUCCEEDED = "key.created", "key.succeeded"

# What agreed with the log in this process. The log never changes, so neither does this.
_known: set[tuple[int, bytes]] = set()  # (version, digest)
_known_authors: set[tuple[int, bytes]] = set()  # (version, author key)


def succession(version: KeyVersion) -> bytes:
    """Return what the version before signs, to say that this one takes its place."""
    return digests.joined(
        b"chartseal key succession v1", version.reader_id.bytes, version.number.to_bytes(4, "big"), version.digest
    )


def is_logged(version: KeyVersion) -> bool:
    """Tell whether a key is the one the log has for its reader, so that an exchanged row is noticed before sealing.

    A first version counts when its own line of the log names it. A later one needs its line, its predecessor's
    signature, and a predecessor that counts: who can write into the database has no such signature to give.
    """
    said = audit.facts(version.logged_as) if version.logged_as else None
    if said is None or said["action"] != (BEGUN if version.number == 1 else SUCCEEDED):
        return False
    details = said["details"]
    named = (details.get("reader"), details.get("number"), details.get("digest"))
    if named != (str(version.reader_id), version.number, version.digest.hex()):
        return False
    return version.number == 1 or _follows(version)


def is_present(version: KeyVersion) -> bool:
    """Tell whether a key is its reader's newest, and the one the log has: only then is something sealed to it.

    The keyring's own column says which one is present, and may name another's key or one from before: it counts only
    where it names this reader's, and no later one is known. Whoever knows the reader compares `version.reader_id`.
    """
    return (
        bool(_NAMED.rows(reader=version.reader_id, version=version.pk))
        and not _LATER.rows(reader=version.reader_id, number=version.number)
        and is_logged(version)
    )


_NAMED = Statement(lambda reader, version: Keyring.objects.filter(reader=reader, version=version).values_list("pk"))
_LATER = Statement(lambda reader, number: KeyVersion.objects.filter(reader=reader, number__gt=number).values_list("pk"))


def _follows(version: KeyVersion) -> bool:
    before = KeyVersion.objects.filter(reader=version.reader_id, number=version.number - 1).first()
    if before is None or not version.signature:
        return False
    return signing.verify(before.author_public, succession(version), version.signature) and _is_known(before)


def _is_known(version: KeyVersion) -> bool:
    pair = (version.pk, version.digest)
    if pair not in _known:
        if not is_logged(version):
            return False
        _known.add(pair)
    return True


def is_logged_author(version_id: int, author_public: bytes) -> bool:
    """Tell whether an author key is the one the log has for that version; asked of the log once a process."""
    pair = (version_id, bytes(author_public))
    if pair not in _known_authors:
        version = KeyVersion.objects.get(pk=version_id)
        if bytes(version.author_public) != pair[1] or not is_logged(version):
            return False
        _known_authors.add(pair)
    return True
