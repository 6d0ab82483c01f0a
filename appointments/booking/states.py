"""What becomes of a visit on its day, and taking a change back within 24 hours."""

from collections.abc import Sequence
from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from appointments import minutes, offering, payments, queries, visiting
from appointments.booking import telling
from appointments.booking.changing import change, known, locked, may, problem, was_of_clinic
from appointments.models import Appointment, Change, Dispute, Status, Waiting
from appointments.refusals import NotPossible
from appointments.rules import FREED, ChangeFacts, Who, is_lapsed, why_not_undone
from appointments.standing import Actor, acting_on
from ehr import clock
from ehr.accounts.models import User


def accept(appointment: Appointment, *, by: User) -> Appointment:
    """Agree to a time that was proposed. Raises NotPossible, NotTheirs."""
    return _become(appointment, Status.BOOKED, by=by)


def arrive(appointment: Appointment, *, by: User) -> Appointment:
    """Note that somebody came, on the day of the visit. By video it is the patient who enters."""
    return _become(appointment, Status.ARRIVED, by=by)


def begin(appointment: Appointment, *, by: User) -> Appointment:
    """Note that a visit has begun."""
    return _become(appointment, Status.IN_PROGRESS, by=by)


def fulfil(appointment: Appointment, *, by: User) -> Appointment:
    """Note that a visit took place."""
    return _become(appointment, Status.FULFILLED, by=by)


def no_show(appointment: Appointment, *, by: User) -> Appointment:
    """Note that nobody came, from 15 minutes after the start. The patient hears of it, and may say otherwise."""
    return _become(appointment, Status.NO_SHOW, by=by)


def mistake(appointment: Appointment, *, by: User) -> Appointment:
    """Note that a visit was entered by mistake: it never was one. Its minutes are free again."""
    return _become(appointment, Status.MISTAKE, by=by)


def _become(appointment: Appointment, to: str, *, by: User) -> Appointment:
    acts = acting_on(appointment, by)
    with transaction.atomic():
        visit = locked(appointment)
        if visit.status == to:
            return visit
        at, before = clock.now(), visit.status
        if before == Status.PROPOSED and to == Status.BOOKED and is_lapsed(visit.made_at, at):
            raise problem("lapsed")
        may(visit, to, by=acts, at=at)
        change(visit, to, by=acts, at=at)
        if to == Status.MISTAKE and before not in FREED:
            minutes.give_back(visit)
            Waiting.objects.filter(appointment=visit, ended_at__isnull=True).update(ended_at=at)
            offering.freed(visit, at)
        _money_follows(visit, at)
        telling.became(visit, to, acts)
    return visit


def _money_follows(visit: Appointment, at: datetime) -> None:
    if visit.status == Status.BOOKED:
        payments.open_invoice(visit)
    elif visit.status == Status.FULFILLED:
        payments.on_fulfilled(visit)
    elif visit.status == Status.NO_SHOW:
        payments.on_no_show(visit, at)
    elif visit.status == Status.MISTAKE:
        payments.on_mistake(visit)
        visiting.on_cancelled(visit)


def _money_goes_back(visit: Appointment, taken_back: Change, *, by_which: Change) -> None:
    """Owe what was owed before. Of a mistake that was none, what the visit had become before it counts again."""
    if taken_back.after == Status.NO_SHOW:
        # Who took it back has answered whoever said so.
        said = Dispute.objects.filter(change=taken_back, outcome=Dispute.Outcome.OPEN)
        said.update(outcome=Dispute.Outcome.LIFTED, answered_at=by_which.at, answered_by=by_which.by)
    payments.on_undone(visit)
    if taken_back.before in {Status.FULFILLED, Status.NO_SHOW}:
        _money_follows(visit, visit.changes.filter(number__lt=taken_back.number).latest("number").at)
    elif taken_back.before == Status.CANCELLED:
        first = visit.changes.filter(after=Status.CANCELLED, number__lt=taken_back.number).latest("number")
        payments.on_cancelled(visit, first.at, by_clinic=was_of_clinic(first))


def undo(change_made: Change, *, by: User, because: str) -> Appointment:
    """Take a change back within 24 hours, for a reason's code: the visit is again what it was before.

    A cancelled visit gets its minutes again, where nobody has them. Raises NotPossible, with other times where they
    are gone; NotTheirs for strangers.
    """
    known(because)
    appointment = change_made.appointment
    acts = acting_on(appointment, by)
    try:
        with transaction.atomic():
            visit = locked(appointment)
            at = clock.now()
            made = Change.objects.get(pk=change_made.pk)
            if problem_word := why_not_undone(_facts(made, list(visit.changes.all()), by), who=acts.who, at=at):
                raise problem(problem_word)
            if made.after in FREED and made.before not in FREED:
                _take_again(visit, acts, at)
            undoing = change(visit, made.before, by=acts, at=at, because=because, undoes=made)
            _money_goes_back(visit, made, by_which=undoing)
            telling.undone(visit, made.after, acts)
    except IntegrityError as taken:
        raise _gone(appointment, clock.now()) from taken
    return visit


def undoable(visit: Appointment, *, by: User, who: Who, at: datetime) -> Change | None:
    """Return what somebody could take back now, as what they act, but for what became of its minutes: for a button.

    Reads `visit.changes` as they are loaded, so that a list of visits asks once for all.
    """
    made = list(visit.changes.all())
    return made[-1] if made and not why_not_undone(_facts(made[-1], made, by), who=who, at=at) else None


def _facts(made: Change, among: Sequence[Change], by: User) -> ChangeFacts:
    return ChangeFacts(
        after=made.after,
        because=made.because,
        at=made.at,
        by_asker=made.by_id == by.pk,
        is_latest=made.number == max(one.number for one in among),
        undoes=made.undoes_id is not None,
        undone=any(one.undoes_id == made.pk for one in among),
    )


def _take_again(visit: Appointment, by: Actor, at: datetime) -> None:
    marks = minutes.of_visit(visit)
    minutes.clear_expired(visit.timetable_id, marks, at)
    if not minutes.are_free(visit.timetable_id, marks, at):
        raise _gone(visit, at)
    booked_by = by.user if by.own_only else None
    if queries.clashing(visit.patient_id, visit.starts, visit.ends, besides=visit, booked_by=booked_by):
        raise NotPossible(
            _("The patient has another visit at this time by now. Move or cancel that one first."),
            because="another-visit",
        )
    minutes.take(marks, of=visit)


def _gone(visit: Appointment, at: datetime) -> NotPossible:
    return NotPossible(
        _("Somebody else has this time by now, so the visit cannot come back. Choose another time."),
        because="time-gone",
        instead=offering.next_free(visit.schedule, visit.visit_type, visit.starts, at),
    )
