"""What is told as FHIR and stored as none: who looked (AuditEvent) and who may (Consent), made when it is asked for.

A token is for them only where its scopes name them, and only a patient and their own apps are told: `consent.fhir`
decides that, and writes down that an app read the list.
"""

from collections.abc import Iterable
from itertools import islice

from consent import fhir as consents
from consent.access import AccessDenied, Caller
from ehr.fhir.asking import Asking
from patients.models import Patient

KINDS = frozenset({"AuditEvent", "Consent"})
MOST = 2_000  # lines of a list that one question looks at, the newest first


def wanted(asking: Asking, patient: Patient, kinds: Iterable[str] | None) -> frozenset[str]:
    """Return those of some types that are told here and that the token is for."""
    named = KINDS & frozenset(kinds or ())
    return frozenset(kind for kind in named if _allowed(asking, kind, patient))


def _allowed(asking: Asking, kind: str, patient: Patient) -> bool:
    return any(asking.allow(kind, how, patient=patient) for how in ("read", "search-type"))


def of(caller: Caller, patient: Patient, kinds: Iterable[str]) -> list[dict]:
    """Return what is told of a patient; nothing to whom it is not told."""
    found: list[dict] = []
    try:
        if "Consent" in kinds:
            found += consents.read_consents(patient, caller)
        if "AuditEvent" in kinds:
            found += islice(consents.read_log(patient, caller), MOST)
    except AccessDenied:
        return []
    return found
