"""Whom can be booked, where and when, and which studies there are: Schedule, Slot, Practitioner, Location and
ResearchStudy as they are now, in nobody's record.

Of a visit nothing can be told from any of it: a time that is not free says no more. What is here has no versions.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import UTC, datetime
from functools import cached_property
from uuid import UUID

from appointments.fhir import hours, slots
from appointments.models import Schedule
from ehr import clock
from ehr.fhir import people
from ehr.fhir.asking import Asking
from ehr.fhir.records import Seen, indexed
from ehr.r4 import ranges
from ehr.r4 import search as r4
from research import fhir as research

SCHEDULE, SLOT, PLACE, PERSON = "Schedule", "Slot", "Location", "Practitioner"
STUDY = research.STUDY
KINDS = frozenset({SCHEDULE, SLOT, PLACE, PERSON, STUDY})
_ALWAYS = datetime(2026, 1, 1, tzinfo=UTC)  # where nothing says since when something stands as it is


class Directory:
    """What one request looks at of it, by "Type/id"; in the place that a patient's record has else."""

    patient = None

    def __init__(self) -> None:
        self.current: dict[str, Seen] = {}

    def add(self, one: "Listed") -> None:
        self.current[one.name] = one

    def fetch(self, seen: Iterable[Seen]) -> None:
        """Bring nothing: there are no bodies to open."""


class Listed(Seen):
    """Something of the directory, made when it is looked at."""

    def __init__(
        self, directory: Directory, kind: str, fhir_id: str, make: Callable[[], dict], since: datetime = _ALWAYS
    ) -> None:
        self.record = directory  # type: ignore[assignment] # of nobody's
        self.row = None
        self.kind, self.id, self.name = kind, fhir_id, f"{kind}/{fhir_id}"
        self.version, self.written_at = 1, since
        self.current, self.deleted = True, False
        self._make = make

    @property
    def version_id(self) -> str:
        return str(self.version)

    @cached_property
    def resource(self) -> dict:
        return self._make()

    @cached_property
    def index(self) -> Mapping:
        return indexed(r4.values(self.resource), self.id, self.written_at)


class Time(Listed):
    """A free time: one of thousands that differ from the next one by their id and by when they begin."""

    def __init__(self, *args, like: Mapping, starts: datetime, **more) -> None:
        super().__init__(*args, **more)
        self._like, self._starts = like, starts

    @cached_property
    def index(self) -> Mapping:
        found = indexed(self._like, self.id, self.written_at)
        return {**found, "p": found["p"] | {"start": [[*ranges.instant(self._starts)]]}}


# --- By id ---------------------------------------------------------------------------------------
def find(asking: Asking, kind: str, fhir_id: str) -> dict | None:
    """Return something of the directory by its id, where the token's scopes let it be read; None for any other id."""
    if kind not in KINDS or not asking.allow(kind, "read"):
        return None
    return _by_id(kind, fhir_id)


def _by_id(kind: str, fhir_id: str) -> dict | None:
    at = clock.now()
    if kind == SLOT:
        return hours.one_slot(fhir_id, at)
    try:
        named = UUID(fhir_id)
    except ValueError:
        return None
    if str(named) != fhir_id:
        return None
    if kind == STUDY:
        return research.find(named)
    if kind == SCHEDULE:
        return _schedule(named, at)
    found = hours.places([named]) if kind == PLACE else people.with_hours([named], at)
    return next(iter(found), None)


def _schedule(named: UUID, at: datetime) -> dict | None:
    found = hours.find(named)
    return hours.schedule(found, at, active=bool(hours.offered(at, schedules=[named]))) if found else None


# --- What belongs together -------------------------------------------------------------------------
def add_hours(directory: Directory, schedules: Iterable[Schedule], kinds: Collection[str], at: datetime) -> None:
    """List hours that can be booked, with whose they are and where, as far as these types are looked at."""
    for one in schedules:
        told = hours.schedule(one, at, active=True)
        directory.add(Listed(directory, SCHEDULE, told["id"], lambda told=told: told, one.made_at))
        _add_whose(directory, one, kinds)


def _add_whose(directory: Directory, one: Schedule, kinds: Collection[str]) -> None:
    if PERSON in kinds:
        _add(directory, PERSON, str(one.timetable.clinician.user_id))
    if PLACE in kinds and one.place_id:
        _add(directory, PLACE, str(one.place_id))


def _add(directory: Directory, kind: str, fhir_id: str) -> None:
    directory.add(Listed(directory, kind, fhir_id, lambda: _by_id(kind, fhir_id) or _unknown(kind, fhir_id)))


def _unknown(kind: str, fhir_id: str) -> dict:
    """Return what is left of somebody who is not registered any more."""
    return {"resourceType": kind, "id": fhir_id}


def around(asking: Asking, seen: Iterable[Seen], kinds: Collection[str]) -> Mapping[str, Seen]:
    """Return what visits and parts in studies lead to, of types that the token's scopes let be read, by "Type/id"."""
    wanted = frozenset(kind for kind in KINDS & frozenset(kinds) if asking.allow(kind, "read"))
    directory = Directory()
    for one in seen:
        for kind, fhir_id in _led_to(one.resource) if one.row is None and wanted else ():
            if kind in wanted:
                _add(directory, kind, fhir_id)
    return directory.current


def _led_to(told: Mapping) -> Iterable[tuple[str, str]]:
    names = [one["reference"] for one in told.get("slot", ())]
    names += [one["actor"].get("reference", "") for one in told.get("participant", ()) if "actor" in one]
    names += [told["study"]["reference"]] if told["resourceType"] == research.SUBJECT else []
    for name in names:
        kind, _, fhir_id = name.partition("/")
        yield kind, fhir_id
        if kind == SLOT and (said := slots.read(fhir_id)):
            yield SCHEDULE, str(said.schedule)
