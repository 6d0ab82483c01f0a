"""Money at the front desk in a real Chromium: each width, axe, nothing that runs off the page."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from django.urls import reverse

from appointments import payments
from appointments.models import Invoice, Movement, Payment
from appointments.payments import staff
from ehr import clock
from providers.roles import Role
from tests import people
from tests.appointments import money
from tests.browser.conftest import HOST, Answers
from tests.clinician.conftest import browser_of

pytestmark = [pytest.mark.browser, pytest.mark.django_db]


def refused(invoice):
    """Have a card charged, and what is to go back to it refused for good."""
    payment = Payment.objects.create(invoice=invoice, number=1, way="stripe", amount=invoice.amount, reference="cs_1")
    for kind in ("authorised", "captured"):
        Movement.objects.create(invoice=invoice, payment=payment, kind=kind, amount=invoice.amount, key=kind)
    payments.on_cancelled(invoice.appointment)
    Invoice.objects.filter(pk=invoice.pk).update(stuck_at=clock.now())


@pytest.fixture
def pages(db, settings):
    """Return what waits at a desk, and a bill of each kind: stuck, to be handed back, unpaid, waiting for a second."""
    settings.SITE_URL = HOST
    settings.PAYMENTS = replace(settings.PAYMENTS, alone=1_000)
    people.prepare_ground()
    ana = people.patient("Ana Margarida Conceição da Costa")
    bills = []
    for days in (3, 4, -5, 6):
        visit = money.visit(patient=ana, starts=clock.now() + timedelta(days=days), price=123_456)
        bills.append(payments.open_invoice(visit))
    stuck, back, _unpaid, less = bills
    clerk = people.clinician("Rosa Diaz", role=Role.FRONT_DESK, place=stuck.institution)
    refused(stuck)
    staff.pay_at_desk(back, amount=back.amount, means="cash", by=clerk.user, once=uuid4())
    payments.on_cancelled(back.appointment)
    staff.pay_at_desk(less, amount=23_456, means="card", by=clerk.user, once=uuid4())
    staff.concede(less, amount=50_000, because="goodwill", by=clerk.user, once=uuid4())
    staff.concede(less, amount=600, because="our-fault", by=clerk.user, once=uuid4())
    browser = Answers(browser_of(clerk))
    browser.get(reverse("frontdesk:money"))
    for bill in bills:
        browser.get(reverse("frontdesk:bill", args=[bill.pk]))
    wrong = {"paid-amount": "12,x", "paid-means": "cash", "paid-once": str(uuid4())}
    browser.post(reverse("frontdesk:bill-typed", args=[less.pk, "paid"]), wrong, "")
    return browser.answers


def test_the_desks_pages_about_money_read_well_at_each_width(pages, open_window):
    window = open_window(pages)
    wrong = []
    for path in pages:
        for width in (1200, 390, 320):
            seen = window.show(path, width=width, axe=width != 320)
            wrong += seen.complaints + seen.violations
            wrong += [f"{path} is wider than {width}"] if seen.too_wide > 0 else []
    assert wrong == []
