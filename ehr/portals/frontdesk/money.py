"""Money at the desk: what waits for somebody, and one bill with all that can be done about it."""

from collections.abc import Callable
from uuid import UUID, uuid4

from django.contrib import messages
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from appointments.models import Invoice, Payment
from appointments.payments import Unbalanced, staff, stuck, worklist
from appointments.payments.bills import WHY
from appointments.refusals import NotPossible, NotTheirs
from consent import reach
from ehr.frame import visit_times
from ehr.frame.roles import desk_only
from ehr.portals.frontdesk.money_forms import AmountForm, BackForm, LessForm, LetGoForm, PaidForm


@require_GET
@desk_only
def listed(request: HttpRequest) -> HttpResponse:
    """What is to be done with money at the institutions one works for. That names were seen is on each list."""
    work = worklist.of_desks(request.desks)
    bills = [*work.stuck, *(one for one, _ in work.waiting + work.to_hand_back + work.unpaid)]
    reach.name([one.appointment.patient for one in bills], to=request.user, because="visits")
    sections = [
        (gettext_lazy("Refused for good"), [_row(one, "") for one in work.stuck]),
        (gettext_lazy("Less was asked for, a second person has to agree"), [_row(*one) for one in work.waiting]),
        (gettext_lazy("To be given back here"), [_row(*one) for one in work.to_hand_back]),
        (gettext_lazy("Not paid after the visit"), [_row(*one) for one in work.unpaid]),
    ]
    return render(request, "frontdesk/money.html", {"sections": [one for one in sections if one[1]]})


def _row(invoice: Invoice, amount: str) -> dict[str, object]:
    visit = invoice.appointment
    when = visit_times.when(visit.starts, visit.ends, visit.time_zone)
    return {"id": invoice.pk, "number": invoice.number, "patient": visit.patient.name, "when": when, "amount": amount}


def _bill_of(request: HttpRequest, invoice: UUID) -> Invoice:
    """Return a bill at one's own institutions. Raises Http404 for every other."""
    found = worklist.one(request.desks, invoice)
    if found is None:
        raise Http404
    return found


@require_GET
@desk_only
def bill(request: HttpRequest, invoice: UUID) -> HttpResponse:
    """One bill: how it stands and why, what can be done about it, and all that happened."""
    return _shown(request, _bill_of(request, invoice))


def _shown(request: HttpRequest, found: Invoice, typed: dict[str, Form] | None = None) -> HttpResponse:
    reach.name([found.appointment.patient], to=request.user, because="visits")
    case, visit = worklist.case(found, reader=request.user), found.appointment
    forms = _forms(case)
    for name, form in (typed or {}).items():
        if name in forms:
            form.fields["amount"].help_text = forms[name].fields["amount"].help_text
        forms[name] = form
    context = {
        "case": case,
        "invoice": found,
        "state": found.get_state_display(),
        "why": WHY[found.ground],
        "patient": visit.patient,
        "when": visit_times.when(visit.starts, visit.ends, visit.time_zone),
        "facts": [
            (words, case.words(amount))
            for words, amount, always in (
                (_("Price"), found.amount, True),
                (_("Owed as things stand"), case.here.due, True),
                (_("Paid until now"), case.here.held, True),
                (_("Handed over, on its way to be kept until the visit"), case.here.handed, False),
                (_("Set aside, not taken"), case.here.reserved, False),
                (_("Still to be paid"), case.to_pay, False),
                (_("To be given back here"), case.by_hand, False),
            )
            if always or amount
        ],
        "forms": forms,
        "alone": case.words(case.alone),
        "rows": [
            (one, LetGoForm(prefix=f"go{number}") if one.may_be_let_go else None)
            for number, one in enumerate(case.payments)
        ],
    }
    return render(request, "frontdesk/bill.html", context)


def _forms(case: worklist.Case) -> dict[str, AmountForm]:
    """Return the forms of what can be done now, by name."""
    found = {}
    for name, (form, most) in {
        "paid": (PaidForm, case.to_pay),
        "back": (BackForm, case.by_hand),
        "less": (LessForm, case.most_less),
    }.items():
        if most:
            more = {"currency": case.invoice.currency, "most": most, "prefix": name}
            found[name] = form(initial={"once": uuid4()}, **more)
    return found


