"""My visits: what is ahead, what was, what waits for an answer; and one visit with all that can be done about it."""

from datetime import datetime, timedelta
from uuid import UUID, uuid4

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from appointments import booking, lists, payments, rooms, rules, visiting, waitlist, zones
from appointments.insurance import asking, steps
from appointments.models import Appointment, Offer, Status, Waiting
from appointments.refusals import NotPossible
from ehr import clock
from ehr.frame import categories, paging, visit_times
from ehr.frame.roles import patient_only, unlocked
from ehr.portals.patient import drafts, visit_words
from ehr.portals.patient.sharing_forms import ConfirmForm
from ehr.portals.patient.visit_forms import CancelForm, DisputeForm, WaitForm

ACCESS = "visit-access"
READ_FOR = timedelta(hours=1)


@require_GET
@patient_only
def visits(request: HttpRequest) -> HttpResponse:
    """What is ahead, what is offered, what one waits for, and what was."""
    at, patient = clock.now(), request.patient
    page = paging.page(request, lists.past(patient, at), size=20)
    context = {
        "ahead": [visit_words.visit(one) for one in lists.upcoming(patient, at)],
        "offers": [_offer(one) for one in lists.offers_to(patient, at)],
        "waiting": [_waits(one) for one in lists.waiting_of(patient)],
        "page": page,
        "past": [visit_words.visit(one) for one in page],
    }
    return render(request, "patient/visits.html", context)


def _offer(one: Offer) -> dict[str, object]:
    schedule, kind = one.waiting.schedule, one.waiting.visit_type
    ends = lists.ends_of(kind, one.starts)
    return {
        "id": one.pk,
        "with_whom": schedule.timetable.clinician.full_name,
        "kind": kind.name,
        "when": visit_times.when(one.starts, ends, schedule.time_zone),
        "until": one.lapses_at,
    }


def _waits(one: Waiting) -> dict[str, object]:
    return {
        "id": one.pk,
        "with_whom": one.schedule.timetable.clinician.full_name,
        "kind": one.visit_type.name,
        "first": one.first_day,
        "last": one.last_day,
        "sooner": one.appointment_id is not None,
    }


def next_visit(patient) -> visit_words.Visit | None:
    """Return the visit that is next, for the home page."""
    found = lists.upcoming(patient, clock.now()).first()
    return visit_words.visit(found) if found else None


def _visit(request: HttpRequest, visit: UUID) -> Appointment:
    found = lists.one_of(request.patient, visit)
    if found is None:
        raise Http404
    return found


@require_GET
@patient_only
def visit(request: HttpRequest, visit: UUID) -> HttpResponse:
    """One visit: when, where, how it stands, what it costs, and what can be done about it now."""
    one, at = _visit(request, visit), clock.now()
    check = asking.latest(one)
    claim = getattr(one, "claim", None)
    context = {
        "visit": visit_words.visit(one),
        "one": one,
        "ahead": one.status in rules.AHEAD and one.starts > at,
        "booked_by": one.booked_by.name if one.booked_by_id != request.user.pk else "",
        "why": visit_words.why_cancelled(one),
        "terms": visit_words.terms(one.price, one.currency, one.policy),
        "access": visiting.offered(one, at),
        "standing": visiting.standing(one),
        "undo": booking.undoable(one, by=request.user, who=rules.Who.PATIENT, at=at),
        "by_video": rooms.is_to_be(one, at),
        "missed": one.status == Status.NO_SHOW,
        "dispute": lists.dispute_of(one),
        "step": steps.of_check(check) if check else None,
        "asked_at": (check.answered_at or check.asked_at) if check else None,
        "claim": steps.of_claim(claim) if claim else "",
        "invoice": payments.invoice_of(one),
    }
    return render(request, "patient/visit.html", context)


def _tell(request: HttpRequest, problem: NotPossible) -> None:
    messages.warning(request, str(problem))


@require_http_methods(["GET", "POST"])
@patient_only
def visit_cancel(request: HttpRequest, visit: UUID) -> HttpResponse:
    """What cancelling costs now, and the button."""
    one = _visit(request, visit)
    form = CancelForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            booking.cancel(one, by=request.user, because=form.cleaned_data["because"])
        except NotPossible as problem:
            _tell(request, problem)
        else:
            messages.success(request, _("Your visit is cancelled."))
        return redirect("patient:visit", visit)
    if one.status not in rules.AHEAD:
        return redirect("patient:visit", visit)
    context = {"visit": visit_words.visit(one), "form": form, "costs": visit_words.cancelling(one, clock.now())}
    return render(request, "patient/visit_cancel.html", context)


@require_POST
@patient_only
def visit_accept(request: HttpRequest, visit: UUID) -> HttpResponse:
    """Agree to a time that was proposed."""
    try:
        booking.accept(_visit(request, visit), by=request.user)
    except NotPossible as problem:
        _tell(request, problem)
    else:
        messages.success(request, _("Your visit is booked."))
    return redirect("patient:visit", visit)


@require_POST
@patient_only
def visit_undo(request: HttpRequest, visit: UUID) -> HttpResponse:
    """Take back what one did with a visit oneself."""
    last = lists.latest_change(_visit(request, visit))
    if last is None:
        raise Http404
    try:
        booking.undo(last, by=request.user, because="wrong-button")
    except NotPossible as problem:
        _tell(request, problem)
    else:
        messages.success(request, _("It is as it was before."))
    return redirect("patient:visit", visit)


