"""Searching for whom can be booked and when. Free times are computed for the question, and only free ones are listed.

Source: FHIR R4 schedule.html#search, slot.html#search.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

from appointments.availability import Slot
from appointments.fhir import hours, slots
from appointments.models import Schedule, VisitType
from ehr import clock
from ehr.fhir import directory, kinds, outcomes, search, spans
from ehr.fhir.asking import Asking
from ehr.fhir.directory import SCHEDULE, SLOT, Directory, Time
from ehr.fhir.outcomes import Issue, Refusal
from ehr.fhir.search import Found, Question
from ehr.r4 import comparing
from ehr.r4 import search as r4

KINDS = frozenset({SCHEDULE, SLOT})
MOST_SCHEDULES = 200  # that one search looks at
MOST_SLOTS = 5_000
DAYS, MOST_DAYS = timedelta(days=14), timedelta(days=31)
FARTHEST = timedelta(days=3 * 366)  # nobody is booked that far ahead
_Value = TypeVar("_Value")


def find(asking: Asking, asked: Question) -> Found:
    """Return what of the directory answers a question. No record is opened for it. Raises Refusal."""
    if not asking.allow(asked.kind, "search-type"):
        raise outcomes.beyond_scope(asked.kind)
    at, there = clock.now(), Directory()
    offered = hours.offered(at, schedules=_schedules(asked), visit_types=_values(asked, "service-type", _code))
    if len(offered) > MOST_SCHEDULES:
        words = "This would look at more schedules than are looked at once. Name one, or a kind of visit."
        raise Refusal(422, "too-costly", words, at="http.schedule" if asked.kind == SLOT else "http.service-type")
    read = frozenset(kind for kind in directory.KINDS if kind in asked.touched and asking.allow(kind, "read"))
    if asked.kind == SCHEDULE or SCHEDULE in read:
        directory.add_hours(there, offered, read, at)
    if asked.kind == SLOT:
        _add_times(there, offered, asked, at)
    return search.listed(asking, asked, there)


# --- Free times ------------------------------------------------------------------------------------
def _add_times(there: Directory, offered: Sequence[Schedule], asked: Question, at: datetime) -> None:
    since, until = _bounds(asked, at)
    by_id = {one.pk: one for one in offered}
    wanted = _values(asked, "service-type", _code)
    types = {kind.pk: kind for one in offered for kind in hours.kinds_of(one) if wanted is None or kind.pk in wanted}
    count = 0
    for _pk, kind in sorted(types.items()):
        found = _free(offered, kind, since, until, at)
        count += len(found)
        if count > MOST_SLOTS:
            words = f"More than {MOST_SLOTS} times are free then. Name a schedule, a kind of visit, or fewer days."
            raise Refusal(422, "too-costly", words, at="http.start")
        _add(there, found, kind, by_id)


def _bounds(asked: Question, at: datetime) -> tuple[datetime, datetime]:
    """Return between which moments times are looked for; where that is less than was asked, it is said."""
    since, until = spans.between(asked.grouped.get("start", ()))
    for named in (slots.read(raw) for raw in asked.grouped.get("_id", ()) if "," not in raw):
        if named:
            since, until = named.starts, named.starts + timedelta(minutes=1)
    first = min(max(since or at, at), at + FARTHEST)
    last = min(until or first + DAYS, first + MOST_DAYS)
    if until is None or until > last:
        words = f"Times before {last.date().isoformat()} are listed. Go on with start=ge{last.date().isoformat()}."
        asked.issues.append(Issue("incomplete", words, "http.start", "warning"))
        last = last.replace(hour=0, minute=0, second=0, microsecond=0)
    return first, last


def _free(offered: Sequence[Schedule], kind: VisitType, since: datetime, until: datetime, at: datetime) -> list[Slot]:
    # Days are those of a place, which begin up to 14 hours before or after those of UTC.
    first, last = since.date() - timedelta(days=1), until.date() + timedelta(days=1)
    found = hours.times(offered, kind, first, last, at=at)
    return [one for one in found if since <= one.starts < until]


def _add(there: Directory, found: Sequence[Slot], kind: VisitType, by_id: dict[UUID, Schedule]) -> None:
    alike: dict[UUID, dict] = {}
    for one in found:
        if one.schedule_id not in alike:
            alike[one.schedule_id] = r4.values(hours.slot(one, kind))
        name = slots.name(one.schedule_id, kind.pk, one.starts)
        there.add(
            Time(
                there, SLOT, name, lambda one=one: hours.slot(one, kind),
                since=by_id[one.schedule_id].made_at, like=alike[one.schedule_id], starts=one.starts,
            )
        )  # fmt: skip


# --- What a question names -------------------------------------------------------------------------
def _schedules(asked: Question) -> set[UUID] | None:
    """Return the schedules that a question is about; None where it names none."""
    if asked.kind == SCHEDULE:
        return _values(asked, "_id", _id)
    named = _values(asked, "schedule", _id)
    times = _values(asked, "_id", _schedule_of)
    return named if times is None else times if named is None else named & times


def _values(asked: Question, name: str, read: Callable[[str], _Value | None]) -> set[_Value] | None:
    """Return what a parameter names, each repetition narrowing it; None where it is not there, or may mean anything."""
    found: set[_Value] | None = None
    for raw in asked.grouped.get(name, ()):
        values = [read(comparing.plain(piece)) for piece in comparing.split(raw, ",")]
        if None in values:
            continue
        told = {value for value in values if value is not None}
        found = told if found is None else found & told
    return found


def _id(text: str) -> UUID | None:
    bare = text.removeprefix(f"{kinds.base()}/").removeprefix("Schedule/")
    try:
        return UUID(bare)
    except ValueError:
        return None


def _code(text: str) -> UUID | None:
    return _id(text.rpartition("|")[2])


def _schedule_of(text: str) -> UUID | None:
    said = slots.read(text)
    return said.schedule if said else None
