"""Out: what a whole record is searched by, quickly; bodies and authors when they are asked for."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from operator import attrgetter

import orjson

from ehr.crypto.formats import CannotOpen
from ehr.crypto.opening import KeyOpener
from patients import rows
from patients.lockboxes import OpenBox, OpenBundle
from patients.models import Patient
from patients.vault import signed
from patients.vault.entries import Placed, read_json
from patients.vault.reading import CheckedManifest, checked_manifests, text_of, whole_file
from patients.vault.shares import Shares, bundled_keys

_KIND = b'{"type":"'  # how search values begin


@dataclass(eq=False)
class IndexedEntry(Placed):
    """One entry as a search sees it: its values, and its body when that is asked for.

    Bodies come from the database one by one unless `OpenIndex.fetch` brought those of a page at once.
    """

    position: int
    newest: bool  # the newest version of its entry; of a chosen one, that is held
    _values: bytes = field(repr=False)
    _dek: bytes | None = field(repr=False)
    _shelf: "_Shelf" = field(repr=False)

    @cached_property
    def index(self) -> dict:
        """What it is searched by; empty where its key or ciphertext does not fit."""
        return orjson.loads(self._values) if self._values else {}

    @property
    def kind(self) -> str:
        """The type of its resource; empty where nothing says it. Reads no more than that: a search is of one type."""
        if "index" not in self.__dict__ and self._values.startswith(_KIND):
            return self._values[len(_KIND) : self._values.index(b'"', len(_KIND))].decode()
        return str(self.index.get("type", ""))

    @property
    def current(self) -> bool:
        """True for what its entry says now: its newest version, where that is no deletion."""
        return self.newest and not self.deleted

    @property
    def deleted(self) -> bool:
        """True for the version that says that its entry is no more."""
        return bool(self.index.get("deleted"))

    @cached_property
    def raw(self) -> bytes | None:
        """The resource's text as it was stored; None when it does not open."""
        return text_of(self._dek, self._shelf.body(self), self._shelf.identity(self))

    @cached_property
    def resource(self) -> dict:
        """The FHIR resource with its decimals as written; empty when it could not be opened."""
        return read_json(self.raw.decode()) if self.raw is not None else {}

    @property
    def attachment(self) -> bytes:
        """The file that was sealed beside it, read anew each time. Raises CannotOpen, also where there is none, or
        another than it names.
        """
        if self._dek is None or self.raw is None:
            raise CannotOpen("The keys at hand do not open this entry.")
        return whole_file(self.entry_id, self._dek, resource=self.resource)

    @property
    def author_name(self) -> str:
        return self._shelf.manifest(self).author_name

    @property
    def source(self) -> str:
        """The name of the system that sent it; empty for what a person wrote here."""
        return self._shelf.manifest(self).source

    @cached_property
    def author_valid(self) -> bool:
        """Whether its author signed this very text. False, too, where the signature fails."""
        digest = signed.digest(self._shelf.identity(self), self._shelf.body(self))
        return self._shelf.manifest(self).lists(self.position, digest)


class _Shelf:
    """Where bodies and manifests of one record's entries are taken from, each once."""

    def __init__(self, patient_id: uuid.UUID) -> None:
        self._patient_id = patient_id
        self._prefix = signed.identity_prefix(patient_id)
        self._bodies: dict[bytes, bytes] = {}
        self._manifests: dict[int, CheckedManifest] = {}

    def identity(self, entry: Placed) -> bytes:
        return self._prefix + entry.logical_bytes + entry.version.to_bytes(4, "big")

    def body(self, entry: Placed) -> bytes:
        self.fetch_bodies([entry])
        return self._bodies[entry.entry_bytes]

    def manifest(self, entry: Placed) -> CheckedManifest:
        self.fetch_manifests([entry])
        return self._manifests[entry.manifest_id]

    def fetch_bodies(self, entries: Iterable[Placed]) -> None:
        missing = [entry.entry_id for entry in entries if entry.entry_bytes not in self._bodies]
        for stored, body in rows.bodies(missing):
            self._bodies[signed.id_bytes(stored)] = bytes(body)

    def fetch_manifests(self, entries: Iterable[Placed]) -> None:
        missing = {entry.manifest_id for entry in entries} - self._manifests.keys()
        self._manifests |= checked_manifests(self._patient_id, missing)


@dataclass(frozen=True)
class OpenIndex:
    """The opened search values of what the keys at hand open, newest written first."""

    entries: list[IndexedEntry] = field(repr=False)
    batched: bool  # whether a key lies under a batch's still, which `keys.settle` moves
    _shelf: _Shelf = field(repr=False)

    def fetch(self, entries: Iterable[IndexedEntry]) -> None:
        """Bring the bodies and authors of entries from the database at once: two statements for a whole page."""
        entries = list(entries)
        self._shelf.fetch_bodies(entries)
        self._shelf.fetch_manifests(entries)


def search(
    patient: Patient,
    boxes: Mapping[str, OpenBox],
    bundles: Sequence[OpenBundle] = (),
    *,
    logical_id: uuid.UUID | None = None,
    all_versions: bool = False,
) -> OpenIndex:
    """Return the search values of the entries that opened boxes and bundles open.

    The newest version of each, without what was deleted. With `logical_id` that entry, also where its newest version
    says that it was deleted; with `all_versions` every version. Of an entry whose newest version is in a box that is
    not open nothing comes back, whatever its older ones were in: they would tell that there is a newer one.
    """
    known = logical_id is not None or all_versions
    shares, shelf = Shares(boxes), _Shelf(patient.id)
    found: list[IndexedEntry] = []

    def add(row: tuple, dek: bytes | None, parts: tuple[str, ...]) -> None:
        entry, logical, version, manifest_id, position, written, newest, sealed = row
        placed = (signed.id_bytes(entry), signed.id_bytes(logical), version, parts, written, manifest_id)
        one = IndexedEntry(*placed, position, version == newest, b"", dek, shelf)
        one._values = _opened(dek, sealed, shelf.identity(one))
        found.append(one)

    for entry, lockbox_id, batch_id, blob, count, *rest in rows.indexes(
        patient.id, list(shares.boxes), logical_id=logical_id, all_versions=known
    ):
        opened = shares.take(signed.id_bytes(entry), lockbox_id, batch_id, blob, count)
        if opened is not None:
            add((entry, *rest), *opened)
    there = {one.logical_bytes for one in found if one.newest}
    found = [one for one in found if one.logical_bytes in there]
    grants = [one.grant_id for one in bundles]
    chosen = rows.bundled_indexes(patient.id, grants, logical_id=logical_id, all_versions=known)
    for row, dek, parts in bundled_keys(chosen, {one.grant_id: one for one in bundles}):
        entry, _grant, _blob, logical, version, _part, *rest = row
        # What a whole part shows, it shows in its newest version.
        if signed.id_bytes(logical) not in there:
            add((entry, logical, version, *rest), dek, parts)
    entries = [one for one in found if all_versions or one.newest]
    entries.sort(key=attrgetter("position"))
    entries.sort(key=attrgetter("stored_at"), reverse=True)
    return OpenIndex(entries, shares.batched, shelf)


def _opened(dek: bytes | None, sealed: bytes, identity: bytes) -> bytes:
    """Return an entry's search values as they were sealed; none where its key is none or does not fit."""
    if dek is None:
        return b""
    try:
        return KeyOpener(dek).open(bytes(sealed), aad=identity + signed.SEARCH)
    except CannotOpen:
        return b""
