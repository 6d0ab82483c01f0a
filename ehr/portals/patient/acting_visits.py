"""Visits of somebody for whom one acts: what is ahead and what was, and one visit with what may be done about it.

Whoever sees them without the right to book sees no button. Of visits that are kept from them there is no page.
"""

from datetime import datetime
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from appointments import booking, delegates, lists, rules, visiting
from appointments.models import Appointment, Status
from appointments.payments import policy
from appointments.refusals import NotPossible, NotTheirs
from consent.access import AccessDenied
from consent.access.acting import Acting
from consent.acting import Right
from ehr import clock
from ehr.frame import categories, paging, visit_acts, visit_times
from ehr.frame.acting import with_right
from ehr.frame.roles import unlocked
from ehr.portals.patient import drafts, visit_words
from ehr.portals.patient.sharing_forms import ConfirmForm
from ehr.portals.patient.visit_forms import CancelForm
from ehr.portals.patient.visits import access_draft

ACCESS = "visit-access-for-somebody"
# How a visit stands, in words that are about somebody else.
STATES = visit_acts.STATES | {Status.ARRIVED: (gettext_lazy("They are there"), "")}


def worded(one: Appointment) -> visit_words.Visit:
    """Return a visit in words about somebody else."""
    return visit_words.visit(one, states=STATES)


@require_GET
@with_right(Right.APPOINTMENTS)
def acting_visits(request: HttpRequest) -> HttpResponse:
    """What is ahead, and what was. That one looked is on the patient's list."""
    now, at = request.acting, clock.now()
    rows = delegates.look(now)
    page = paging.page(request, delegates.past(rows, at), size=20)
    context = {
        "acting": now,
        "books": Right.BOOK in now.rights,
        "ahead": [worded(one) for one in delegates.upcoming(rows, at)],
        "page": page,
        "past": [worded(one) for one in page],
    }
    return render(request, "patient/acting_visits.html", context)


def visit_of(request: HttpRequest, visit: UUID) -> Appointment:
    """Return a visit of whom one acts for, looked at. Raises Http404 for what is none, or is kept from one."""
    found = delegates.one_of(request.acting, visit)
    if found is None:
        raise Http404
    return found


@require_GET
@with_right(Right.APPOINTMENTS)
def acting_visit(request: HttpRequest, visit: UUID) -> HttpResponse:
    """One visit: when, where, how it stands, what it costs them, and what may be done about it now."""
    now, at, one = request.acting, clock.now(), visit_of(request, visit)
    books = Right.BOOK in now.rights
    context = {
        "acting": now,
        "books": books,
        "visit": worded(one),
        "one": one,
        "ahead": books and one.status in rules.AHEAD and one.starts > at,
        "terms": visit_words.terms(one.price, one.currency, one.policy),
        "access": visiting.offered_by(now, one, at),
        "given": _given(now, one),
        "undo": books and booking.undoable(one, by=request.user, who=rules.Who.PATIENT, at=at),
    }
    return render(request, "patient/acting_visit.html", context)


def _given(now: Acting, one: Appointment):
    """Return the permission that came with a visit where one gave it oneself; others' are the patient's to see."""
    found = visiting.standing(one)
    return found if found and found.delegation_id == now.delegation.pk else None


def tell(request: HttpRequest, problem: NotPossible) -> None:
    """Say why something is not possible. Raises Http404 where there is no such visit for who asked."""
    if isinstance(problem, NotTheirs):
        raise Http404
    messages.warning(request, str(problem))


@require_http_methods(["GET", "POST"])
@with_right(Right.BOOK)
def acting_visit_cancel(request: HttpRequest, visit: UUID) -> HttpResponse:
    """What cancelling costs them now, and the button."""
    one = visit_of(request, visit)
    form = CancelForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            booking.cancel(one, by=request.user, because=form.cleaned_data["because"])
            messages.success(request, _("The visit is cancelled. %(name)s is told.") % _name(request))
        except NotPossible as problem:
            tell(request, problem)
        return redirect("patient:acting-visit", visit)
    if one.status not in rules.AHEAD:
        return redirect("patient:acting-visit", visit)
    owed = policy.cost_of_cancelling(one, clock.now())
    costs = visit_times.cancelling_costs(owed, one.price, one.currency) if owed else _("It costs nothing.")
    context = {"acting": request.acting, "visit": worded(one), "form": form, "costs": costs}
    return render(request, "patient/acting_visit_cancel.html", context)


def _name(request: HttpRequest) -> dict[str, str]:
    return {"name": request.acting.patient.name}


@require_POST
@with_right(Right.BOOK)
def acting_visit_accept(request: HttpRequest, visit: UUID) -> HttpResponse:
    """Agree, for them, to a time that was proposed."""
    try:
        booking.accept(visit_of(request, visit), by=request.user)
        messages.success(request, _("The visit is booked. %(name)s is told.") % _name(request))
    except NotPossible as problem:
        tell(request, problem)
    return redirect("patient:acting-visit", visit)


@require_POST
@with_right(Right.BOOK)
def acting_visit_undo(request: HttpRequest, visit: UUID) -> HttpResponse:
    """Take back what one did with a visit oneself."""
    last = lists.latest_change(visit_of(request, visit))
    if last is None:
        raise Http404
    try:
        booking.undo(last, by=request.user, because="wrong-button")
        messages.success(request, _("It is as it was before."))
    except NotPossible as problem:
        tell(request, problem)
    return redirect("patient:acting-visit", visit)


@require_http_methods(["GET", "POST"])
@with_right(Right.SHARE)
@with_right(Right.APPOINTMENTS)
@unlocked
def acting_visit_access(request: HttpRequest, visit: UUID) -> HttpResponse:
    """One sentence that lets the clinician see what the visit needs, of what one may share for them, in its days."""
    now, at = request.acting, clock.now()
    one = visit_of(request, visit)
    found = visiting.offered_by(now, one, at)
    if found is None:
        return redirect("patient:acting-visit", visit)
    once, read_at = access_draft(request, visit, at, kind=ACCESS)
    sensitive = [part for part in found.sensitive if part in request.GET.getlist("with")]
    chosen = [*found.ordinary, *sensitive]
    if not chosen:
        chosen = sensitive = list(found.sensitive[:1])
    try:
        proposed = visiting.proposal_by(now, one, chosen, at=read_at)
        sent = request.POST if request.method == "POST" else None
        form = ConfirmForm.about(proposed, sent, name=one.timetable.clinician.full_name)
        if form.is_valid():
            _let_in(request, one, proposed, once, read_at)
            return redirect("patient:acting-visit", visit)
    except (visiting.CannotGive, AccessDenied) as problem:
        messages.warning(request, str(problem))
        return redirect("patient:acting-visit", visit)
    context = {
        "acting": now,
        "visit": worded(one),
        "form": form,
        "sentence": proposed.sentence,
        "chosen": sensitive,
        "more": [(part, categories.about(part).name) for part in found.sensitive if part not in sensitive],
    }
    return render(request, "patient/acting_visit_access.html", context)


def _let_in(request: HttpRequest, one: Appointment, proposed, once: UUID, read_at: datetime) -> None:
    visiting.give_by(
        request.acting,
        one,
        proposed.categories,
        keyring=request.keyring,
        once=once,
        sentence=proposed.sentence,
        at=read_at,
    )
    drafts.forget(request, one.pk)
    words = _("They can see it in the days of the visit. It ends by itself. %(name)s is told.")
    messages.success(request, words % _name(request))
