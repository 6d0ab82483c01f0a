"""Resources that come one by one: each stands on its own, and goes to the record it leads to.

A resource leads to a record by its subject; one without a subject (a clinician, a place, a provenance) by what refers
to it, or by what it refers to. What leads nowhere is refused.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from django.db import transaction

from ehr.r4 import identity, references
from ehr.r4.bundles import Batch
from ehr.r4.references import Entry
from patients.models import Patient

from . import operations, people
from .operations import Outcome, Put
from .refusals import Refused, reason

# Resources without a subject that belong to what they point at, not to what points at them.
POINTING = frozenset({"Provenance", "AuditEvent", "Task"})


def receive(batches: Iterable[Batch], *, source: str, put: Put | None = None) -> tuple[Outcome, list[str]]:
    """Store loose resources; return what was added, and why what was refused was. `put` is as for `receive_bundle`."""
    entries, places, refused = _sound(batches)
    names = {references.name_of(entry.resource): entry for entry in entries}
    records, reasons = _sorted_by_patient(entries, names)
    refused += [reason(places[number], words) for number, words in reasons]
    outcome = Outcome()
    for patient_name, numbers in sorted(records.items()):
        members = [entry for entry in entries if entry.number in numbers]
        try:
            outcome.include(_store(patient_name, members, names, source, put or operations.store))
        except Refused as refusal:
            refused += [reason(places[entry.number], words) for entry in members for words in refusal.reasons]
    return outcome, refused


def _sound(batches: Iterable[Batch]) -> tuple[list[Entry], dict[int, str], list[str]]:
    """Return what is right by itself, numbered anew, where each entry stands, and what is wrong with the rest."""
    numbered: list[Entry] = []
    places: dict[int, str] = {}
    for batch in batches:
        for entry in batch.entries:
            numbered.append(entry._replace(number=len(numbered)))
            places[len(numbered) - 1] = batch.place(entry.number)
    wrong = {
        entry.number: operations.NOBODY for entry in numbered if identity.is_nobody(entry.resource, entry.full_url)
    }
    for number, path, _target in references.rewrite(numbered):
        wrong.setdefault(number, f"{path} refers to something that is not here.")
    refused, sound = [], []
    for entry in numbered:
        words = [wrong[entry.number]] if entry.number in wrong else operations.wrong_with_entry(entry)
        refused += [reason(places[entry.number], one) for one in words]
        if not words:
            sound.append(entry)
    return sound, places, refused


def _sorted_by_patient(
    entries: list[Entry], names: Mapping[str, Entry]
) -> tuple[dict[str, set[int]], list[tuple[int, str]]]:
    """Return {"Patient/id": entry numbers}, and (number, reason) of what leads to nobody."""
    records: dict[str, set[int]] = defaultdict(set)
    for entry in entries:
        if subject := references.subject_of(entry.resource):
            records[subject].add(entry.number)
    targets = {entry.number: references.targets_of(entry.resource) for entry in entries}
    for members in records.values():
        _follow(members, entries, names, targets)
    reached = set().union(*records.values()) if records else set()
    lost = [entry.number for entry in entries if entry.number not in reached]
    return records, [
        (number, "nobody's record refers to it, and it says of nobody that it is theirs.") for number in lost
    ]


def _follow(
    members: set[int], entries: list[Entry], names: Mapping[str, Entry], targets: Mapping[int, set[str]]
) -> None:
    """Add to a record what its members refer to, and what points at its members; again until nothing is added."""
    without_subject = [entry for entry in entries if not references.subject_of(entry.resource)]
    before = -1
    while before != len(members):
        before = len(members)
        wanted = {name for number in members for name in targets[number]}
        own = {name for name, entry in names.items() if entry.number in members}
        for entry in without_subject:
            pointing = entry.resource["resourceType"] in POINTING and targets[entry.number] & own
            if pointing or references.name_of(entry.resource) in wanted:
                members.add(entry.number)


def _store(patient_name: str, members: list[Entry], names: Mapping[str, Entry], source: str, put: Put) -> Outcome:
    """Store one patient's resources. Raises Refused where the patient is neither here nor known."""
    with operations.stored_whole("This record"), transaction.atomic():
        patient = _patient(patient_name, names, source)
        if patient is None:
            raise Refused(f"{patient_name} is neither here nor known from an earlier import.")
        return put(patient, [entry.resource for entry in members], source=source)


def _patient(patient_name: str, names: Mapping[str, Entry], source: str) -> Patient | None:
    if patient_name in names:
        return people.find_or_expect(names[patient_name].resource, source=source)
    return people.find(source, patient_name)
