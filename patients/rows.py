"""The three reads of an opening, in SQL: building them with the ORM costs more than decrypting a page of entries.

What comes back is sealed. Ids may be text or UUIDs, as the database hands them over.
"""

import uuid
from collections.abc import Collection

from django.db import connection


def _id(value: uuid.UUID) -> uuid.UUID | str:
    """Return an id as the database keeps it."""
    return value if connection.features.has_native_uuid_field else value.hex


def _marks(values: Collection) -> str:
    return ", ".join(["%s"] * len(values))


def _all(sql: str, parameters: list) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall()


def seals(
    patient_id: uuid.UUID, reader_id: uuid.UUID, parts: Collection[str], *, closed_too: bool = False
) -> list[tuple]:
    """Return (blob, lockbox, part, epoch, key version) of the seals of open epochs that an owner or the escrow has.

    With `closed_too` those of closed epochs as well, newest first: only of the words on the log are any kept.
    """
    if not parts:
        return []
    only = "" if closed_too else "and box.closed_at is null "
    return _all(
        "select seal.blob, box.id, box.part, box.epoch, seal.key_version_id from patients_lockbox box "
        "join patients_seal seal on seal.lockbox_id = box.id "
        f"where box.patient_id = %s {only}and box.part in ({_marks(parts)}) "
        f"and seal.reader_id = %s and seal.grant_id is null order by box.id{' desc' if closed_too else ''}",
        [_id(patient_id), *map(str, parts), _id(reader_id)],
    )


def seals_of_grants(patient_id: uuid.UUID, parts: Collection[str], grants: Collection[uuid.UUID]) -> list[tuple]:
    """Return (blob, grant, lockbox, part, epoch) of the seals of open epochs made for grants."""
    if not parts or not grants:
        return []
    return _all(
        "select seal.blob, seal.grant_id, box.id, box.part, box.epoch from patients_lockbox box "
        "join patients_seal seal on seal.lockbox_id = box.id "
        f"where box.patient_id = %s and box.closed_at is null and box.part in ({_marks(parts)}) "
        f"and seal.grant_id in ({_marks(grants)}) order by box.id",
        [_id(patient_id), *map(str, parts), *map(_id, grants)],
    )


def grant_seals(grants: Collection[uuid.UUID]) -> list[tuple]:
    """Return (grant, reader, key version, blob) of the seals that hold grants' keys."""
    if not grants:
        return []
    return _all(
        "select grant_id, reader_id, key_version_id, blob from patients_grantseal "
        f"where grant_id in ({_marks(grants)})",
        [_id(grant) for grant in grants],
    )


def bundled(
    patient_id: uuid.UUID, grants: Collection[uuid.UUID], *, logical_id: uuid.UUID | None, all_versions: bool
) -> list[tuple]:
    """Return (entry, grant, key, logical id, version, part, manifest, position, written, body) of chosen entries.

    One row for each part an entry is in; newest version last. With `all_versions` off only the newest that each
    bundle holds: a later one may be there that it does not hold.
    """
    if not grants:
        return []
    parameters: list = [*map(_id, grants), _id(patient_id)]
    only = ""
    if logical_id is not None:
        only += " and entry.logical_id = %s"
        parameters.append(_id(logical_id))
    if not all_versions:
        only += (
            " and not exists (select 1 from patients_bundledkey later join patients_entry newer "
            "on newer.id = later.entry_id where later.grant_id = bundled.grant_id "
            "and newer.patient_id = entry.patient_id and newer.logical_id = entry.logical_id "
            "and newer.version > entry.version)"
        )
    return _all(
        "select bundled.entry_id, bundled.grant_id, bundled.blob, entry.logical_id, entry.version, box.part, "
        "entry.manifest_id, entry.position, entry.written_at, entry.body from patients_bundledkey bundled "
        "join patients_entry entry on entry.id = bundled.entry_id "
        "join patients_wrappedkey wrapped on wrapped.entry_id = entry.id "
        "join patients_lockbox box on box.id = wrapped.lockbox_id "
        f"where bundled.grant_id in ({_marks(grants)}) and entry.patient_id = %s{only} order by entry.version, box.id",
        parameters,
    )


def entries(
    patient_id: uuid.UUID, lockboxes: Collection[int], *, logical_id: uuid.UUID | None, all_versions: bool
) -> list[tuple]:
    """Return (entry, lockbox, batch, wrapped key, logical id, version, shares, manifest, position, written, body)."""
    if not lockboxes:
        return []
    only = "" if all_versions else " and entry.current"
    parameters: list = [*lockboxes, _id(patient_id)]
    if logical_id is not None:
        only += " and entry.logical_id = %s"
        parameters.append(_id(logical_id))
    return _all(
        "select wrapped.entry_id, wrapped.lockbox_id, wrapped.batch_id, wrapped.blob, entry.logical_id, entry.version, "
        "entry.shares, entry.manifest_id, entry.position, entry.written_at, entry.body "
        "from patients_wrappedkey wrapped "
        f"join patients_entry entry on entry.id = wrapped.entry_id where wrapped.lockbox_id in ({_marks(lockboxes)}) "
        f"and entry.patient_id = %s{only}",
        parameters,
    )


def manifests(ids: Collection[int]) -> list[tuple]:
    """Return (key, patient, author's name, digests, signature, author's key version or None, public key)."""
    if not ids:
        return []
    return _all(
        "select manifest.id, manifest.patient_id, manifest.author_name, manifest.digests, manifest.signature, "
        "manifest.author_id, coalesce(version.author_public, source.public) from patients_manifest manifest "
        "left join accounts_keyversion version on version.id = manifest.author_id "
        f"left join patients_source source on source.id = manifest.source_id where manifest.id in ({_marks(ids)})",
        list(ids),
    )
