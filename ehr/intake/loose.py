"""Resources that come one by one: each stands on its own, and goes to the record it leads to.

A resource leads to a record by its subject; one without a subject (a clinician, a place, a provenance) by what refers
to it, or by what it refers to. What leads nowhere is refused, and so is what names several people.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from django.db import transaction

from ehr.r4 import identity, references, subjects
from ehr.r4.bundles import Batch
from ehr.r4.references import Entry

from . import operations, people, twice
from .operations import Outcome, Put
from .refusals import Refused, reason
from .whose import Person, servers_named

# Resources without a subject that belong to what they point at, not to what points at them.
POINTING = frozenset({"Provenance", "AuditEvent", "Task"})
NOWHERE = "nobody's record refers to it, and it says of nobody that it is theirs."
SEVERAL = "it is about more than one person. Send it in a bundle with the one whose record it belongs to."


def receive(batches: Iterable[Batch], *, source: str, put: Put | None = None) -> tuple[Outcome, list[str]]:
    """Store loose resources; return what was added, and why what was refused was. `put` is as for `receive_bundle`."""
    entries, places, refused = _sound(batches)
    by_number = {entry.number: entry for entry in entries}
    records, reasons = _sorted_by_patient(entries)
    refused += [reason(places[number], words) for number, words in reasons]
    outcome = Outcome()
    for patient_name, numbers in sorted(records.items()):
        members = [by_number[number] for number in sorted(numbers)]
        try:
            added, reasons = _store(patient_name, members, source, put or operations.store)
        except Refused as refusal:
            refused += [reason(places[entry.number], words) for entry in members for words in refusal.reasons]
        else:
            outcome.include(added)
            refused += [reason(places[number], words) for number, words in reasons]
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
    for number, path, _target in references.rewrite(numbered, elsewhere=references.NOBODYS):
        wrong.setdefault(number, f"{path} refers to something that is not here.")
    once, differing = twice.apart(numbered)
    for earlier, later in differing:
        wrong.setdefault(earlier.number, twice.words(references.name_of(later.resource), places[later.number]))
    refused, sound = [], []
    for entry in once:
        words = [wrong[entry.number]] if entry.number in wrong else operations.wrong_with_entry(entry)
        refused += [reason(places[entry.number], one) for one in words]
        if not words:
            sound.append(entry)
    return sound, places, refused


def _sorted_by_patient(entries: Iterable[Entry]) -> tuple[dict[str, set[int]], list[tuple[int, str]]]:
    """Return {"Patient/id": entry numbers}, and (number, reason) of what leads to nobody."""
    records: dict[str, set[int]] = defaultdict(set)
    without, lost = [], {}
    for entry in entries:
        if subject := references.subject_of(entry.resource):
            records[subject].add(entry.number)
        elif entry.resource["resourceType"] in POINTING or not _names_several(entry.resource):
            without.append(entry)
            lost[entry.number] = NOWHERE
        else:
            lost[entry.number] = SEVERAL
    links = _Links(entries, without)
    for members in records.values():
        links.follow(members)
    reached = set().union(*records.values())
    return records, [(number, words) for number, words in lost.items() if number not in reached]


def _names_several(resource: Mapping) -> bool:
    return len({one.name for one in subjects.named(resource) if one.name}) > 1


class _Links:
    """What leads from one resource to another, by number: so that each is looked at once for a record, not again and
    again for all of them.
    """

    def __init__(self, entries: Iterable[Entry], without_subject: Iterable[Entry]) -> None:
        self._targets = {entry.number: references.targets_of(entry.resource) for entry in entries}
        self._names = {entry.number: references.name_of(entry.resource) for entry in entries}
        self._free: dict[str, int] = {}
        self._pointing: dict[str, list[int]] = defaultdict(list)
        for entry in without_subject:
            self._free[self._names[entry.number]] = entry.number
            if entry.resource["resourceType"] in POINTING:
                for target in self._targets[entry.number]:
                    self._pointing[target].append(entry.number)

    def follow(self, members: set[int]) -> None:
        """Add to a record what its members refer to, and what points at its members; again until nothing is added."""
        waiting = list(members)
        while waiting:
            number = waiting.pop()
            reached = {self._free[name] for name in self._targets[number] if name in self._free}
            reached.update(self._pointing.get(self._names[number], ()))
            waiting += reached - members
            members |= reached


def _store(patient_name: str, members: list[Entry], source: str, put: Put) -> tuple[Outcome, list[tuple[int, str]]]:
    """Store one patient's resources; return what was added, and (number, reason) of those that are somebody else's.

    Raises Refused where the patient is neither here nor known.
    """
    own = next((one.resource for one in members if references.name_of(one.resource) == patient_name), None)
    with operations.stored_whole("This record"), transaction.atomic():
        patient = people.find_or_expect(own, source=source) if own else people.find(source, patient_name)
        if patient is None:
            raise Refused(f"{patient_name} is neither here nor known from an earlier import.")
        person, servers = Person(patient_name, patient, own, what="what it came with"), servers_named(members)
        # Two servers may both have a Patient of this id; of one alone it is the sender's own.
        strange = dict(person.strangers(members, servers=servers if len(servers) == 1 else frozenset()))
        theirs = [entry.resource for entry in members if entry.number not in strange]
        return put(patient, theirs, source=source), list(strange.items())
