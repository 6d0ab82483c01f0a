"""As what somebody acts on a visit: the patient or who acts for them, the desk of the place, or whose time it is.

Who acts for a patient sees the patient's visits, and by safety mode only those they booked themselves: then everything
is as if there were no others, what they may do, what they are told, and what stands in the way of it.
"""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext as _

from appointments.models import Appointment, Schedule
from appointments.refusals import NotTheirs
from appointments.rules import Who
from audit import log
from consent.access import own_party
from consent.access.acting import Acting, acting_for, delegate_party, told_of
from consent.access.safety import APPOINTMENTS
from consent.acting import Right
from consent.models import Delegation
from ehr import clock
from ehr.accounts.models import User
from patients.models import Patient
from providers.models import Institution
from providers.queries import members, party, standing, standings


@dataclass(frozen=True)
class Actor:
    """Somebody, as what they act on one visit, and how the log writes that down."""

    user: User
    who: Who
    party: log.Party
    told: dict[str, str] = field(default_factory=dict)
    own_only: bool = False  # by safety mode: the patient's other visits are not there for them


def is_at_the_desk(user: User, institution_id: UUID, at: datetime | None = None) -> bool:
    """Tell whether somebody works at the front desk of this institution, in good standing, at this moment."""
    return institution_id in standing(user, at).desk_at


def desk_of(institution: Institution) -> list[User]:
    """Return who works at the front desk of an institution, in good standing, at this moment."""
    people = {one.pk: one for one in members(institution)}
    seen = standings(people.keys(), clock.now())
    return [people[pk] for pk, one in seen.items() if institution.pk in one.desk_at]


def sees_own_only(acting: Acting) -> bool:
    """Tell whether safety mode keeps the patient's visits from who acts for them, but for those they booked."""
    return APPOINTMENTS in acting.hidden


def who_hears(visit: Appointment) -> list[Acting]:
    """Return who acts for a visit's patient now and sees this visit: they hear of it, and nobody else who acts does."""
    rows = Delegation.objects.filter(
        patient=visit.patient_id, accepted_at__isnull=False, ended_at__isnull=True, ends__gt=clock.now()
    )
    found = [acting_for(visit.patient, row.reader.user) for row in rows.select_related("reader__user")]
    by_reader = {one.delegate.pk: one for one in found if one and Right.APPOINTMENTS in one.rights}
    return [one for one in by_reader.values() if not sees_own_only(one) or visit.booked_by_id == one.delegate.pk]


def actor(user: User, *, patient: Patient, schedule: Schedule, booked_by: UUID | None = None) -> Actor | None:
    """Return as what somebody acts on a patient's visit, or None for whom there is no such visit.

    One's own visit one sees as its patient only, whatever else one is here. `booked_by` is who booked it, or is about
    to: by safety mode there are no others for a delegate.
    """
    if user.pk == patient.user_id:
        return Actor(user, Who.PATIENT, own_party(patient))
    if found := acting_for(patient, user):
        own_only = sees_own_only(found)
        if not {Right.APPOINTMENTS, Right.BOOK} <= found.rights or (own_only and booked_by != user.pk):
            return None
        return Actor(user, Who.PATIENT, delegate_party(user), told_of(found.delegation), own_only)
    seen = standing(user)
    if not seen.ok:
        return None
    if user.pk == schedule.timetable.clinician.user_id:
        return Actor(user, Who.CLINICIAN, party(user, known=seen))
    if schedule.institution_id in seen.desk_at:
        return Actor(user, Who.DESK, party(user, known=seen))
    return None


def acting(user: User, *, patient: Patient, schedule: Schedule, booked_by: UUID | None = None) -> Actor:
    """Return as what somebody acts; a stranger's try is on the patient's list. Raises NotTheirs.

    Call it outside a transaction, for a refusal must outlive the exception that reports it.
    """
    found = actor(user, patient=patient, schedule=schedule, booked_by=booked_by)
    if found is None:
        log.record(
            "appointment.refused", actor=party(user), subject=patient.pk, outcome="refused", because="not-theirs"
        )
        raise NotTheirs(_("There is no such visit among yours."), because="not-theirs")
    return found


def acting_on(visit: Appointment, user: User) -> Actor:
    """Return as what somebody acts on a visit that is there, as `acting` does. Raises NotTheirs."""
    return acting(user, patient=visit.patient, schedule=visit.schedule, booked_by=visit.booked_by_id)
