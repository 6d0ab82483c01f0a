"""Bills and receipts: what visits cost, what was paid and given back, paying by card. Not what a visit was for."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from appointments.payments import bills, paying
from appointments.refusals import NotPossible
from ehr.frame.roles import patient_only
from ehr.rights import receipts


@require_GET
@patient_only
def listed(request: HttpRequest) -> HttpResponse:
    """All bills, newest visit first."""
    return render(request, "patient/money.html", {"bills": bills.of_patient(request.patient)})


@require_GET
@patient_only
def bill(request: HttpRequest, invoice: UUID) -> HttpResponse:
    """One bill: what is owed and why, all that happened to it, and its receipts."""
    found = bills.one(request.patient, invoice)
    if found is None:
        raise Http404
    return render(request, "patient/bill.html", {"bill": found})


@require_POST
@patient_only
def pay(request: HttpRequest, invoice: UUID) -> HttpResponse:
    """Have a page made on which to pay, and show the way there: the card number is typed there and never here."""
    found = bills.invoice(request.patient, invoice)
    if found is None:
        raise Http404
    here = reverse("patient:bill", args=[found.pk])
    try:
        address = paying.begin(found, by=request.user, back_to=request.build_absolute_uri(here))
    except NotPossible as because:
        messages.warning(request, str(because))
        return redirect(here)
    return render(request, "patient/bill_pay.html", {"address": address, "bill": bills.one(request.patient, found.pk)})


@require_GET
@patient_only
def receipt(request: HttpRequest, invoice: UUID, number: int) -> HttpResponse:
    """One receipt, to read or to print."""
    found = bills.receipt(request.patient, invoice, number)
    if found is None:
        raise Http404
    bill, one = found
    return render(request, "patient/receipt.html", {"bill": bill, "receipt": one, "place": number})


@require_GET
@patient_only
def receipt_file(request: HttpRequest, invoice: UUID, number: int) -> HttpResponse:
    """One receipt as a PDF, to keep."""
    found = bills.receipt(request.patient, invoice, number)
    if found is None:
        raise Http404
    response = HttpResponse(receipts.paper(*found, name=request.patient.name), content_type="application/pdf")
    response["Content-Disposition"] = 'attachment; filename="receipt.pdf"'
    return response
