"""An export under way: begun, gone on with each time its owner asks how far it is, told when all is counted.

Whoever asks brings the keys, for the length of each request; between two requests nothing works and nothing holds any.
What a job knows is encrypted under its owner's keyring. A process that dies leaves a job that waits to be asked after.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import orjson

from ehr import clock
from ehr.accounts.keyrings import CannotOpen
from ehr.fhir import outcomes, records
from ehr.fhir.asking import Asking
from ehr.fhir.bulk import selecting
from ehr.fhir.bulk.terms import Wanted
from ehr.fhir.models import Export
from ehr.fhir.outcomes import Refusal
from ehr.fhir.records import Seen
from ehr.fhir.shaping import shaped
from patients.models import Patient

LIFE = timedelta(hours=24)
LEASE = timedelta(seconds=60)  # that one request has a job for itself
AT_ONCE = 10  # records that one question about the status counts
AT_A_TIME = 200  # bodies that a file brings from the database at once
MOST_PATIENTS = 5_000
MOST_UNDER_WAY = 3  # of one client, until they are done or cancelled
MOST_KEPT = 30
MOST_IN_FILE = 10_000  # resources, where they are of several records
MOST_RECORDS_IN_FILE = 25
DELETED, ERROR = "deleted", "error"


@dataclass
class State:
    """What a job knows: what is asked, whose records wait to be counted, and what was found in the others."""

    wanted: Wanted
    request: str
    token: str  # what the token that began it is for; another one finds nothing
    left: list[str]
    found: list[tuple[str, dict[str, int]]] = field(default_factory=list)  # a record, and how many of which type
    passed: int = 0  # records that were opened, or would not open

    def packed(self) -> bytes:
        return orjson.dumps([self.wanted.plain(), self.request, self.token, self.left, self.found, self.passed])

    @classmethod
    def unpacked(cls, text: bytes) -> "State":
        wanted, request, token, left, found, passed = orjson.loads(text)
        return cls(Wanted.of(wanted), request, token, left, [(one, counts) for one, counts in found], passed)


@dataclass(frozen=True)
class File:
    """One file of an export: of which type, from which records, and how many resources it holds or held."""

    name: str
    kind: str
    what: str  # "output", "deleted" or "error"
    patients: tuple[str, ...]
    count: int


# --- One job -------------------------------------------------------------------------------------
def begin(asking: Asking, wanted: Wanted, patients: Sequence[Patient], *, request: str) -> Export:
    """Return a new job. Raises Refusal 429 for a client that has as many as it may, 422 for too many records."""
    own = _own(asking)
    if own.filter(finished_at=None).count() >= MOST_UNDER_WAY or own.count() >= MOST_KEPT:
        words = "As many exports of this client as may be are under way or kept. DELETE one that is no longer needed."
        raise Refusal(429, "throttled", words, headers={"Retry-After": "60"})
    if len(patients) > MOST_PATIENTS:
        words = f"One export is of {MOST_PATIENTS:,} records at most. Name patients by the parameter patient."
        raise Refusal(422, "too-costly", words)
    now = clock.now()
    export = Export(
        client=asking.caller.client_id,
        reader_id=_keyring(asking).reader_id,
        begun_at=now,
        ends_at=now + LIFE,
        finished_at=None if patients else now,
    )
    state = State(wanted, request, _token(asking), [str(one.pk) for one in patients])
    export.kept = _keyring(asking).keep(state.packed(), label=_label(export))
    export.save()
    return export


def find(asking: Asking, export_id: UUID) -> tuple[Export, State]:
    """Return a job of whoever asks. Raises Refusal 404 for another's, for one that is over, and for none."""
    export = _own(asking).filter(pk=export_id).first()
    if export is None:
        raise outcomes.not_there()
    try:
        text = _keyring(asking).kept(bytes(export.kept), label=_label(export))
    except CannotOpen as problem:
        raise outcomes.not_there() from problem
    state = State.unpacked(text)
    if state.token != _token(asking):
        raise outcomes.not_there()
    return export, state


def go_on(asking: Asking, export: Export, state: State) -> State:
    """Count some more records, decided on each now, and return how far it is. Two at once do the work once."""
    lease = clock.now() + LEASE
    free = Export.objects.filter(pk=export.pk, finished_at=None).exclude(leased_until__gt=clock.now())
    if not state.left or not free.update(leased_until=lease):
        return state
    # What was read before the job was taken may have been gone on with since.
    export, state = find(asking, export.pk)
    try:
        reached = {str(one.pk): one for one in records.patients_of(asking)}
        for patient_id in state.left[:AT_ONCE]:
            if (patient := reached.get(patient_id)) and (counts := _counted(asking, export, state.wanted, patient)):
                state.found.append((patient_id, counts))
            state.passed += 1
        del state.left[:AT_ONCE]
        export.finished_at = None if state.left else clock.now()
        kept = _keyring(asking).keep(state.packed(), label=_label(export))
        mine = Export.objects.filter(pk=export.pk, leased_until=lease)
        if not mine.update(kept=kept, finished_at=export.finished_at, leased_until=None):
            return find(asking, export.pk)[1]
    except BaseException:
        _free(export, lease)
        raise
    return state


