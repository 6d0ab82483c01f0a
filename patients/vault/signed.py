"""What a body, its search values and its author's signature are bound to. Whatever is moved elsewhere does not fit."""

import uuid
from hashlib import sha256

from ehr.crypto.digests import joined

ALGORITHM = b"AES-256-GCM+SHA-256-commitment/v1"
DIGEST_BYTES = 32
SEARCH = b"search"  # follows the identity in what search values are bound to


def identity(patient_id: uuid.UUID, logical_id: uuid.UUID, version: int) -> bytes:
    """Return the bytes that body and signature are bound to: patient, algorithm, entry and version."""
    return identity_prefix(patient_id) + logical_id.bytes + version.to_bytes(4, "big")


def identity_prefix(patient_id: uuid.UUID) -> bytes:
    """Return what the identity of each entry of a patient begins with."""
    # What follows has a fixed length, so it needs none in front.
    return joined(b"entry/v1", patient_id.bytes, ALGORITHM)


def digest(identity: bytes, body: bytes) -> bytes:
    """Return what an author signs of one entry, 32 bytes."""
    return sha256(identity + body).digest()


def manifest_message(patient_id: uuid.UUID, author_name: str, digests: bytes) -> bytes:
    """Return what an author signs of all entries written at once."""
    return joined(b"manifest/v1", patient_id.bytes, author_name.encode(), sha256(digests).digest())


def chunk_aad(entry_id: uuid.UUID, number: int, total: int) -> bytes:
    """Return what a piece of a file is bound to."""
    return joined(b"chunk/v1", entry_id.bytes, number.to_bytes(4, "big"), total.to_bytes(4, "big"))


def id_bytes(stored: uuid.UUID | str | bytes) -> bytes:
    """Return the 16 bytes of an id as the database hands it over."""
    if isinstance(stored, str):
        return bytes.fromhex(stored)
    return stored if isinstance(stored, bytes) else stored.bytes
