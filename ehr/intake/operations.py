"""Deliveries of FHIR become entries of records: checked first, then stored in one transaction each, or not at all."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from django.db import DataError, IntegrityError, transaction

from consent import access
from consent.sharing import incoming
from ehr.catalogue import rules as catalogue
from ehr.r4 import identity, references, validate
from ehr.r4.bundles import Batch
from ehr.r4.references import Entry
from patients.models import Patient
from patients.operations import AlreadyKnown, source_signer

from . import drafts, people, twice
from .refusals import Raced, Refused, reason
from .whose import Person, servers_named

MOST_REASONS = 10
NOBODY = (
    "Patient has no id, no fullUrl and no identifier, so nobody could tell them from somebody else. Send one of these."
)
Put = Callable[..., "Outcome"]


@dataclass
class Outcome:
    """What a delivery brought: how many of each type were added (new or changed), how many were there already."""

    added: Counter = field(default_factory=Counter)
    known: Counter = field(default_factory=Counter)
    entries: list[str] = field(default_factory=list)  # ids of the rows that were made

    def include(self, other: "Outcome") -> None:
        """Count another delivery in."""
        self.added.update(other.added)
        self.known.update(other.known)
        self.entries += other.entries


def has_patient(batch: Batch) -> bool:
    """True for a bundle that brings its Patient."""
    return any(entry.resource["resourceType"] == "Patient" for entry in batch.entries)


def receive_bundle(batch: Batch, *, source: str, put: "Put | None" = None) -> Outcome:
    """Store a bundle of one patient, whole or not at all. Raises Refused, naming each entry and what is wrong.

    `put` seals the resources, within the bundle's transaction; without one, `store` does.
    """
    _refuse_if(wrong_with(batch))
    found = [entry for entry in batch.entries if entry.resource["resourceType"] == "Patient"]
    if len(found) > 1:
        raise Refused(reason(batch.place(found[1].number), "a second Patient. A bundle holds one patient's record."))
    name = references.name_of(found[0].resource) if found else _only_subject(batch)
    with stored_whole(batch.name), transaction.atomic():
        patient = _patient(found[0].resource, source, batch) if found else people.find(source, name)
        if patient is None:
            raise Refused(reason(batch.name, f"{name} is neither in this bundle nor known from an earlier one."))
        _refuse_if(_strangers(batch, Person(name, patient, found[0].resource if found else None)))
        return (put or store)(patient, [entry.resource for entry in batch.entries], source=source)


def store(patient: Patient, resources: Iterable[dict], *, source: str) -> Outcome:
    """Seal what is new of a patient's resources. Call it inside the delivery's transaction."""
    resources = list(resources)
    fresh = list(drafts.make(patient, incoming.take_out(patient, resources, source=source), source=source))
    made = access.receive(patient, [draft for _kind, draft in fresh], source=source_signer(source)) if fresh else []
    added = Counter(kind for kind, _draft in fresh)
    known = Counter(resource["resourceType"] for resource in resources) - added
    return Outcome(added, known, [str(entry.pk) for entry in made])


def wrong_with(batch: Batch) -> list[str]:
    """Return what is wrong with a batch's entries, at most ten reasons.

    References are rewritten on the way, and entries that only repeat another are left out.
    """
    nobody = [entry for entry in batch.entries if identity.is_nobody(entry.resource, entry.full_url)]
    if nobody:
        return [reason(batch.place(entry.number), NOBODY) for entry in nobody[:MOST_REASONS]]
    unresolved = references.rewrite(batch.entries, elsewhere=references.NOBODYS)
    reasons = [
        reason(batch.place(one.number), f"{one.path} refers to an entry that is not in this bundle.")
        for one in unresolved
    ]
    batch.entries, differing = twice.apart(batch.entries)
    for earlier, later in differing:
        words = twice.words(references.name_of(later.resource), f"entry {earlier.number}")
        reasons.append(reason(batch.place(later.number), words))
    for entry in batch.entries:
        if len(reasons) >= MOST_REASONS:
            break
        reasons.extend(reason(batch.place(entry.number), words) for words in wrong_with_entry(entry))
    return reasons[:MOST_REASONS]


def wrong_with_entry(entry: Entry) -> list[str]:
    """Return what is wrong with one resource by itself."""
    if words := catalogue.why_not(entry.resource["resourceType"]):
        return [words]
    return [str(problem) for problem in validate.check(entry.resource)]


def _only_subject(batch: Batch) -> str:
    """Return whom all resources of a bundle without a Patient are about. Raises Refused where that is not one."""
    subjects = {name for entry in batch.entries if (name := references.subject_of(entry.resource))}
    if not subjects:
        raise Refused(reason(batch.name, "no resource in this bundle says whose record it belongs to."))
    if len(subjects) > 1:
        raise Refused(reason(batch.name, f"this bundle is about {len(subjects)} patients. Send one for each."))
    return subjects.pop()


def _strangers(batch: Batch, person: Person) -> list[str]:
    """Return the entries that are about somebody else.

    An absolute address that leads to no entry is another server's, unless the bundle holds no Patient and names one
    server alone: then it is the sender's own.
    """
    servers = frozenset() if has_patient(batch) else servers_named(batch.entries)
    found = person.strangers(batch.entries, servers=servers if len(servers) == 1 else frozenset())
    return [reason(batch.place(number), words) for number, words in found][:MOST_REASONS]


def _patient(resource: dict, source: str, batch: Batch) -> Patient:
    try:
        return people.find_or_expect(resource, source=source)
    except Refused as refusal:
        raise type(refusal)(*(reason(batch.name, words) for words in refusal.reasons)) from None


def _refuse_if(reasons: list[str]) -> None:
    if reasons:
        raise Refused(*reasons)


class stored_whole:  # reads as a phrase where it is used
    """Turns what the database finds out at the last moment into a refusal in words."""

    def __init__(self, place: str) -> None:
        self.place = place

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind, problem, _trace) -> None:
        if isinstance(problem, (IntegrityError, AlreadyKnown)):
            raise Raced(
                reason(self.place, "another import changed this record at the same moment. Import it again.")
            ) from problem
        if isinstance(problem, DataError):
            words = "this holds a character or a length that cannot be kept. Look at names and identifiers."
            raise Refused(reason(self.place, words)) from None
