"""The records a request may open, and what it sees in them. Everything comes through the door; nothing is kept.

What is hidden, out of the token's scopes, or beyond reach is not here at all: whoever counts, sorts, pages or follows
references does so over what this room hands out, and so cannot tell of more.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property, lru_cache

from appointments.models import Appointment
from audit import log
from consent import access
from consent.access import AccessDenied, IndexedEntry, OpenRecord
from ehr.fhir import naming, outcomes, told, visits
from ehr.fhir.asking import Asking
from ehr.r4 import ranges, search
from ehr.smart.backends import ServiceCaller
from ehr.smart.callers import SmartCaller
from ehr.words import Category
from patients.models import Patient
from patients.naming import Naming
from patients.queries import holder


class Seen:
    """One version of one resource that may be seen."""

    def __init__(self, record: "Record", row: IndexedEntry, fhir_id: str) -> None:
        self.record = record
        self.row: IndexedEntry | None = row
        self.kind = str(row.index["type"])
        self.id = fhir_id
        self.name = f"{self.kind}/{fhir_id}"
        self.logical_id = row.logical_id
        self.version = row.version
        self.written_at = row.written_at
        self.current = row.current
        self.deleted = row.deleted

    @property
    def version_id(self) -> str:
        """What its version is called outside."""
        return naming.version_id(str(self.logical_id), self.version)

    @property
    def values(self) -> Mapping:
        """Its search values as they were sealed."""
        return self.row.index if self.row else self.index

    @cached_property
    def index(self) -> Mapping:
        """Its search values, with the id and the time that this server gives it."""
        return indexed(self.row.index, self.id, self.written_at) if self.row else {}

    @cached_property
    def resource(self) -> dict:
        """The resource as this server gives it out."""
        row = self.row
        if row is None:
            raise ValueError("What is stored nowhere says itself what it is.")
        found = naming.rendered(
            row.resource,
            names=self.record.names,
            source=row.source,
            fhir_id=self.id,
            logical_id=str(self.logical_id),
            version=self.version,
            written_at=self.written_at,
        )
        return found if row.author_valid else naming.tagged(found, naming.UNSIGNED)


class Person(Seen):
    """The Patient of a record that holds none which may be read: made of what its owner is known by."""

    def __init__(self, record: "Record") -> None:
        self.record = record
        self.row = None
        self.kind = "Patient"
        self.id = str(record.patient.pk)
        self.name = f"Patient/{self.id}"
        self.logical_id = record.patient.pk
        self.version = naming.MADE
        self.written_at = record.patient.created_at
        self.current, self.deleted = True, False

    @cached_property
    def resource(self) -> dict:
        return naming.person(self.record.patient)

    @cached_property
    def index(self) -> Mapping:
        return indexed(search.values(self.resource), self.id, self.written_at)


class Told(Seen):
    """Something that is told as FHIR and stored as none."""

    def __init__(self, record: "Record", resource: dict, *, number: int = 1, current: bool = True) -> None:
        self.record = record
        self.row = None
        self.resource = resource
        self.kind, self.id = resource["resourceType"], resource["id"]
        self.name = f"{self.kind}/{self.id}"
        self.version = number
        self.written_at = datetime.fromisoformat(resource["meta"]["lastUpdated"])
        self.current, self.deleted = current, False

    @property
    def version_id(self) -> str:
        return str(self.resource["meta"].get("versionId", "1"))

    @cached_property
    def index(self) -> Mapping:
        return indexed(search.values(self.resource), self.id, self.written_at)


def indexed(index: Mapping, fhir_id: str, written_at: datetime) -> Mapping:
    """Return search values with the id and the time that this server gives."""
    known = index.get("p", {}) | {"_id": [["", fhir_id, ""]], "_lastUpdated": _at(written_at)}
    return {**index, "id": fhir_id, "p": known}


@lru_cache(maxsize=256)  # what was sent together was written at one time
def _at(written_at: datetime) -> list[list[str]]:
    return [[*ranges.instant(written_at)]]


@dataclass
class Record:
    """One patient's record as one request sees it."""

    patient: Patient
    asking: Asking
    opened: OpenRecord | None = field(repr=False)  # None where no more than who it is about may be known
    told: Sequence[dict] = field(default=(), repr=False)  # resources that are stored nowhere
    visits: Sequence[Appointment] = field(default=(), repr=False)
    is_named: bool = True  # whether it may be known more of whom it is about than what is told says
    every_version: bool = False

    @cached_property
    def names(self) -> Naming:
        """How its entries are called."""
        return Naming(self.patient)

    @cached_property
    def versions(self) -> list[Seen]:
        """Every version that was opened, the newest written first. Whoever it is about is always among them."""
        rows = [row for row in self.opened.rows if row.index.get("type")] if self.opened else []
        people = [row for row in rows if row.current and row.index["type"] == "Patient"]
        newest = max(people, key=lambda row: (row.written_at, row.logical_bytes), default=None)
        own = newest.logical_bytes if newest else None
        seen = [Seen(self, row, str(self.patient.pk if row.logical_bytes == own else row.logical_id)) for row in rows]
        if newest is None and self.is_named:
            seen.append(Person(self))
        seen += [Told(self, one) for one in self.told]
        shown = [one for one in seen if one.deleted or self.asking.shows(one.kind, one.values, self.patient)]
        booked = visits.versions(self.visits, shown, every=self.every_version)
        return shown + [Told(self, one.resource, number=one.number, current=one.current) for one in booked]

    @cached_property
    def current(self) -> dict[str, Seen]:
        """What there is now, by "Type/id"."""
        return {one.name: one for one in self.versions if one.current}

    @property
    def shows_basics(self) -> bool:
        """Tell whether the part that says who somebody is was opened."""
        return self.opened is not None and Category.BASIC in self.opened.categories

    def of(self, name: str) -> list[Seen]:
        """Return the versions of one resource that were opened, the newest first."""
        return sorted((one for one in self.versions if one.name == name), key=lambda one: -one.version)

    def forget(self) -> None:
        """Let go of what is seen in it, which holds the record in turn."""
        for name in ("versions", "current"):
            self.__dict__.pop(name, None)

    def fetch(self, seen: Iterable[Seen]) -> None:
        """Bring the bodies of a page at once."""
        if self.opened:
            self.opened.fetch([one.row for one in seen if one.row is not None and one.record is self])


