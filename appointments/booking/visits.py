"""Booking, moving and calling off: what takes minutes and gives them back."""

import uuid
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from appointments import minutes, offering, payments, queries, visiting
from appointments.availability import check, steps
from appointments.booking import telling
from appointments.booking.calling_off import call_off
from appointments.booking.changing import FULL, REASONS, change, is_of_clinic, known, locked, may, problem
from appointments.booking.holding import standing_hold
from appointments.models import Appointment, Hold, Status, Waiting
from appointments.payments import policy
from appointments.refusals import NotPossible
from appointments.rules import Facts, why_not
from appointments.standing import Actor, acting, acting_on
from consent.models import Referral
from ehr import clock
from ehr.accounts.models import User
from patients.models import Patient


def book(
    hold: Hold,
    *,
    patient: Patient,
    by: User,
    once: uuid.UUID,
    self_pay: bool = False,
    referral: Referral | None = None,
) -> Appointment:
    """Book what one keeps, for oneself, for whom one acts for, or at the desk for a patient of the place.

    The same `once` sent twice books once. Raises NotPossible, with the next times; NotTheirs for strangers.
    """
    return _new(hold, Status.BOOKED, patient=patient, by=by, once=once, self_pay=self_pay, referral=referral)


def propose(hold: Hold, *, patient: Patient, by: User, once: uuid.UUID) -> Appointment:
    """Propose a time to a patient, as whose time it is or at the desk. It is kept 72 hours for the answer."""
    return _new(hold, Status.PROPOSED, patient=patient, by=by, once=once)


def _new(
    hold: Hold,
    status: str,
    *,
    patient: Patient,
    by: User,
    once: uuid.UUID,
    self_pay: bool = False,
    referral: Referral | None = None,
) -> Appointment:
    actor = acting(by, patient=patient, schedule=hold.schedule, booked_by=by.pk)
    try:
        with transaction.atomic():
            Patient.objects.select_for_update().get(pk=patient.pk)
            if made := _made_before(once, patient):
                return made
            minutes.lock(hold.timetable_id)
            at = clock.now()
            kept = standing_hold(hold, by=by, at=at)
            _may_make(kept, "", status, actor, at)
            _check_referral(referral, patient, kept)
            return put(kept, patient=patient, by=actor, once=once, at=at, status=status, self_pay=self_pay,
                       referral=referral)  # fmt: skip
    except IntegrityError:
        check(hold.schedule, hold.visit_type, hold.starts, at=clock.now(), besides=hold)
        raise


def _made_before(once: uuid.UUID, patient: Patient) -> Appointment | None:
    return Appointment.objects.filter(pk=once, patient=patient).first()


def _may_make(hold: Hold, before: str, status: str, actor: Actor, at: datetime) -> None:
    if because := why_not(Facts(before, hold.starts, hold.starts, "UTC"), to=status, who=actor.who, at=at):
        raise problem(because)


def _check_referral(referral: Referral | None, patient: Patient, hold: Hold) -> None:
    if referral is None:
        return
    to = hold.timetable.clinician.user_id
    if (referral.patient_id, referral.state, referral.to.user_id) != (patient.pk, Referral.State.APPROVED, to):
        raise NotPossible(
            _("This referral is not to this clinician, or was not agreed to. Book without it, or look at it first."),
            because="not-this-referral",
        )


def put(
    hold: Hold,
    *,
    patient: Patient,
    by: Actor,
    once: uuid.UUID,
    at: datetime,
    status: str = Status.BOOKED,
    before: str = "",
    self_pay: bool = False,
    referral: Referral | None = None,
) -> Appointment:
    """Make a visit of what is kept. Call it with the patient's row and the timetable's held. Raises NotPossible."""
    made = _visit(hold, patient=patient, by=by, once=once, at=at, self_pay=self_pay, referral=referral)
    _check_clash(made, by)
    made.status = status
    made.save(force_insert=True)
    change(made, status, by=by, at=at, before=before, because="waiting" if before else "")
    minutes.hand_over(steps(hold.visit_type, hold.starts), hold=hold, to=made)
    if status == Status.BOOKED:
        payments.open_invoice(made)
    telling.made(made, by)
    return made


def _visit(
    hold: Hold, *, patient: Patient, by: Actor, once: uuid.UUID, at: datetime, self_pay: bool, referral: Referral | None
) -> Appointment:
    """Return the visit that a hold would become, unsaved, with the price and the policy of this moment."""
    visit_type = hold.visit_type
    return Appointment(
        id=once,
        patient=patient,
        timetable=hold.timetable,
        schedule=hold.schedule,
        place=hold.schedule.place,
        visit_type=visit_type,
        starts=hold.starts,
        ends=hold.starts + minutes.lasting(visit_type),
        time_zone=hold.schedule.time_zone,
        price=visit_type.price,
        currency=visit_type.currency,
        policy=policy.of(visit_type),
        self_pay=self_pay,
        referral=referral,
        booked_by=by.user,
        made_at=at,
    )