@require_http_methods(["GET", "POST"])
@patient_only
def visit_dispute(request: HttpRequest, visit: UUID) -> HttpResponse:
    """Say that one was there. The fee pauses until somebody at the place has answered."""
    one = _visit(request, visit)
    form = DisputeForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            booking.dispute(one, by=request.user, **form.cleaned_data)
        except NotPossible as problem:
            _tell(request, problem)
        else:
            messages.success(request, _("Noted. No fee is taken until somebody at the place has looked and answered."))
        return redirect("patient:visit", visit)
    if one.status != Status.NO_SHOW or lists.dispute_of(one):
        return redirect("patient:visit", visit)
    return render(request, "patient/visit_dispute.html", {"visit": visit_words.visit(one), "form": form})


# --- What comes with it ------------------------------------------------------------------------------
@require_http_methods(["GET", "POST"])
@patient_only
@unlocked
def visit_access(request: HttpRequest, visit: UUID) -> HttpResponse:
    """One sentence that lets the clinician see what the visit needs, for its days; sensitive parts apart."""
    one, at = _visit(request, visit), clock.now()
    found = visiting.offered(one, at)
    if found is None:
        return redirect("patient:visit", visit)
    once, read_at = access_draft(request, visit, at)
    sensitive = [part for part in found.sensitive if part in request.GET.getlist("with")]
    try:
        proposed = visiting.proposal(one, [*found.ordinary, *sensitive], at=read_at)
        sent = request.POST if request.method == "POST" else None
        form = ConfirmForm.about(proposed, sent, name=one.timetable.clinician.full_name)
        if form.is_valid():
            visiting.give(
                one,
                proposed.categories,
                keyring=request.keyring,
                once=once,
                sentence=proposed.sentence,
                at=read_at,
            )
            drafts.forget(request, visit)
            messages.success(request, _("They can see it in the days of your visit. It ends by itself."))
            return redirect("patient:visit", visit)
    except visiting.CannotGive as problem:
        messages.warning(request, str(problem))
        return redirect("patient:visit", visit)
    context = {
        "visit": visit_words.visit(one),
        "form": form,
        "sentence": proposed.sentence,
        "chosen": sensitive,
        "more": [(part, categories.about(part).name) for part in found.sensitive if part not in sensitive],
    }
    return render(request, "patient/visit_access.html", context)


def access_draft(request: HttpRequest, visit: UUID, at: datetime, *, kind: str = ACCESS) -> tuple[UUID, datetime]:
    """Return under which id a permission will be signed and since when its sentence is read, kept with the session."""
    kept = drafts.one_of(request, visit, kind)
    if kept is None or at - datetime.fromisoformat(kept["at"]) > READ_FOR:
        kept = {"once": str(uuid4()), "at": at.replace(second=0, microsecond=0).isoformat()}
        drafts.begin(request, visit, kind, **kept)
    return UUID(kept["once"]), datetime.fromisoformat(kept["at"])


# --- Coming sooner -----------------------------------------------------------------------------------
@require_http_methods(["GET", "POST"])
@patient_only
def wait(request: HttpRequest, schedule: UUID, kind: UUID) -> HttpResponse:
    """Be told when time is free between two days, without a visit so far."""
    found = lists.one_bookable(schedule, kind, clock.now())
    if found is None:
        raise Http404
    return _wait(request, *found, None)


@require_http_methods(["GET", "POST"])
@patient_only
def wait_sooner(request: HttpRequest, visit: UUID) -> HttpResponse:
    """Be told when time is free before the visit that one has."""
    one = _visit(request, visit)
    return _wait(request, one.schedule, one.visit_type, one)


def _wait(request: HttpRequest, schedule, kind, one: Appointment | None) -> HttpResponse:
    today = zones.local_day(clock.now(), schedule.time_zone)
    form = WaitForm(request.POST if request.method == "POST" else None, today=today, initial={"once": uuid4()})
    if form.is_valid():
        try:
            waitlist.join(
                schedule, kind, patient=request.patient, by=request.user, appointment=one, **form.cleaned_data
            )
        except NotPossible as problem:
            form.add_error(None, str(problem))
        else:
            messages.success(request, _("You are on the list. We tell you when something is free."))
            return redirect("patient:visits")
    context = {
        "form": form,
        "kind": kind,
        "with_whom": schedule.timetable.clinician.full_name,
        "where": visit_times.where(schedule),
        "visit": visit_words.visit(one) if one else None,
        "schedule": schedule,
    }
    return render(request, "patient/visit_wait.html", context)


@require_POST
@patient_only
def wait_leave(request: HttpRequest, waiting: UUID) -> HttpResponse:
    """Leave a list."""
    found = lists.one_waiting(request.patient, waiting)
    if found is None:
        raise Http404
    waitlist.leave(found, by=request.user)
    messages.success(request, _("You are no longer on that list."))
    return redirect("patient:visits")


@require_POST
@patient_only
def offer_answer(request: HttpRequest, offer: UUID) -> HttpResponse:
    """Take an earlier time, or leave it to who is next."""
    found = lists.one_offer(request.patient, offer)
    if found is None:
        raise Http404
    try:
        if "take" in request.POST:
            made = waitlist.take(found, by=request.user)
            messages.success(request, _("Your visit is booked."))
            return redirect("patient:visit", made.pk)
        waitlist.decline(found, by=request.user)
        messages.success(request, _("It goes to who is next. You stay on the list."))
    except NotPossible as problem:
        _tell(request, problem)
    return redirect("patient:visits")
