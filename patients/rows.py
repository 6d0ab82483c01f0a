"""The reads of an opening, in SQL: building them with the ORM costs more than decrypting a page of entries.

What comes back is sealed. Ids may be text, bytes or UUIDs, as the database hands them over.
"""

import uuid
from collections.abc import Collection, Iterable, Sequence

from django.db import DEFAULT_DB_ALIAS, connection, connections

from ehr import statements

_IN_ONE = 5_000  # ids that one statement names at most
# That an entry is there at all: of one that was deleted, no version is the present one.
_THERE = (
    " and exists (select 1 from patients_entry there where there.patient_id = entry.patient_id "
    "and there.logical_id = entry.logical_id and there.current)"
)
# The number of an entry's newest version, whoever may open that.
_NEWEST = (
    "(select max(newest.version) from patients_entry newest "
    "where newest.patient_id = entry.patient_id and newest.logical_id = entry.logical_id)"
)
# Of the versions that a bundle holds, no later one.
_NEWEST_HELD = (
    " and not exists (select 1 from patients_bundledkey later join patients_entry newer on newer.id = later.entry_id "
    "where later.grant_id = bundled.grant_id and newer.patient_id = entry.patient_id "
    "and newer.logical_id = entry.logical_id and newer.version > entry.version)"
)


def _id(value: uuid.UUID) -> uuid.UUID | str:
    """Return an id as the database keeps it."""
    return value if connection.features.has_native_uuid_field else value.hex


def _among(column: str, values: Collection) -> tuple[str, list]:
    """Return the condition that a column is one of some values, with its parameters.

    PostgreSQL takes them as one array, so that it is the same statement for any number of them.
    """
    if connections[DEFAULT_DB_ALIAS].vendor == "postgresql":
        return f"{column} = any(%s)", [list(values)]
    return f"{column} in ({', '.join(['%s'] * len(values))})", list(values)


def _id_of(column: str) -> str:
    """Return an id of many rows as it is read fastest, and needed: as bytes, where the database has more than text."""
    return f"uuid_send({column})" if connections[DEFAULT_DB_ALIAS].vendor == "postgresql" else column


def _moment(column: str) -> str:
    """Return a moment as it is read fastest: in UTC, which is not said once more for each row.

    SQLite's text stays text: what is no bare column, Django reads no date from.
    """
    in_utc = connections[DEFAULT_DB_ALIAS].vendor == "postgresql"
    return f"{column} at time zone 'UTC'" if in_utc else f"+{column}"


def _all(sql: str, parameters: list) -> list[tuple]:
    return statements.fetched(sql, parameters, connections[DEFAULT_DB_ALIAS])


def hold(patient_id: uuid.UUID, parts: Collection[str]) -> None:
    """Hold the current lockboxes of some parts until the transaction ends, as `lockboxes.lock` does, unread."""
    among, named = _among("part", [str(part) for part in parts])
    update = " for update" if connection.features.has_select_for_update else ""
    _all(
        f"select id from patients_lockbox where patient_id = %s and {among} and closed_at is null order by id{update}",
        [_id(patient_id), *named],
    )


def seals(
    patient_id: uuid.UUID, reader_id: uuid.UUID, parts: Collection[str], *, closed_too: bool = False
) -> list[tuple]:
    """Return (blob, lockbox, part, epoch, key version) of the seals of open epochs that an owner or the escrow has.

    With `closed_too` those of closed epochs as well, newest first: only of the words on the log are any kept.
    """
    if not parts:
        return []
    only = "" if closed_too else "and box.closed_at is null "
    among, named = _among("box.part", [str(part) for part in parts])
    return _all(
        "select seal.blob, box.id, box.part, box.epoch, seal.key_version_id from patients_lockbox box "
        "join patients_seal seal on seal.lockbox_id = box.id "
        f"where box.patient_id = %s {only}and {among} "
        f"and seal.reader_id = %s and seal.grant_id is null order by box.id{' desc' if closed_too else ''}",
        [_id(patient_id), *named, _id(reader_id)],
    )


def seals_of_grants(patient_id: uuid.UUID, parts: Collection[str], grants: Collection[uuid.UUID]) -> list[tuple]:
    """Return (blob, grant, lockbox, part, epoch) of the seals of open epochs made for grants."""
    if not parts or not grants:
        return []
    among_parts, named = _among("box.part", [str(part) for part in parts])
    among_grants, given = _among("seal.grant_id", [_id(grant) for grant in grants])
    return _all(
        "select seal.blob, seal.grant_id, box.id, box.part, box.epoch from patients_lockbox box "
        "join patients_seal seal on seal.lockbox_id = box.id "
        f"where box.patient_id = %s and box.closed_at is null and {among_parts} and {among_grants} order by box.id",
        [_id(patient_id), *named, *given],
    )


def grant_seals(grants: Collection[uuid.UUID]) -> list[tuple]:
    """Return (grant, reader, key version, blob) of the seals that hold grants' keys."""
    if not grants:
        return []
    among, given = _among("grant_id", [_id(grant) for grant in grants])
    return _all(f"select grant_id, reader_id, key_version_id, blob from patients_grantseal where {among}", given)


