"""Whose record a delivery is: matched by identifiers, expected where nobody is there yet."""

from collections.abc import Iterable, Mapping
from datetime import date

from consent.escrow import NotReleased
from consent.sharing import arrivals
from ehr import clock
from ehr.lines import names
from ehr.r4 import identity, references
from patients.models import Identifier, Patient
from patients.naming import OWN_SYSTEMS, named_by_source
from patients.queries import identifier_digest

from . import queries
from .refusals import Later, Refused

SEXES = frozenset({"female", "male", "other", "unknown"})
LONGEST_NAME = 200
LONGEST_SYSTEM = 200


def find(source: str, reference: str) -> Patient | None:
    """Return the patient whom a source has sent before under this reference."""
    found = queries.people_with([named_by_source(source, reference)])
    return found[0] if found else None


def find_or_expect(resource: Mapping, *, source: str, names_there: Iterable[str] = ()) -> Patient:
    """Return the patient a Patient resource is about, making a record that waits for them where there is none.

    `names_there` are further names ("Patient/id") by which this source knows them. Call it inside the delivery's
    transaction. Raises Refused where identifiers point at different people, and Later where nobody can be made now.
    """
    born = _birth_date(resource)
    named = [named_by_source(source, name) for name in dict.fromkeys([references.name_of(resource), *names_there])]
    identifiers = [*_identifiers(resource), *named]
    known = queries.people_with(identifiers)
    if len(known) > 1:
        raise Refused("Patient.identifier belongs to more than one person here. Ask the front desk to look at them.")
    if known and known[0].birth_date != born:
        raise Refused(
            "Patient.identifier belongs to somebody with another birth date. Ask the front desk to look at both."
        )
    if known:
        for name in named:
            _remember(known[0], name)
        return known[0]
    try:
        return arrivals.expect(
            name=names.person(resource.get("name"))[:LONGEST_NAME] or "Not named",
            birth_date=born,
            sex=str(resource.get("gender")) if resource.get("gender") in SEXES else "unknown",
            identifiers=identifiers,
            source=source,
        )
    except NotReleased as shut:
        raise Later(f"Patient is not known here yet, and a record cannot be begun for them now. {shut}") from None


def remember(patient: Patient, *, source: str, names_there: Iterable[str]) -> None:
    """Keep further names by which a source knows a patient, where they are nobody else's."""
    for name in names_there:
        _remember(patient, named_by_source(source, name))


def _remember(patient: Patient, identifier: tuple[str, str]) -> None:
    """Keep what a source calls a patient who was known by another identifier, so that it is understood later."""
    if not queries.people_with([identifier]):
        defaults = {"system": identifier[0][:LONGEST_SYSTEM], "verified_at": clock.now()}
        Identifier.objects.get_or_create(patient=patient, digest=identifier_digest(*identifier), defaults=defaults)


def _birth_date(resource: Mapping) -> date:
    """Return the birth date, the first day of a partial one. Raises Refused without any."""
    text = str(resource.get("birthDate") or "")
    if not text:
        raise Refused("Patient.birthDate is missing, and without it nobody can be matched to this record.")
    return date.fromisoformat(text + "-01-01"[: 10 - len(text)] if len(text) == 4 else text + "-01" * (len(text) == 7))


def _identifiers(resource: Mapping) -> list[tuple[str, str]]:
    """Return (system, value) of the identifiers in use; those in our own name are not the sender's to give."""
    return [
        (system, value)
        for system, value in identity.identifiers_in_use(resource)
        if not system.strip().casefold().startswith(OWN_SYSTEMS)
    ]
