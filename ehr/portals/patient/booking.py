"""Booking a visit: with whom and for what, when, and the last look before it is booked. Moving goes the same way."""

from uuid import UUID, uuid4

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from appointments import booking, lists, zones
from appointments.availability import NotFree
from appointments.models import Appointment, Hold, Schedule, VisitType
from appointments.payments import policy
from appointments.refusals import NotPossible
from ehr import clock
from ehr.frame import visit_times
from ehr.frame.roles import patient_only
from ehr.portals.patient import visit_words
from ehr.portals.patient.visit_forms import BookForm

DAYS = 7


@require_GET
@patient_only
def find_visit(request: HttpRequest) -> HttpResponse:
    """With whom, and for what."""
    return render(request, "patient/visit_find.html", whom_to_book(request))


def whom_to_book(request: HttpRequest) -> dict[str, object]:
    """Return who is found under the words that were asked for, each with what they can be booked for, for a page."""
    words = request.GET.get("words", "").strip()[:100]
    found = [
        {
            "name": one.name,
            "where": visit_times.where(one.schedule),
            "schedule": one.schedule.pk,
            "kinds": [
                {"id": kind.pk, "name": kind.name, "about": kind.about, "said": _said(kind)} for kind in one.visit_types
            ],
        }
        for one in lists.bookable(words, clock.now())
    ]
    return {"words": words, "found": found}


def _said(kind: VisitType) -> str:
    told = [_("%(minutes)s minutes") % {"minutes": kind.minutes}, str(kind.get_mode_display())]
    if kind.price:
        told.append(visit_times.money(kind.price, kind.currency))
    return ", ".join(told)


def bookable(schedule: UUID, kind: UUID) -> tuple[Schedule, VisitType]:
    """Return with whom and what an address says can be booked. Raises Http404."""
    found = lists.one_bookable(schedule, kind, clock.now())
    if found is None:
        raise Http404
    return found


def days_of(request: HttpRequest, schedule: Schedule, kind: VisitType) -> dict[str, object]:
    """Return the free times from the day that was asked for on, by day, for a page."""
    at = clock.now()
    first = visit_times.day(request.GET.get("from", "")) or zones.local_day(at, schedule.time_zone)
    days, after = lists.free_days(schedule, kind, first=first, at=at, days=DAYS)
    return {
        "days": visit_times.day_lines(days),
        "after": after,
        "zone": schedule.time_zone,
        "with_whom": schedule.timetable.clinician.full_name,
        "where": visit_times.where(schedule),
        "kind": kind,
        "schedule": schedule,
    }


def keep(
    request: HttpRequest, schedule: Schedule, kind: VisitType, *, besides: Appointment | None = None
) -> Hold | None:
    """Keep the time that was pressed. Where it is gone, say so: the page below shows what else there is."""
    starts = visit_times.moment(request.POST.get("starts", ""))
    if starts is None:
        messages.warning(request, _("Choose one of the times."))
        return None
    try:
        return booking.hold(schedule, kind, starts, by=request.user, once=uuid4(), besides=besides)
    except (NotFree, NotPossible) as problem:
        messages.warning(request, str(problem))
        return None


@require_http_methods(["GET", "POST"])
@patient_only
def choose_time(request: HttpRequest, schedule: UUID, kind: UUID) -> HttpResponse:
    """When: the free times of the next days, on the clocks of the place."""
    where, what = bookable(schedule, kind)
    if request.method == "POST" and (hold := keep(request, where, what)):
        return redirect("patient:visit-confirm", hold.pk)
    return render(request, "patient/visit_times.html", days_of(request, where, what))


