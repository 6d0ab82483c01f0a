"""What patients say beforehand: who is told, and which parts stay shut even in an emergency where the law lets them."""

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from audit import log
from consent import breaking, queries
from consent.access import own_party
from consent.models import EmergencyContact, EmergencyOptOut
from ehr import clock
from ehr.words import Category
from patients.models import Patient


class CannotWish(Exception):
    """This was not noted; the message says why."""


def contact_of(patient: Patient) -> EmergencyContact | None:
    """Return whom a patient wants told."""
    return EmergencyContact.objects.filter(patient=patient, ended_at__isnull=True).first()


def name_contact(patient: Patient, *, name: str, email: str) -> EmergencyContact:
    """Note whom a patient wants told, in place of whoever it was before. Neither name nor address is on the log."""
    with transaction.atomic():
        Patient.objects.select_for_update().get(pk=patient.pk)
        before = contact_of(patient)
        if before is not None and (before.name, before.email) == (name, email):
            return before
        _end_contact(before)
        language = patient.user.language if patient.user else settings.LANGUAGE_CODE
        made = EmergencyContact.objects.create(patient=patient, name=name, email=email, language=language)
        _log("emergency.contact-named", patient)
        return made


def remove_contact(patient: Patient) -> None:
    """Note that nobody else is to be told. Twice is once."""
    with transaction.atomic():
        Patient.objects.select_for_update().get(pk=patient.pk)
        if _end_contact(contact_of(patient)):
            _log("emergency.contact-removed", patient)


def _end_contact(contact: EmergencyContact | None) -> bool:
    if contact is None:
        return False
    contact.ended_at = clock.now()
    contact.save(update_fields=["ended_at"])
    return True


def opted_out(patient: Patient) -> frozenset[str]:
    """Return the parts that a patient keeps shut even in an emergency. Whether that holds is for the law to say."""
    return breaking.opted_out(patient)


def opt_out(patient: Patient, part: Category) -> None:
    """Keep a part shut even in an emergency, from now on, in emergencies that are open too. Twice is once.

    It is a rule, not a key: the escrow keeps its seal for the day the patient cannot be asked. Raises CannotWish
    where the law of the place does not let a patient choose this.
    """
    if not queries.law().opt_outs_prevail:
        raise CannotWish(_("The law here does not let patients keep a part shut in an emergency. Nothing was changed."))
    with transaction.atomic():
        Patient.objects.select_for_update().get(pk=patient.pk)
        _made, new = EmergencyOptOut.objects.get_or_create(patient=patient, part=str(part), lifted_at__isnull=True)
        if new:
            _log("emergency.opted-out", patient, part)


def opt_in(patient: Patient, part: Category) -> None:
    """Let a part be opened in an emergency again. Twice is once."""
    with transaction.atomic():
        Patient.objects.select_for_update().get(pk=patient.pk)
        standing = EmergencyOptOut.objects.filter(patient=patient, part=str(part), lifted_at__isnull=True)
        if standing.update(lifted_at=clock.now()):
            _log("emergency.opted-in", patient, part)


def _log(action: str, patient: Patient, part: Category | None = None) -> None:
    log.append(
        action,
        actor=own_party(patient),
        subject=patient.pk,
        outcome="done",
        categories=[str(part)] if part else [],
        because="own",
    )