def _free(export: Export, lease: datetime) -> None:
    """Give a job back that was not gone on with, so that the next question need not wait."""
    Export.objects.filter(pk=export.pk, leased_until=lease).update(leased_until=None)


def cancel(asking: Asking, export_id: UUID) -> None:
    """Forget a job, whatever became of it. Raises Refusal 404."""
    find(asking, export_id)[0].delete()


def forget_what_is_over(at: datetime) -> int:
    """Delete the jobs whose time is over; return how many."""
    return Export.objects.filter(ends_at__lte=at).delete()[0]


def _counted(asking: Asking, export: Export, wanted: Wanted, patient: Patient) -> dict[str, int]:
    """Return how many resources of which type an export takes of one record; nothing where nothing opens."""
    chosen = selecting.choose(asking, patient, wanted, at=export.begun_at, action="record.searched")
    try:
        if chosen is None:
            return {}
        counts: dict[str, int] = {}
        for one in chosen.kept:
            counts[one.kind] = counts.get(one.kind, 0) + 1
        if chosen.deleted:
            counts[DELETED] = len(chosen.deleted)
        return counts
    finally:
        asking.forget()


def _own(asking: Asking):
    live = Export.objects.filter(ends_at__gt=clock.now(), client=asking.caller.client_id)
    return live.filter(reader_id=_keyring(asking).reader_id)


def _keyring(asking: Asking):
    keyring = asking.caller.keyring
    if keyring is None:
        raise outcomes.who_are_you()
    return keyring


def _token(asking: Asking) -> str:
    """Return what a token is for: its scopes, and the record its app was begun with."""
    begun = asking.caller.patient
    return f"{asking.caller.scopes} {begun.pk if begun else ''}"


def _label(export: Export) -> str:
    return f"export {export.pk}"


# --- What it comes to ----------------------------------------------------------------------------
def files(state: State) -> list[File]:
    """Return the files of a job that is done, by type, each of some records."""
    kinds = sorted({kind for _patient, counts in state.found for kind in counts} - {DELETED})
    made = [one for kind in kinds for one in _files_of(kind, kind, "output", state)]
    made += _files_of(DELETED, "Bundle", DELETED, state)
    if state.wanted.notes:
        made.append(File(ERROR, "OperationOutcome", ERROR, (), len(state.wanted.notes)))
    return made


def _files_of(key: str, kind: str, what: str, state: State) -> Iterator[File]:
    counts = [(patient, found[key]) for patient, found in state.found if key in found]
    for number, some in enumerate(_bounded(counts), start=1):
        # Of what was deleted there is one Bundle for each record.
        count = len(some) if what == DELETED else sum(many for _patient, many in some)
        yield File(f"{key}.{number}", kind, what, tuple(patient for patient, _many in some), count)


def _bounded(counts: Sequence[tuple[str, int]]) -> Iterator[list[tuple[str, int]]]:
    """Yield records in their order, as many together as one file holds."""
    some: list[tuple[str, int]] = []
    for one in counts:
        many = sum(count for _patient, count in some) + one[1]
        if some and (many > MOST_IN_FILE or len(some) >= MOST_RECORDS_IN_FILE):
            yield some
            some = []
        some.append(one)
    if some:
        yield some


def lines(asking: Asking, export: Export, state: State, file: File) -> Iterator[dict]:
    """Yield the resources of a file, opened now, record after record; of what was ended meanwhile there is none."""
    if file.what == ERROR:
        yield from (
            outcomes.outcome([outcomes.Issue("not-supported", words, "", "warning")]) for words in state.wanted.notes
        )
        return
    reached = {str(one.pk): one for one in records.patients_of(asking)}
    for patient in (reached[one] for one in file.patients if one in reached):
        kind = "" if file.what == DELETED else file.kind
        chosen = selecting.choose(
            asking, patient, state.wanted, at=export.begun_at, action="record.exported", kind=kind
        )
        if chosen is not None:
            yield from _deleted(chosen) if file.what == DELETED else _shown(chosen, state.wanted)
        asking.forget()


def _shown(chosen: selecting.Chosen, wanted: Wanted) -> Iterator[dict]:
    for begin in range(0, len(chosen.kept), AT_A_TIME):
        some = chosen.kept[begin : begin + AT_A_TIME]
        chosen.record.fetch(some)
        for one in some:
            yield shaped(one.resource, wanted.shape(one.kind))
            _let_go(one)


def _let_go(one: Seen) -> None:
    """Let go of a body that was written out: a file may be of many."""
    if one.row is not None:
        one.__dict__.pop("resource", None)
        for name in ("raw", "resource"):
            one.row.__dict__.pop(name, None)


def _deleted(chosen: selecting.Chosen) -> Iterator[Mapping]:
    entries = [{"request": {"method": "DELETE", "url": one.name}} for one in chosen.deleted]
    if entries:
        yield {"resourceType": "Bundle", "type": "transaction", "entry": entries}