# --- Opening -------------------------------------------------------------------------------------
def open_one(
    asking: Asking,
    patient: Patient,
    *,
    action: str,
    kinds: Iterable[str] | None = None,
    logical_id: uuid.UUID | None = None,
    all_versions: bool = False,
) -> Record:
    """Return one record. Raises Refusal 404 where nothing of it may be opened: as if there were no such patient."""
    caller = _towards(asking, patient)
    said = told.wanted(asking, patient, caller, kinds)
    booked = visits.of(asking, patient, caller, kinds)
    types = None if kinds is None else frozenset(kinds)
    if booked is not None and types is not None:
        types = visits.types(asking, patient, types)
    opened: OpenRecord | None = None
    # What is told beside a record puts no refusal on the list, where nothing of the record may be opened.
    beside = booked is not None or told.JOININGS in said
    if not beside or access.may_open(patient, caller, types):
        try:
            opened = access.open_record(
                patient, caller, action_words=action, types=types, logical_id=logical_id, all_versions=all_versions
            )
        except access.KeysLocked:
            raise
        except AccessDenied as denied:
            if types == {"Patient"}:
                _name(caller, patient)
            elif not said and booked is None:
                raise outcomes.not_there() from denied
    record = Record(patient, asking, opened, told.of(caller, patient, said))
    return _with_visits(record, caller, booked or (), all_versions)


def open_visit(asking: Asking, visit: Appointment, *, action: str, all_versions: bool) -> Record:
    """Return the record of whoever has a visit that is told to the caller, opened as far as why they come.

    Whether there is such an entry makes no difference to what is done, and so none to the time it takes.
    """
    patient, caller = visit.patient, _towards(asking, visit.patient)
    visits.note(visit, caller)
    types, opened = visits.types(asking, patient, ()), None
    if types and access.may_open(patient, caller, types):
        why = visit.reason or visit.pk
        opened = access.open_record(patient, caller, action_words=action, types=types, logical_id=why)
    return _with_visits(Record(patient, asking, opened), caller, [visit], all_versions)


