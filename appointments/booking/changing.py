"""One change of what a visit is: a row in its chain and a line on its patient's list, written together."""

from datetime import datetime

from django.utils.translation import gettext_lazy as _

from appointments import minutes
from appointments.models import Appointment, Change, Status
from appointments.refusals import NotPossible
from appointments.rules import STAFF, Facts, why_not
from appointments.standing import Actor
from audit import log
from patients.models import Patient
from providers.models import Clinician

# Why: codes of ours, so that nobody's words stand here in clear. Pages let people choose among REASONS.
REASONS = {
    "not-said": _("no reason was given"),
    "cannot-come": _("cannot come then"),
    "another-time": _("another time is better"),
    "not-needed": _("it is not needed any more"),
    "elsewhere": _("it was done elsewhere"),
    "clinician-away": _("the clinician is away"),
    "place-closed": _("the place is closed"),
    "came-late": _("the patient came late"),
    "wrong-visit": _("it was about another visit"),
    "wrong-button": _("the wrong button was pressed"),
    "declined": _("the time that was proposed does not suit"),
}
# What a patient says, also when the desk writes it down: then it is the patient who called the visit off.
_PATIENTS = frozenset({"cannot-come", "another-time", "not-needed", "elsewhere", "declined"})

# What a line on the log is called when a visit becomes this.
_ACTS = {
    Status.PROPOSED: "appointment.proposed",
    Status.BOOKED: "appointment.booked",
    Status.ARRIVED: "appointment.arrived",
    Status.IN_PROGRESS: "appointment.begun",
    Status.FULFILLED: "appointment.fulfilled",
    Status.CANCELLED: "appointment.cancelled",
    Status.NO_SHOW: "appointment.missed",
    Status.MISTAKE: "appointment.mistaken",
}
_PROBLEMS = {
    "not-by-you": _("This is not for you to do. Ask the place where the visit is."),
    "begun": _("The visit has begun already, or its time is over. Call the place where it is."),
    "lapsed": _("This time was kept for 72 hours, which are over. Book another one, or ask the place for one."),
    "not-today": _("This can be noted on the day of the visit only."),
    "not-yet-missed": _("Wait until 15 minutes after the visit should have begun. Somebody may just be late."),
    "undone-already": _("This was taken back already."),
    "not-undone": _("This cannot be taken back. Book another time instead."),
    "changed-since": _("Something else was noted since. Take that back first."),
    "too-late-to-undo": _("This was more than 24 hours ago, so it can no longer be taken back."),
}
# Where a visit is already something that the wish does not fit, what is told is what it is.
_IT_IS = {
    Status.PROPOSED: _("This time was proposed and waits for an answer."),
    Status.BOOKED: _("This visit is booked."),
    Status.ARRIVED: _("The patient has arrived already."),
    Status.IN_PROGRESS: _("The patient is being seen already."),
    Status.FULFILLED: _("This visit is over already."),
    Status.CANCELLED: _("This visit was cancelled. Book another one, or take the cancellation back."),
    Status.NO_SHOW: _("It was noted that nobody came to this visit. Take that back first."),
    Status.MISTAKE: _("This visit was noted by mistake, so nothing more can be done with it."),
}

FULL = ("patient__user", "schedule__timetable__clinician__user", "timetable__clinician__user", "visit_type", "place")


def problem(because: str, status: str = "") -> NotPossible:
    """Return the refusal for a machine word of the rule."""
    words = _IT_IS.get(Status(status)) if because == "not-from-here" and status else None
    return NotPossible(words or _PROBLEMS[because], because=because)


def locked(appointment: Appointment) -> Appointment:
    """Hold the patient's row, then the timetable's, and return the visit as it is now."""
    Patient.objects.select_for_update().get(pk=appointment.patient_id)
    minutes.lock(appointment.timetable_id)
    return Appointment.objects.select_related(*FULL).get(pk=appointment.pk)


def facts(appointment: Appointment) -> Facts:
    """Return a visit as the rule needs it."""
    return Facts(
        status=appointment.status,
        starts=appointment.starts,
        ends=appointment.ends,
        time_zone=appointment.time_zone,
        video=appointment.visit_type.mode == appointment.visit_type.Mode.VIDEO,
    )


def may(appointment: Appointment, to: str, *, by: Actor, at: datetime) -> None:
    """Raise NotPossible where this person may not make a visit this now."""
    if because := why_not(facts(appointment), to=to, who=by.who, at=at):
        raise problem(because, appointment.status)


def known(because: str) -> str:
    """Return a reason's code. Raises ValueError for what is none of ours: words would stand here in clear."""
    if because not in REASONS:
        raise ValueError(f"{because!r} is no reason that a visit knows.")
    return because


def is_of_clinic(by: Actor | None, because: str) -> bool:
    """Tell whether it is the clinic that called a visit off, or a rule of ours, and not the patient."""
    return by is None or (by.who in STAFF and because not in _PATIENTS)


def was_of_clinic(made: Change) -> bool:
    """Tell the same of a change that was made before."""
    staff = Clinician.objects.filter(user=made.by_id).exclude(user=made.appointment.patient.user_id).exists()
    return made.by_id is None or (staff and made.because not in _PATIENTS)


def change(
    appointment: Appointment,
    to: str,
    *,
    by: Actor | None,
    at: datetime,
    because: str = "",
    before: str | None = None,
    undoes: Change | None = None,
) -> Change:
    """Make a visit something else. Call it with the rows of `locked` held, after the rule said yes.

    `by` None is a rule of ours, such as a proposal that lapsed. `before` is given where the visit is new.
    """
    made = Change.objects.create(
        appointment=appointment,
        number=1 if before is not None else Change.objects.filter(appointment=appointment).count() + 1,
        before=appointment.status if before is None else before,
        after=to,
        by=by.user if by else None,
        because=because,
        undoes=undoes,
        at=at,
    )
    if appointment.status != to:
        appointment.status = to
        appointment.save(update_fields=["status"])
    told(appointment, "appointment.undone" if undoes else _act(made), by=by, because=because)
    return made


def _act(made: Change) -> str:
    if made.because == "moved" or (not made.before and made.because in REASONS):
        return "appointment.moved"
    agreed = made.before == Status.PROPOSED and made.after == Status.BOOKED
    return "appointment.accepted" if agreed else _ACTS[Status(made.after)]


def told(appointment: Appointment, action: str, *, by: Actor | None, because: str = "") -> None:
    """Write a line about a visit on its patient's list: with whom, never what for."""
    log.append(
        action,
        actor=by.party if by else log.SYSTEM,
        subject=appointment.patient_id,
        outcome="done",
        because=because,
        details={
            "appointment": str(appointment.pk),
            "reader_name": appointment.timetable.clinician.full_name,
            **(by.told if by else {}),
        },
    )
