"""What is known of an emergency at this moment: facts for the rules, and what waits for the patient's keys after it."""

from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet

from audit import log
from audit import queries as audit
from consent.models import Emergency, EmergencyOptOut
from consent.rules import EmergencyFacts
from ehr.accounts.models import User
from patients.models import Patient


def emergency_facts(patient: Patient, reader: User, emergency_id: UUID | None) -> EmergencyFacts | None:
    """Return an emergency of this reader with this patient as the rules need it; None where it is not theirs."""
    if emergency_id is None:
        return None
    found = Emergency.objects.filter(pk=emergency_id, patient=patient, reader__user=reader).first()
    if found is None or not _as_logged(found, reader):
        return None
    return EmergencyFacts(
        id=found.pk,
        starts=found.opened_at,
        ends=found.ends_at,
        ended=found.ended_at is not None,
        opted_out=opted_out(patient),
    )


def _as_logged(one: Emergency, reader: User) -> bool:
    """Tell whether a row says what its line on the log says: a row that somebody lengthened or moved opens nothing."""
    line = audit.find(one.event_id)
    if line is None or line.actor is None or line.action != "emergency.opened":
        return False
    said = (line.subject, line.actor.id, line.details.get("emergency"), line.details.get("until"))
    return said == (one.patient_id, reader.pk, str(one.pk), log.timestamp(one.ends_at))


def opted_out(patient: Patient) -> frozenset[str]:
    """Return the parts that a patient keeps shut even in an emergency, whatever the law makes of it."""
    barred = EmergencyOptOut.objects.filter(patient=patient, lifted_at__isnull=True)
    return frozenset(barred.values_list("part", flat=True))


def to_relock(patient: UUID, at: datetime) -> QuerySet[Emergency]:
    """Return the emergencies that are over and whose keys still fit, until the patient locks the parts anew."""
    rows = Emergency.objects.filter(patient=patient, relocked_at__isnull=True)
    return rows.exclude(ended_at__isnull=True, ends_at__gt=at)