def _with_visits(record: Record, caller: SmartCaller, booked: Sequence[Appointment], every: bool) -> Record:
    record.visits, record.every_version = booked, every
    # To a clinician who may open nothing, a visit says whose it is, and no more is said.
    record.is_named = record.opened is not None or not booked or caller.user.pk == record.patient.user_id
    record.asking.opened.append(record)
    return record


def _towards(asking: Asking, patient: Patient) -> SmartCaller:
    """Return who asks the door. Raises Refusal 404 for a service that the patient did not let in."""
    caller = asking.caller.towards(patient)
    if caller is None:
        raise outcomes.not_there()
    return caller


def _name(caller: SmartCaller, patient: Patient) -> None:
    """Commit the line that somebody was named. Raises Refusal where nothing of their record is open, or to be written.

    Whoever may open any part of a record knows whose it is, also where the part that says more is not among them.
    """
    try:
        access.identify(
            patient, reader=caller.reader, purpose=caller.purpose, presence=caller.presence, told=caller.told
        )
    except AccessDenied as denied:
        raise outcomes.not_there() from denied


def open_all(asking: Asking, patients: Iterable[Patient], *, kinds: Iterable[str] | None, action: str, **how):
    """Return the records of several patients, each with its own line; one that was ended meanwhile is left out."""
    found = []
    for patient in patients:
        try:
            found.append(open_one(asking, patient, action=action, kinds=kinds, **how))
        except outcomes.Refusal:
            continue
    return found


def patients_of(asking: Asking) -> list[Patient]:
    """Return whose records a request may open something of: those within reach that its token is for."""
    if isinstance(asking.caller, ServiceCaller):
        return asking.caller.patients
    begun = asking.caller.patient
    if begun is not None and not asking.for_others:
        return [begun]  # whether anything of it opens, the door says at once
    return [one for one in access.may_reach(asking.caller) if asking.reaches(one)]


def patient_of(asking: Asking, fhir_id: str) -> Patient:
    """Return one patient within reach. Raises Refusal 404."""
    found = next((one for one in patients_of(asking) if str(one.pk) == fhir_id), None)
    if found is None:
        raise outcomes.not_there()
    return found


def record_with(asking: Asking, kind: str, fhir_id: str, *, action: str, all_versions: bool = False) -> Record:
    """Return the record that holds a resource, opened as far as that resource. Raises Refusal 404."""
    logical_id = read_id(fhir_id)
    within = patients_of(asking)
    if kind == "Patient" and (own := next((one for one in within if one.pk == logical_id), None)):
        return open_one(asking, own, action=action, kinds=("Patient",), all_versions=all_versions)
    if kind == visits.KIND and (visit := visits.find(asking, logical_id)):
        return open_visit(asking, visit, action=action, all_versions=all_versions)
    found = within[0] if len(within) == 1 else holder(within, logical_id)
    if found is None:
        _note_nobody(asking)
        raise outcomes.not_there()
    if kind == told.JOININGS and (owner := told.whose(asking, logical_id)):
        return open_one(asking, owner, action=action, kinds=(kind,), all_versions=all_versions)
    if kind == "Patient" or kind in told.KINDS:
        return open_one(asking, found, action=action, kinds=(kind,), all_versions=all_versions)
    return open_one(asking, found, action=action, logical_id=logical_id, all_versions=all_versions)


def _note_nobody(asking: Asking) -> None:
    """Commit that somebody asked for what is in no record within reach: it takes the time of a look, so that time does
    not tell it from what is hidden in one.
    """
    caller = asking.caller
    log.record(
        "entry.refused",
        actor=asking.party,
        subject=None,
        outcome="refused",
        purpose=str(caller.purpose),
        because="no-grant",
        details=caller.told,
    )


def read_id(fhir_id: str) -> uuid.UUID:
    """Return the id in an address. Raises Refusal 404 for one that this server never gave."""
    try:
        found = uuid.UUID(fhir_id)
    except ValueError:
        raise outcomes.not_there() from None
    if str(found) != fhir_id:
        raise outcomes.not_there()
    return found
