"""What is told as FHIR and stored as none: who looked (AuditEvent), who may (Consent), and which studies somebody takes
part in (ResearchSubject, beside those that other systems sent), made when it is asked for.

A token is for them only where its scopes name them, and only a patient and their own apps are told: `consent.fhir`
and `research.fhir` decide that, and write down that an app read the list.
"""

from collections.abc import Iterable, Mapping
from itertools import islice
from uuid import UUID

from consent import fhir as consents
from consent.access import AccessDenied, Caller, is_owners
from ehr.fhir.asking import Asking
from ehr.smart.scopes import JOININGS
from patients.models import Patient
from research import fhir as research

KINDS = frozenset({"AuditEvent", "Consent"})  # of which no other system's are kept
MOST = 2_000  # lines of a list that one question looks at, the newest first


def wanted(asking: Asking, patient: Patient, caller: Caller, kinds: Iterable[str] | None) -> frozenset[str]:
    """Return those of some types that are told here and that the token is for."""
    named = frozenset(kinds or ())
    found = frozenset(kind for kind in KINDS & named if _allowed(asking, kind, patient))
    joinings = JOININGS in named and asking.names(JOININGS, patient) and is_owners(patient, caller)
    return found | {JOININGS} if joinings else found


def _allowed(asking: Asking, kind: str, patient: Patient) -> bool:
    return any(asking.allow(kind, how, patient=patient) for how in ("read", "search-type"))


def of(caller: Caller, patient: Patient, kinds: Iterable[str]) -> list[dict]:
    """Return what is told of a patient; nothing to whom it is not told."""
    found = research.subjects(patient, caller) if JOININGS in kinds else []
    try:
        if "Consent" in kinds:
            found += consents.read_consents(patient, caller)
        if "AuditEvent" in kinds:
            found += islice(consents.read_log(patient, caller), MOST)
    except AccessDenied:
        pass
    return found


def whose(asking: Asking, fhir_id: UUID) -> Patient | None:
    """Return whose part in a study has an id, where that is told to whoever asks; else None."""
    patient = research.whose(fhir_id)
    if patient is None:
        return None
    caller = asking.caller.towards(patient)
    return patient if caller is not None and wanted(asking, patient, caller, {JOININGS}) else None


def is_joined_here(resource: Mapping) -> bool:
    """Tell whether a ResearchSubject that is sent names a study of this server's."""
    study = resource.get("study")
    name = str(study.get("reference")) if isinstance(study, dict) else ""
    try:
        return research.find(UUID(name.partition("/_history/")[0].rpartition("/")[2])) is not None
    except ValueError:
        return False