def bundled(
    patient_id: uuid.UUID, grants: Collection[uuid.UUID], *, logical_id: uuid.UUID | None, all_versions: bool
) -> list[tuple]:
    """Return (entry, grant, key, logical id, version, part, manifest, position, written, body) of chosen entries.

    One row for each part an entry is in; newest version last. With `all_versions` off only the newest that each
    bundle holds: a later one may be there that it does not hold. Of what was deleted, nothing.
    """
    only = _THERE if all_versions else _THERE + _NEWEST_HELD
    return _bundled(patient_id, grants, logical_id, f"{_moment('entry.written_at')}, entry.body", only)


def bundled_indexes(
    patient_id: uuid.UUID, grants: Collection[uuid.UUID], *, logical_id: uuid.UUID | None, all_versions: bool
) -> list[tuple]:
    """Return the same with (…, written, the newest version that the bundle holds, search values) at the end."""
    held = (
        "(select max(other.version) from patients_bundledkey also join patients_entry other "
        "on other.id = also.entry_id where also.grant_id = bundled.grant_id and other.patient_id = entry.patient_id "
        "and other.logical_id = entry.logical_id)"
    )
    only = _THERE if all_versions else _THERE + _NEWEST_HELD
    return _bundled(patient_id, grants, logical_id, f"{_moment('entry.written_at')}, {held}, entry.search", only)


def _bundled(
    patient_id: uuid.UUID, grants: Collection[uuid.UUID], logical_id: uuid.UUID | None, columns: str, only: str
) -> list[tuple]:
    if not grants:
        return []
    among, given = _among("bundled.grant_id", [_id(grant) for grant in grants])
    parameters = [*given, _id(patient_id)]
    if logical_id is not None:
        only += " and entry.logical_id = %s"
        parameters.append(_id(logical_id))
    return _all(
        "select bundled.entry_id, bundled.grant_id, bundled.blob, entry.logical_id, entry.version, box.part, "
        f"entry.manifest_id, entry.position, {columns} from patients_bundledkey bundled "
        "join patients_entry entry on entry.id = bundled.entry_id "
        "join patients_wrappedkey wrapped on wrapped.entry_id = entry.id "
        "join patients_lockbox box on box.id = wrapped.lockbox_id "
        f"where {among} and entry.patient_id = %s{only} order by entry.version, box.id",
        parameters,
    )


def entries(
    patient_id: uuid.UUID, lockboxes: Collection[int], *, logical_id: uuid.UUID | None, all_versions: bool
) -> Iterable[tuple]:
    """Return (entry, lockbox, batch, wrapped key, logical id, version, shares, manifest, position, written, body).

    Of an entry that was deleted, nothing.
    """
    columns = f"{_id_of('entry.logical_id')}, entry.version, entry.shares, entry.manifest_id, entry.position"
    only = _THERE if all_versions else " and entry.current"
    return _held(patient_id, lockboxes, logical_id, f"{columns}, {_moment('entry.written_at')}, entry.body", only)


def indexes(
    patient_id: uuid.UUID, lockboxes: Collection[int], *, logical_id: uuid.UUID | None, all_versions: bool
) -> Iterable[tuple]:
    """Return (entry, lockbox, batch, wrapped key, shares, logical id, version, manifest, position, written, number of
    the newest version, search values). With `all_versions` what was deleted is there, too.
    """
    newest, only = (_NEWEST, "") if all_versions else ("entry.version", " and entry.current")
    columns = f"entry.shares, {_id_of('entry.logical_id')}, entry.version, entry.manifest_id, entry.position"
    return _held(
        patient_id, lockboxes, logical_id, f"{columns}, {_moment('entry.written_at')}, {newest}, entry.search", only
    )


def _held(
    patient_id: uuid.UUID, lockboxes: Collection[int], logical_id: uuid.UUID | None, columns: str, only: str
) -> Iterable[tuple]:
    if not lockboxes:
        return []
    among, opened = _among("wrapped.lockbox_id", lockboxes)
    parameters = [*opened, _id(patient_id)]
    # SQLite takes tables in this order where they are crossed: from the keys of what is open. It would begin with
    # the patient's entries, and look for a key of each in every lockbox.
    then = "cross join"
    if logical_id is not None:
        then, only = ",", f"{only} and entry.logical_id = %s"
        parameters.append(_id(logical_id))
    return statements.streamed(
        f"select {_id_of('wrapped.entry_id')}, wrapped.lockbox_id, wrapped.batch_id, wrapped.blob, {columns} "
        f"from patients_wrappedkey wrapped {then} patients_entry entry "
        f"where entry.id = wrapped.entry_id and {among} and entry.patient_id = %s{only}",
        parameters,
        connections[DEFAULT_DB_ALIAS],
    )


def bodies(ids: Sequence[uuid.UUID]) -> list[tuple]:
    """Return (entry, body) of entries."""
    found: list[tuple] = []
    for start in range(0, len(ids), _IN_ONE):
        among, some = _among("entry.id", [_id(one) for one in ids[start : start + _IN_ONE]])
        found += _all(f"select entry.id, entry.body from patients_entry entry where {among}", some)
    return found


def manifests(ids: Collection[int]) -> list[tuple]:
    """Return (key, patient, author's name, digests, signature, author's key version or None, public key, source)."""
    if not ids:
        return []
    among, some = _among("manifest.id", ids)
    return _all(
        "select manifest.id, manifest.patient_id, manifest.author_name, manifest.digests, manifest.signature, "
        "manifest.author_id, coalesce(version.author_public, source.public), coalesce(source.name, '') "
        "from patients_manifest manifest "
        "left join accounts_keyversion version on version.id = manifest.author_id "
        f"left join patients_source source on source.id = manifest.source_id where {among}",
        some,
    )
