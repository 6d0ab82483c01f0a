"""Bills and receipts in a real Chromium: each width, axe, nothing that runs off the page."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from django.urls import reverse

from appointments import payments
from appointments.payments import staff
from ehr import clock
from providers.roles import Role
from tests import people
from tests.appointments import money, stripe_server
from tests.browser.conftest import HOST, Answers
from tests.patient.conftest import browser_of

pytestmark = [pytest.mark.browser, pytest.mark.django_db]


@pytest.fixture
def pages(db, settings):
    """Return the pages of somebody with a bill to pay by card, one paid over the desk, and one cancelled late."""
    settings.SITE_URL = HOST
    people.prepare_ground()
    ana = people.patient("Ana Costa")
    browser = Answers(browser_of(ana))
    with stripe_server.running() as server:
        server.stripe = stripe_server.Stripe(now=lambda: clock.now().timestamp())
        settings.PAYMENTS = replace(
            settings.PAYMENTS,
            way="stripe",
            stripe_key=stripe_server.KEY,
            stripe_webhook_secrets=(stripe_server.SECRET,),
            stripe_api=server.url,
        )
        bills = []
        for days in (3, 10, 17):
            visit = money.visit(patient=ana, starts=clock.now() + timedelta(days=days), price=123_456)
            bills.append(payments.open_invoice(visit))
        for bill in bills[1:]:
            clerk = people.clinician("Rosa Diaz", role=Role.FRONT_DESK, place=bill.institution).user
            staff.pay_at_desk(bill, amount=bill.amount, means="cash", by=clerk, once=uuid4())
        late = bills[2].appointment
        payments.on_cancelled(late, late.starts - timedelta(hours=1))
        browser.get(reverse("patient:money"))
        for bill in bills:
            browser.get(reverse("patient:bill", args=[bill.pk]))
        browser.get(reverse("patient:receipt", args=[bills[1].pk, 1]))
        browser.post(reverse("patient:bill-pay", args=[bills[0].pk]), {}, "")
    return browser.answers


def test_the_pages_about_money_read_well_at_each_width(pages, open_window):
    window = open_window(pages)
    wrong = []
    for path in pages:
        for width in (1200, 390, 320):
            seen = window.show(path, width=width, axe=width != 320)
            wrong += seen.complaints + seen.violations
            wrong += [f"{path} is wider than {width}"] if seen.too_wide > 0 else []
    assert wrong == []
