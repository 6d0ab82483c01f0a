"""Whom a reader may find, and the lines that pages of names leave. No record opens here: `consent.access` does that.

A name, a birth date, or that somebody is a patient at all is told only after the line about it is committed.
"""

from collections.abc import Iterable
from uuid import UUID

from audit import log
from consent import queries
from ehr import clock
from ehr.accounts.models import User
from ehr.words import Purpose
from patients.models import Patient
from patients.queries import exists
from providers.queries import party, standing


def list_patients(reader: User, *, purpose: Purpose = Purpose.TREAT) -> list[queries.Reachable]:
    """Return whom a clinician may open something of now, in good standing; one "list" event per patient shown.

    For `Purpose.HOPERAT` those whose legal copy stays with them.
    """
    at = clock.now()
    seen = standing(reader, at)
    if not seen.ok:
        log.record(
            "chart.listed", actor=party(reader, known=seen), subject=None, outcome="refused", because=seen.because
        )
        return []
    found = queries.within_reach(reader, at, seen, purpose=purpose)
    if found:
        subjects = [one.patient.pk for one in found]
        log.record_page("chart.listed", actor=party(reader, known=seen), subjects=subjects, purpose=purpose)
    return found


def find_patient(reader: User, patient_id: UUID) -> Patient | None:
    """Return a patient within reach, or None; asking for somebody beyond it is on that patient's list as refused."""
    found = queries.patient_within_reach(reader, patient_id)
    if found is None and exists(patient_id):
        log.record("chart.refused", actor=party(reader), subject=patient_id, outcome="refused", because="no-grant")
    return found


def name(patients: Iterable[Patient], *, to: User, because: str) -> None:
    """Commit one line for each patient whom a page is about to name, all in one commit.

    `because` says which page: "asking", "requests", "identity-check", "claim".
    """
    if subjects := list(dict.fromkeys(patient.pk for patient in patients)):
        log.record_page("patient.named", actor=party(to), subjects=subjects, because=because)
