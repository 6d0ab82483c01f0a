"""Safety mode: what a patient keeps from somebody who acts for them, as if it had never been written down.

It is taken out on the way from ciphertext to page, and leaves no trace: no gap, no number, no word.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from audit.queries import Line
from consent.models import Delegation, Hidden
from ehr.accounts.models import User
from ehr.r4 import text
from patients.models import Patient
from patients.vault import OpenEntry

ADDRESS, APPOINTMENTS, LOG = "address", "appointments", "log"
# Where an address, or a number that leads to one, stands in a resource, whoever's it is: a new doctor's tells as much.
_WHERE = frozenset({"address", "telecom", "position", "valueAddress", "valueContactPoint"})
_PEOPLE = frozenset({"Patient", "Person", "RelatedPerson"})
_MEETINGS = frozenset({"Appointment", "AppointmentResponse", "Schedule", "Slot"})
# What of a patient's list is told to who acts for them: looks, entries, permissions, requests, who acts. Never whom
# they keep out or hide something from, what they ask the privacy officer, or how they get lost keys back.
_TOLD = ("chart.", "entry.", "attachment.", "patient.", "grant.", "access.", "referral.", "report.", "emergency.")
_TOLD_TOO = frozenset(
    {
        "record.begun",
        "record.opened",
        "record.searched",
        "record.exported",
        "record.opened-for",
        "record.refused-for",
        "record.log-read-for",
        "delegation.made",
        "delegation.ended",
    }
)


def hidden_from(patient: Patient, delegate: User) -> frozenset[str]:
    """Return what a patient keeps from a delegate by safety mode."""
    found = Hidden.objects.filter(patient=patient, reader__user=delegate, lifted_at__isnull=True).first()
    return frozenset(found.what) if found else frozenset()


def shown(entries: Iterable[OpenEntry], hidden: frozenset[str]) -> Iterator[OpenEntry]:
    """Yield entries as they would be if what is hidden had never been written down."""
    for entry in entries:
        if entry.raw is None or not hidden & {ADDRESS, APPOINTMENTS}:
            yield entry
        elif not (APPOINTMENTS in hidden and _is_meeting(entry.resource)):
            yield _without_address(entry) if ADDRESS in hidden else entry


def _is_meeting(resource: Mapping) -> bool:
    kind = resource.get("resourceType")
    return kind in _MEETINGS or (kind == "Encounter" and resource.get("status") == "planned")


def _without_address(entry: OpenEntry) -> OpenEntry:
    kept = without_address(entry.resource)
    return entry if kept == entry.resource else replace(entry, raw=text.dumps(kept), _resource=None)


def without_address(resource: dict) -> dict:
    """Return a FHIR resource without any address or number. A text that was made from them goes with them."""
    kept = _stripped(resource)
    if kept != resource or resource.get("resourceType") in _PEOPLE:
        kept.pop("text", None)
    return kept


def _stripped(value):
    if isinstance(value, dict):
        kept = {name: _one_stripped(one) for name, one in value.items() if name not in _WHERE}
        # What held nothing else is gone with it, as if it had never been there.
        return {name: one for name, one in kept.items() if one or not value[name]}
    if isinstance(value, list):
        both = [(one, _one_stripped(one)) for one in value]
        return [kept for one, kept in both if (kept or not one) and (kept == one or not _is_bare(kept))]
    return value


def _one_stripped(value):
    return without_address(value) if isinstance(value, dict) and "resourceType" in value else _stripped(value)


def _is_bare(value) -> bool:
    """Tell whether of an extension nothing but its name is left."""
    return isinstance(value, dict) and set(value) == {"url"}


def told_to(line: Line, delegation: Delegation, delegate: User, hidden: frozenset[str]) -> Line | None:
    """Return a line as it is told to a delegate, without parts they may not see; None for one that is not told."""
    if line.actor is None or not (line.action in _TOLD_TOO or line.action.startswith(_TOLD)):
        return None
    if LOG in hidden and line.actor.id != delegate.pk:
        return None
    parts = tuple(part for part in line.categories if part in delegation.categories)
    return None if line.categories and not parts else replace(line, categories=parts, sealed=None)