@require_http_methods(["GET", "POST"])
@patient_only
def visit_confirm(request: HttpRequest, hold: UUID) -> HttpResponse:
    """The last look: when, where, at which price, by which rules. The same button pressed twice books once."""
    if lists.one_of(request.patient, hold):
        return redirect("patient:visit", hold)
    kept = own_hold(request, hold)
    schedule, kind = kept.schedule, kept.visit_type
    referrals = lists.referrals_to(request.patient, schedule)
    form = BookForm(
        request.POST if request.method == "POST" else None,
        referrals=referrals,
        price=kind.price,
        unlocked=request.keyring is not None,
    )
    if form.is_valid():
        told = form.cleaned_data
        referral = next((one for one in referrals if str(one.pk) == told.get("referral")), None)
        try:
            made = booking.book(
                kept,
                patient=request.patient,
                by=request.user,
                once=hold,
                self_pay=told.get("self_pay", False),
                referral=referral,
            )
            if told.get("words"):
                booking.add_reason(made, told["words"], keyring=request.keyring)
        except (NotFree, NotPossible) as problem:
            messages.warning(request, str(problem))
            return redirect("patient:visit-times", schedule.pk, kind.pk)
        messages.success(request, _("Your visit is booked."))
        return redirect("patient:visit", made.pk)
    return render(request, "patient/visit_confirm.html", last_look(kept) | {"form": form})


def own_hold(request: HttpRequest, hold: UUID) -> Hold:
    """Return a time that one keeps oneself. Raises Http404."""
    found = lists.hold_of(request.user, hold)
    if found is None:
        raise Http404
    return found


def last_look(kept: Hold) -> dict[str, object]:
    """Return when, where, with whom and at which price a time that is kept would be, for a page."""
    kind, schedule = kept.visit_type, kept.schedule
    ends = lists.ends_of(kind, kept.starts)
    return {
        "hold": kept,
        "over": kept.expires_at <= clock.now(),
        "when": visit_times.when(kept.starts, ends, schedule.time_zone),
        "when_here": visit_times.when_here(kept.starts, schedule.time_zone),
        "where": visit_times.where(schedule),
        "with_whom": schedule.timetable.clinician.full_name,
        "kind": kind,
        "schedule": schedule,
        "price": visit_times.money(kind.price, kind.currency) if kind.price else "",
        "terms": visit_words.terms(kind.price, kind.currency, policy.of(kind)),
    }


# --- Moving ----------------------------------------------------------------------------------------
def _visit(request: HttpRequest, visit: UUID) -> Appointment:
    found = lists.one_of(request.patient, visit)
    if found is None:
        raise Http404
    return found


@require_http_methods(["GET", "POST"])
@patient_only
def visit_move(request: HttpRequest, visit: UUID) -> HttpResponse:
    """Another time for the same visit. The old one stays until the new one is certain."""
    old = _visit(request, visit)
    found = lists.one_bookable(old.schedule_id, old.visit_type_id, clock.now())
    if found is None:
        messages.warning(request, _("This kind of visit cannot be booked there any more, so it cannot be moved."))
        return redirect("patient:visit", visit)
    if request.method == "POST" and (hold := keep(request, *found, besides=old)):
        return redirect("patient:visit-move-confirm", visit, hold.pk)
    return render(request, "patient/visit_times.html", days_of(request, *found) | {"old": visit_words.visit(old)})


@require_http_methods(["GET", "POST"])
@patient_only
def visit_move_confirm(request: HttpRequest, visit: UUID, hold: UUID) -> HttpResponse:
    """From when to when; and the button."""
    if lists.one_of(request.patient, hold):
        return redirect("patient:visit", hold)
    old, kept = _visit(request, visit), own_hold(request, hold)
    if request.method == "POST":
        try:
            made = booking.move(old, kept, by=request.user, once=hold)
        except (NotFree, NotPossible) as problem:
            messages.warning(request, str(problem))
            return redirect("patient:visit-move", visit)
        messages.success(request, _("Your visit is at the new time."))
        return redirect("patient:visit", made.pk)
    return render(request, "patient/visit_move.html", last_look(kept) | {"old": visit_words.visit(old)})
