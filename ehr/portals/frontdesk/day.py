"""The desk's day: who comes when to whom, who is waiting, what is still to be answered. No clinical text is here."""

from datetime import timedelta
from uuid import UUID, uuid4

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from appointments import booking, lists, payments
from appointments.booking import REASONS
from appointments.insurance import asking, steps
from appointments.models import Appointment, Payment
from appointments.payments import ledger, staff
from appointments.refusals import NotPossible
from appointments.rules import Who
from consent import reach
from ehr import clock
from ehr.frame import visit_acts, visit_times
from ehr.frame.roles import desk_only

# What the desk may say a visit was called off for.
_BECAUSE = ("cannot-come", "another-time", "not-needed", "elsewhere", "clinician-away", "place-closed", "not-said")


@require_GET
@desk_only
def day(request: HttpRequest) -> HttpResponse:
    """All visits of one day at the institutions one works for. That names were seen is on each patient's list."""
    at, rows = clock.now(), lists.at_institutions(request.desks)
    asked = visit_times.day(request.GET.get("day", ""))
    on = asked or lists.today(rows, at, elsewhere=timezone.localdate(at))
    found = lists.of_day(rows, on)
    disputes = list(lists.open_disputes(request.desks))
    named = [one.patient for one in found] + [one.change.appointment.patient for one in disputes]
    reach.name(named, to=request.user, because="visits")
    context = {
        "on": on,
        "before": on - timedelta(days=1),
        "after": on + timedelta(days=1),
        "rows": [visit_acts.row(one, who=Who.DESK, user=request.user, at=at) for one in found],
        "short": visit_acts.SHORT,
        "disputes": [
            {
                "id": one.pk,
                "patient": one.change.appointment.patient.name,
                "when": _when(one.change.appointment),
                "reason": one.get_reason_display(),
            }
            for one in disputes
        ],
    }
    return render(request, "frontdesk/day.html", context)


def _when(one: Appointment) -> str:
    return visit_times.when(one.starts, one.ends, one.time_zone)


def visit_of(request: HttpRequest, visit: UUID) -> Appointment:
    """Return a visit at one's own institutions. Raises Http404 for every other."""
    found = lists.one_at(request.desks, visit)
    if found is None:
        raise Http404
    return found


@require_GET
@desk_only
def visit(request: HttpRequest, visit: UUID) -> HttpResponse:
    """One visit: how it stands, what is paid, what the payer said, and what can be done."""
    one, at = visit_of(request, visit), clock.now()
    reach.name([one.patient], to=request.user, because="visits")
    check = asking.latest(one)
    invoice = payments.invoice_of(one)
    due = ledger.position(invoice).to_pay if invoice else 0
    context = {
        "row": visit_acts.row(one, who=Who.DESK, user=request.user, at=at),
        "one": one,
        "when": _when(one),
        "where": visit_times.where(one.schedule),
        "because": [(code, REASONS[code]) for code in _BECAUSE],
        "step": steps.of_check(check) if check else None,
        "invoice": invoice,
        "price": visit_times.money(one.price, one.currency) if one.price else "",
        "due": due,
        "to_pay": visit_times.money(due, one.currency) if invoice else "",
        "once": uuid4(),
        "means": Payment.Means.choices,
    }
    return render(request, "frontdesk/visit.html", context)


@require_POST
@desk_only
def act(request: HttpRequest, visit: UUID, press: str) -> HttpResponse:
    """Press one of the buttons."""
    one = visit_of(request, visit)
    visit_acts.do(request, one, press)
    if "list" in request.POST:
        on = visit_times.local(one.starts, one.time_zone).date()
        return redirect(f"{reverse('frontdesk:day')}?day={on.isoformat()}")
    return redirect("frontdesk:visit", visit)


@require_POST
@desk_only
def paid(request: HttpRequest, visit: UUID) -> HttpResponse:
    """Write down that all that is still to be paid was paid over the desk. The same form sent twice is one payment."""
    one = visit_of(request, visit)
    invoice, means = payments.invoice_of(one), request.POST.get("means", "")
    if invoice is None or means not in Payment.Means.values:
        raise Http404
    try:
        to_pay, once = int(request.POST.get("amount", "")), UUID(request.POST.get("once", ""))
        staff.pay_at_desk(invoice, amount=to_pay, means=means, by=request.user, once=once)
    except ValueError:
        messages.warning(request, _("Nothing was noted. Look at the bill again."))
    except NotPossible as problem:
        messages.warning(request, str(problem))
    except payments.Unbalanced:
        messages.warning(request, _("This bill does not add up, so nothing was done. Tell whoever runs this system."))
    else:
        messages.success(request, _("Paid. The patient has a receipt."))
    return redirect("frontdesk:visit", visit)


@require_POST
@desk_only
def answer(request: HttpRequest, dispute: UUID) -> HttpResponse:
    """Answer a patient who says that they came: they did, nothing is owed, or it stands."""
    found = lists.open_disputes(request.desks).filter(pk=dispute).first()
    if found is None:
        raise Http404
    told = request.POST.get("answer", "")
    if told not in {"seen", "lift", "uphold"}:
        raise Http404
    try:
        booking.answer_dispute(found, by=request.user, lift=told != "uphold", seen=told == "seen")
    except NotPossible as problem:
        messages.warning(request, str(problem))
    else:
        messages.success(request, _("Answered. The patient is told."))
    return redirect("frontdesk:day")
