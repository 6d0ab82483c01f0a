"""Ending an emergency before its four hours are over: by who opened it, by the patient, or by an officer."""

from django.db import transaction
from django.utils.translation import gettext as _

from audit import log
from consent import upkeep
from consent.access import own_party
from consent.models import Emergency
from ehr import clock
from ehr.accounts.keyrings import OpenKeyring
from ehr.accounts.models import User
from ehr.notices import operations as notices
from ehr.words import Purpose
from patients.models import Patient
from providers.queries import party

MAY_REVIEW = "consent.review_emergency"


class CannotEnd(Exception):
    """It was not ended, because it is not this person's to end."""


def end(emergency: Emergency, *, by: User, keyring: OpenKeyring | None = None) -> Emergency:
    """End an emergency: from the next request on it opens nothing. Twice is once, and one that is over stays as it was.

    A patient whose keys are open locks the opened parts anew with them, at once; else at their next visit.
    Raises CannotEnd for anybody but who opened it, the patient, and officers.
    """
    with transaction.atomic():
        patient = Patient.objects.select_for_update(of=("self",)).select_related("user").get(pk=emergency.patient_id)
        emergency = Emergency.objects.select_related("reader__user").get(pk=emergency.pk)
        who = _capacity(emergency, patient, by)
        if emergency.is_open(clock.now()):
            close(emergency, patient, by, who)
    if who == Emergency.EndedBy.PATIENT:
        upkeep.tidy(patient, keyring=keyring)
    return emergency


def _capacity(emergency: Emergency, patient: Patient, by: User) -> Emergency.EndedBy:
    if by.pk == patient.user_id:
        return Emergency.EndedBy.PATIENT
    if by.pk == emergency.reader.user_id:
        return Emergency.EndedBy.READER
    if by.is_active and by.has_perm(MAY_REVIEW):
        return Emergency.EndedBy.OFFICER
    raise CannotEnd(_("Only the patient, who opened it, and privacy officers end an emergency access."))


def close(emergency: Emergency, patient: Patient, by: User, who: Emergency.EndedBy) -> None:
    """End what is open. Call it in the transaction that holds the patient's row."""
    emergency.ended_at, emergency.ended_by = clock.now(), who
    emergency.save(update_fields=["ended_at", "ended_by"])
    log.append(
        "emergency.ended",
        actor=own_party(patient) if who == Emergency.EndedBy.PATIENT else party(by),
        subject=patient.pk,
        outcome="done",
        categories=emergency.parts,
        purpose=Purpose.BTG,
        because=str(who),
        details={"emergency": str(emergency.pk), "reader_name": emergency.reader.name},
    )
    reader = emergency.reader.user
    if who != Emergency.EndedBy.READER and reader is not None:
        notices.notify(reader, "access-ended", about=emergency.pk, key=f"emergency-ended:{emergency.pk}")
