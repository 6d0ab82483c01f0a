"""Booking and moving a visit for whom one acts: with whom and for what, when, and the last look. They are told."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from appointments import booking, delegates, lists
from appointments.availability import NotFree
from appointments.refusals import NotPossible
from consent.acting import Right
from ehr import clock
from ehr.frame.acting import with_right
from ehr.portals.patient.acting_visits import tell, visit_of, worded
from ehr.portals.patient.booking import bookable, days_of, keep, last_look, own_hold, whom_to_book


@require_GET
@with_right(Right.BOOK)
def acting_visit_find(request: HttpRequest) -> HttpResponse:
    """With whom, and for what."""
    return render(request, "patient/acting_visit_find.html", whom_to_book(request) | {"acting": request.acting})


@require_http_methods(["GET", "POST"])
@with_right(Right.BOOK)
def acting_visit_times(request: HttpRequest, schedule: UUID, kind: UUID) -> HttpResponse:
    """When: the free times of the next days, on the clocks of the place."""
    where, what = bookable(schedule, kind)
    if request.method == "POST" and (hold := keep(request, where, what)):
        return redirect("patient:acting-visit-confirm", hold.pk)
    context = days_of(request, where, what) | {"acting": request.acting}
    return render(request, "patient/acting_visit_times.html", context)


@require_http_methods(["GET", "POST"])
@with_right(Right.BOOK)
def acting_visit_confirm(request: HttpRequest, hold: UUID) -> HttpResponse:
    """The last look: when, where, at which price, by which rules. The same button pressed twice books once.

    Why they come they say themselves, and whose referral it is, and who pays.
    """
    if delegates.one_of(request.acting, hold):
        return redirect("patient:acting-visit", hold)
    kept = own_hold(request, hold)
    if request.method == "POST":
        try:
            made = booking.book(kept, patient=request.acting.patient, by=request.user, once=hold)
        except (NotFree, NotPossible) as problem:
            _tell(request, problem)
            return redirect("patient:acting-visit-times", kept.schedule_id, kept.visit_type_id)
        messages.success(request, _booked(request))
        return redirect("patient:acting-visit", made.pk)
    return render(request, "patient/acting_visit_confirm.html", last_look(kept) | {"acting": request.acting})


def _booked(request: HttpRequest) -> str:
    return _("The visit is booked. %(name)s is told.") % {"name": request.acting.patient.name}


def _tell(request: HttpRequest, problem: NotFree | NotPossible) -> None:
    if isinstance(problem, NotFree):
        messages.warning(request, str(problem))
    else:
        tell(request, problem)


@require_http_methods(["GET", "POST"])
@with_right(Right.BOOK)
def acting_visit_move(request: HttpRequest, visit: UUID) -> HttpResponse:
    """Another time for the same visit. The old one stays until the new one is certain."""
    old = visit_of(request, visit)
    found = lists.one_bookable(old.schedule_id, old.visit_type_id, clock.now())
    if found is None:
        messages.warning(request, _("This kind of visit cannot be booked there any more, so it cannot be moved."))
        return redirect("patient:acting-visit", visit)
    if request.method == "POST" and (hold := keep(request, *found, besides=old)):
        return redirect("patient:acting-visit-move-confirm", visit, hold.pk)
    context = days_of(request, *found) | {"acting": request.acting, "old": worded(old)}
    return render(request, "patient/acting_visit_times.html", context)


@require_http_methods(["GET", "POST"])
@with_right(Right.BOOK)
def acting_visit_move_confirm(request: HttpRequest, visit: UUID, hold: UUID) -> HttpResponse:
    """From when to when; and the button."""
    if delegates.one_of(request.acting, hold):
        return redirect("patient:acting-visit", hold)
    old, kept = visit_of(request, visit), own_hold(request, hold)
    if request.method == "POST":
        try:
            made = booking.move(old, kept, by=request.user, once=hold)
        except (NotFree, NotPossible) as problem:
            _tell(request, problem)
            return redirect("patient:acting-visit-move", visit)
        messages.success(request, _("The visit is at the new time. %(name)s is told.")
                         % {"name": request.acting.patient.name})  # fmt: skip
        return redirect("patient:acting-visit", made.pk)
    context = last_look(kept) | {"acting": request.acting, "old": worded(old)}
    return render(request, "patient/acting_visit_confirm.html", context)