# --- What is pressed -------------------------------------------------------------------------------
def _paid(invoice: Invoice, form, by) -> None:
    means = form.cleaned_data["means"]
    staff.pay_at_desk(invoice, amount=form.smallest(), means=means, by=by, once=form.cleaned_data["once"])


def _back(invoice: Invoice, form, by) -> None:
    staff.hand_back(invoice, amount=form.smallest(), by=by, once=form.cleaned_data["once"])


def _less(invoice: Invoice, form, by) -> None:
    because = form.cleaned_data["because"]
    staff.concede(invoice, amount=form.smallest(), because=because, by=by, once=form.cleaned_data["once"])


_TYPED: dict[str, tuple[type[AmountForm], Callable, str | Promise]] = {
    "paid": (PaidForm, _paid, gettext_lazy("Paid. The patient has a receipt.")),
    "back": (BackForm, _back, gettext_lazy("Noted as given back. The patient is told.")),
    "less": (LessForm, _less, gettext_lazy("Noted. Below the limit it counts now; above it somebody else agrees.")),
}
_WITH_PAYMENT = {
    "take-up": (stuck.take_up, gettext_lazy("Taken back. The payment goes on by itself.")),
    "mistaken": (staff.mistaken, gettext_lazy("Taken back. The patient is told that it was noted by mistake.")),
}
_WITH_LESS = {
    "agree": (staff.agree, gettext_lazy("Agreed. That much is no longer asked for, and the patient is told.")),
    "decline": (staff.decline, gettext_lazy("Declined. The bill stays as it is.")),
    "take-back": (staff.take_back, gettext_lazy("Taken back. The bill is as before, and the patient is told.")),
}


@require_POST
@desk_only
def typed(request: HttpRequest, invoice: UUID, press: str) -> HttpResponse:
    """Take a payment, give money back, ask for less, or have what was refused tried again."""
    found = _bill_of(request, invoice)
    if press == "again":
        return _done(request, found, _("It is tried once more. Look again in a minute."), _again)
    if press not in _TYPED:
        raise Http404
    kind, act, said = _TYPED[press]
    form = kind(request.POST, prefix=press, currency=found.currency, most=found.amount)
    if not form.is_valid():
        return _shown(request, found, {press: form})
    return _done(request, found, said, lambda invoice, by: act(invoice, form, by))


def _again(invoice: Invoice, by) -> None:
    stuck.try_again(invoice, by=by)


@require_POST
@desk_only
def pressed(request: HttpRequest, invoice: UUID, press: str, row: UUID) -> HttpResponse:
    """Do something with one payment, or with one asking for less, of a bill."""
    found = _bill_of(request, invoice)
    if press == "let-go":
        said = _("From now on the desk finishes this payment. Look what is open.")
        because = next((value for name, value in request.POST.items() if name.endswith("because")), "")
        if because not in Payment.LetGo.values:
            raise Http404
        payment = _of(found.payments, row)
        return _done(request, found, said, lambda _invoice, by: stuck.let_go(payment, because=because, by=by))
    if press not in _WITH_PAYMENT | _WITH_LESS:
        raise Http404
    act, said = (_WITH_PAYMENT | _WITH_LESS)[press]
    about = _of(found.payments if press in _WITH_PAYMENT else found.concessions, row)
    return _done(request, found, said, lambda _invoice, by: act(about, by=by))


def _of(rows, row: UUID):
    found = rows.filter(pk=row).first()
    if found is None:
        raise Http404
    return found


def _done(request: HttpRequest, found: Invoice, said: object, act: Callable) -> HttpResponse:
    """Do it, say what came of it, and show the bill as it stands then."""
    try:
        act(found, request.user)
    except NotTheirs:
        raise Http404 from None
    except NotPossible as problem:
        messages.warning(request, str(problem))
    except Unbalanced:
        messages.warning(request, _("This bill does not add up, so nothing was done. Tell whoever runs this system."))
    else:
        messages.success(request, str(said))
    return redirect("frontdesk:bill", found.pk)
