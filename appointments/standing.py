"""As what somebody acts on a visit: the patient or who acts for them, the desk of the place, or whose time it is."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext as _

from appointments.models import Schedule
from appointments.refusals import NotTheirs
from appointments.rules import Who
from audit import log
from consent.access import own_party
from consent.access.acting import acting_for, delegate_party, told_of
from consent.access.safety import APPOINTMENTS
from consent.acting import Right
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


def is_at_the_desk(user: User, institution_id: UUID, at: datetime | None = None) -> bool:
    """Tell whether somebody works at the front desk of this institution, in good standing, at this moment."""
    return institution_id in standing(user, at).desk_at


def desk_of(institution: Institution) -> list[User]:
    """Return who works at the front desk of an institution, in good standing, at this moment."""
    people = {one.pk: one for one in members(institution)}
    seen = standings(people.keys(), clock.now())
    return [people[pk] for pk, one in seen.items() if institution.pk in one.desk_at]


def actor(user: User, *, patient: Patient, schedule: Schedule) -> Actor | None:
    """Return as what somebody acts on a patient's visit, or None for whom there is no such visit.

    One's own visit one sees as its patient only, whatever else one is here.
    """
    if user.pk == patient.user_id:
        return Actor(user, Who.PATIENT, own_party(patient))
    if found := acting_for(patient, user):
        may = Right.APPOINTMENTS in found.rights and APPOINTMENTS not in found.hidden
        return Actor(user, Who.PATIENT, delegate_party(user), told_of(found.delegation)) if may else None
    seen = standing(user)
    if not seen.ok:
        return None
    if user.pk == schedule.timetable.clinician.user_id:
        return Actor(user, Who.CLINICIAN, party(user, known=seen))
    if schedule.institution_id in seen.desk_at:
        return Actor(user, Who.DESK, party(user, known=seen))
    return None


def acting(user: User, *, patient: Patient, schedule: Schedule) -> Actor:
    """Return as what somebody acts; a stranger's try is on the patient's list. Raises NotTheirs.

    Call it outside a transaction, for a refusal must outlive the exception that reports it.
    """
    found = actor(user, patient=patient, schedule=schedule)
    if found is None:
        log.record(
            "appointment.refused", actor=party(user), subject=patient.pk, outcome="refused", because="not-theirs"
        )
        raise NotTheirs(_("There is no such visit among yours."), because="not-theirs")
    return found
