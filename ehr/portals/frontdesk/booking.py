"""Booking for a patient at the desk: who, with whom, when. What the visit needs of their record only they let in."""

from uuid import UUID, uuid4

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from appointments import booking, lists
from appointments.availability import NotFree
from appointments.refusals import NotPossible
from consent import reach
from consent.sharing import finding
from consent.sharing.requests import CannotAsk
from ehr import clock
from ehr.accounts.attempts import TooMany
from ehr.frame import sessions, visit_times
from ehr.frame.finding_forms import FindForm
from ehr.frame.roles import desk_only
from patients.models import Patient

DAYS = 7


@require_http_methods(["GET", "POST"])
@desk_only
def find(request: HttpRequest) -> HttpResponse:
    """Find who stands at the desk, by three things of their documents."""
    form = FindForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            found = finding.find_at_desk(**form.three(), reader=request.user, address=sessions.address(request))
        except (CannotAsk, TooMany) as problem:
            form.add_error(None, str(problem))
        else:
            return redirect("frontdesk:what", found.pk)
    return render(request, "frontdesk/find.html", {"form": form})


def patient_of(request: HttpRequest, patient: UUID) -> Patient:
    """Return whom this desk may book for: found by documents today, or a patient of the place. Raises Http404."""
    found = lists.seen_at(request.desks, patient) or finding.found_lately(request.user, patient)
    if found is None:
        raise Http404
    reach.name([found], to=request.user, because="visits")
    return found


@require_GET
@desk_only
def what(request: HttpRequest, patient: UUID) -> HttpResponse:
    """With whom, and for what: what the desk's own institutions offer."""
    found = patient_of(request, patient)
    words = request.GET.get("words", "").strip()[:100]
    offered = [one for desk in sorted(request.desks) for one in lists.bookable(words, clock.now(), institution=desk)]
    lines = [{"name": one.name, "where": visit_times.where(one.schedule), "one": one} for one in offered]
    return render(request, "frontdesk/what.html", {"patient": found, "words": words, "lines": lines})


def _bookable(request: HttpRequest, schedule: UUID, kind: UUID):
    found = lists.one_bookable(schedule, kind, clock.now())
    if found is None or found[0].institution_id not in request.desks:
        raise Http404
    return found


@require_http_methods(["GET", "POST"])
@desk_only
def when(request: HttpRequest, patient: UUID, schedule: UUID, kind: UUID) -> HttpResponse:
    """When; pressing a time books it or, where the patient is not there to agree, proposes it."""
    whom, (where, what) = patient_of(request, patient), _bookable(request, schedule, kind)
    if request.method == "POST" and (made := _make(request, whom, where, what)):
        return redirect("frontdesk:visit", made.pk)
    at = clock.now()
    first = visit_times.day(request.GET.get("from", ""))
    days, after = lists.free_days(where, what, first=first or timezone.localdate(at), at=at, days=DAYS)
    context = {
        "patient": whom,
        "with_whom": where.timetable.clinician.full_name,
        "where": visit_times.where(where),
        "kind": what,
        "zone": where.time_zone,
        "days": visit_times.day_lines(days),
        "after": after,
        "once": uuid4(),
    }
    return render(request, "frontdesk/when.html", context)


def _once(request: HttpRequest) -> UUID | None:
    try:
        return UUID(request.POST.get("once", ""))
    except ValueError:
        return None


def _make(request: HttpRequest, whom: Patient, where, what):
    starts, once = visit_times.moment(request.POST.get("starts", "")), _once(request)
    if starts is None or once is None:
        messages.warning(request, _("Choose one of the times."))
        return None
    make = booking.propose if "propose" in request.POST else booking.book
    try:
        hold = booking.hold(where, what, starts, by=request.user, once=once)
        made = make(hold, patient=whom, by=request.user, once=once)
    except (NotFree, NotPossible) as problem:
        messages.warning(request, str(problem))
        return None
    messages.success(request, _("Noted. The patient is told."))
    return made
