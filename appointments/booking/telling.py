"""Who hears what of a visit: patients, and who acts for them and sees it, of what others did with it; clinicians of
what others did with their time."""

from appointments.models import Appointment, Dispute, Status
from appointments.rules import Who
from appointments.standing import Actor, desk_of, who_hears
from consent.queries import whom_to_tell
from ehr.accounts.models import User
from ehr.notices import operations as notices
from ehr.notices.operations import News

ACTING = "acting-visit"  # what who acts for a patient is told: that something is new, as little as letters say
_BECAME = {Status.NO_SHOW: "visit-missed", Status.MISTAKE: "visit-cancelled"}


def made(visit: Appointment, by: Actor) -> None:
    """Tell of a visit that was booked or proposed."""
    proposed = visit.status == Status.PROPOSED
    told = "visit-proposed" if proposed else "visit-booked"
    _tell(visit, by, patient=told, clinician="clinic.visit-booked", number=1)


def moved(old: Appointment, new: Appointment, by: Actor) -> None:
    """Tell of a visit that is at another time now; a clinician who lost it hears of that, too."""
    if old.timetable_id != new.timetable_id:
        _tell(old, by, clinician="clinic.visit-cancelled")
    _tell(new, by, patient="visit-moved", clinician="clinic.visit-moved", number=1)


def cancelled(visit: Appointment, by: Actor | None, cause: str = "") -> None:
    """Tell of a visit that is not to be; of several for one cause once."""
    _tell(visit, by, patient="visit-cancelled", clinician="clinic.visit-cancelled", cause=cause)


def became(visit: Appointment, to: str, by: Actor) -> None:
    """Tell of what was noted about a visit, where it matters to who was not there."""
    if to in _BECAME:
        _tell(visit, by, patient=_BECAME[Status(to)])
    elif to == Status.BOOKED:
        _tell(visit, by, patient="visit-booked", clinician="clinic.visit-booked")


def undone(visit: Appointment, what: str, by: Actor) -> None:
    """Tell of a change that was taken back, where the change itself was told."""
    if what in {Status.CANCELLED, Status.NO_SHOW, Status.MISTAKE}:
        _tell(visit, by, patient="visit-stands", clinician="clinic.visit-booked")


def disputed(visit: Appointment, found: Dispute) -> None:
    """Tell whose time it was, and the desk of the place, that somebody says they came."""
    staff = {visit.timetable.clinician.user, *desk_of(visit.schedule.institution)}
    kind = "clinic.visit-disputed"
    notices.tell([News(one, kind, f"{kind}:{found.pk}:{one.pk}", visit.pk, mail=False) for one in staff])


def dispute_answered(visit: Appointment, found: Dispute) -> None:
    """Tell the patient what was found."""
    people = whom_to_tell(visit.patient)
    kind = "visit-dispute-answered"
    if people:
        notices.tell([News(one, kind, f"{kind}:{found.pk}:{one.pk}", visit.pk) for one in people])


def _tell(
    visit: Appointment,
    by: Actor | None,
    *,
    patient: str = "",
    clinician: str = "",
    number: int | None = None,
    cause: str = "",
) -> None:
    """Tell both, but nobody of what they did themselves. A clinician's mailbox is spared: the day stands on a page."""
    # Of several changes each is told, but for those of one cause: a key names which.
    which = cause or f"{visit.pk}:{number or visit.changes.count()}"
    news = []
    if patient:
        people = [one for one in whom_to_tell(visit.patient) if not _did(one, by)]
        news += [News(one, patient, f"{patient}:{which}:{one.pk}", visit.pk) for one in people]
        news += [
            News(one.delegate, ACTING, f"{ACTING}:{which}:{one.delegate.pk}", one.delegation.pk)
            for one in who_hears(visit)
            if not _did(one.delegate, by)
        ]
    if clinician and not (by and by.who == Who.CLINICIAN):
        one = visit.timetable.clinician.user
        news.append(News(one, clinician, f"{clinician}:{which}:{one.pk}", visit.pk, mail=False))
    if news:
        notices.tell(news)


def _did(one: User, by: Actor | None) -> bool:
    return by is not None and by.user.pk == one.pk