def _check_clash(made: Appointment, by: Actor, *, besides: Appointment | None = None) -> None:
    """See that nobody is to be in two places at once, as far as they may know of it. Raises NotPossible."""
    booked_by = by.user if by.own_only else None
    if queries.clashing(made.patient_id, made.starts, made.ends, besides=besides, booked_by=booked_by):
        raise NotPossible(
            _("There is another visit at this time already. Choose another time, or move that one first."),
            because="another-visit",
            instead=offering.next_free(made.schedule, made.visit_type, made.ends, made.made_at),
        )


def move(appointment: Appointment, hold: Hold, *, by: User, once: uuid.UUID, because: str = "moved") -> Appointment:
    """Put a visit at the time one keeps, and call the old one off, in one transaction: there is no moment of neither.

    What it was booked by goes along. `because` is a reason's code where somebody at the desk moves it. The same `once`
    sent twice moves once. Raises NotPossible, NotTheirs.
    """
    if because != "moved":
        known(because)
    actor = acting_on(appointment, by)
    try:
        with transaction.atomic():
            Patient.objects.select_for_update().get(pk=appointment.patient_id)
            if made := _made_before(once, appointment.patient):
                return made
            minutes.lock(appointment.timetable_id, hold.timetable_id)
            at = clock.now()
            old = Appointment.objects.select_related(*FULL).get(pk=appointment.pk)
            kept = standing_hold(hold, by=by, at=at)
            return put_instead(old, kept, by=actor, once=once, at=at, because=because)
    except IntegrityError:
        check(hold.schedule, hold.visit_type, hold.starts, at=clock.now(), besides=hold)
        raise


def put_instead(
    old: Appointment, hold: Hold, *, by: Actor, once: uuid.UUID, at: datetime, because: str = "moved"
) -> Appointment:
    """Make a visit of what is kept, in another's place. Call it with the rows held. Raises NotPossible."""
    may(old, Status.CANCELLED, by=by, at=at)
    if old.status != Status.BOOKED:
        raise problem("not-from-here", old.status)
    if hold.visit_type_id != old.visit_type_id:
        raise NotPossible(
            _("Only the time can be changed. For another kind of visit, book it and cancel this one."),
            because="another-kind",
        )
    made = _visit(hold, patient=old.patient, by=by, once=once, at=at, self_pay=old.self_pay, referral=old.referral)
    made.price, made.currency = old.price, old.currency
    # Who could not come as agreed, because of the clinic, cancels the new time as freely as the first.
    of_clinic = because in REASONS and is_of_clinic(by, because)
    made.policy = dict(old.policy) if of_clinic else _policy_after(old, made.starts, at)
    made.reason, made.reason_commitment, made.moved_from = old.reason, old.reason_commitment, old
    _check_clash(made, by, besides=old)
    made.save(force_insert=True)
    minutes.give_back(old)
    change(made, Status.BOOKED, by=by, at=at, before="", because=because)
    minutes.hand_over(steps(hold.visit_type, hold.starts), hold=hold, to=made)
    change(old, Status.CANCELLED, by=by, at=at, because="moved")
    Waiting.objects.filter(appointment=old, ended_at__isnull=True).update(appointment=made)
    payments.on_moved(old, made)
    visiting.on_cancelled(old)
    telling.moved(old, made, by)
    offering.freed(old, at)
    return made


def _policy_after(old: Appointment, starts: datetime, at: datetime) -> dict[str, int]:
    """Return the policy of a visit that was moved. Who moves it too late to cancel it freely does not cancel it freely
    afterwards: what was free until then stays free until then, and not longer.
    """
    free_until = policy.free_until(old.starts, old.policy)
    if at < free_until:
        return dict(old.policy)
    return {**old.policy, "free_cancel_hours": -((free_until - starts) // timedelta(hours=1))}


def cancel(appointment: Appointment, *, by: User, because: str = "not-said", cause: str = "") -> Appointment:
    """Call a visit off, for a reason's code. Twice is once. Raises NotPossible; NotTheirs for strangers.

    A `cause` that several visits share is told to each person once.
    """
    known(because)
    actor = acting_on(appointment, by)
    with transaction.atomic():
        visit = locked(appointment)
        if visit.status == Status.CANCELLED:
            return visit
        at = clock.now()
        may(visit, Status.CANCELLED, by=actor, at=at)
        call_off(visit, by=actor, at=at, because=because, cause=cause)
    return visit
