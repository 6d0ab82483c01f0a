"""Bills and receipts: a patient sees their own, pays on Stripe's page, and saves receipts that say nothing of why."""

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
from tests.patient.conftest import browser_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def visit(ana):
    return money.visit(patient=ana, starts=clock.now() + timedelta(days=3))


@pytest.fixture
def invoice(visit):
    return payments.open_invoice(visit)


@pytest.fixture
def paid(visit, invoice):
    clerk = people.clinician("Rosa Diaz", role=Role.FRONT_DESK, place=visit.schedule.institution).user
    staff.pay_at_desk(invoice, amount=10_000, means="cash", by=clerk, once=uuid4())
    return invoice


def read(browser, name, *args):
    answer = browser.get(reverse(f"patient:{name}", args=args))
    assert answer.status_code == 200
    return answer.content.decode()


def test_without_a_bill_the_page_says_so(browser):
    assert "There is no bill for you." in read(browser, "money")


def test_the_account_leads_to_the_bills(browser):
    assert reverse("patient:money") in browser.get(reverse("front:account")).content.decode()


def test_a_bill_says_what_is_owed_and_where_to_pay(browser, visit, invoice):
    assert "USD\u00a0100.00" in read(browser, "money")
    shown = read(browser, "bill", invoice.pk)
    assert "Pay at the front desk" in shown
    assert "Still to be paid" in shown
    assert visit.schedule.institution.name in shown


def test_a_receipt_is_read_and_saved(browser, visit, paid):
    assert reverse("patient:receipt", args=[paid.pk, 1]) in read(browser, "bill", paid.pk)
    assert f"Receipt {paid.number}-1" in read(browser, "receipt", paid.pk, 1)
    file = browser.get(reverse("patient:receipt-file", args=[paid.pk, 1]))
    assert file.content.startswith(b"%PDF-")
    assert file.headers["Content-Disposition"] == 'attachment; filename="receipt.pdf"'
    assert browser.get(reverse("patient:receipt", args=[paid.pk, 2])).status_code == 404
    assert browser.get(reverse("patient:receipt", args=[paid.pk, 0])).status_code == 404


@pytest.mark.privacy
def test_no_page_says_what_the_visit_was_for(browser, visit, paid):
    visit.visit_type.name = "Fertility consultation"
    visit.visit_type.save()
    for name, *args in (("money",), ("bill", paid.pk), ("receipt", paid.pk, 1)):
        assert "Fertility" not in read(browser, name, *args)


@pytest.mark.privacy
def test_somebody_else_finds_no_such_bill(ben, paid):
    browser = browser_of(ben)
    for name, *args in (("bill",), ("receipt", 1), ("receipt-file", 1)):
        assert browser.get(reverse(f"patient:{name}", args=[paid.pk, *args])).status_code == 404
    assert browser.post(reverse("patient:bill-pay", args=[paid.pk])).status_code == 404
    assert "There is no bill for you." in read(browser, "money")


def test_what_was_cancelled_late_says_why_and_what_comes_back(browser, visit, paid):
    payments.on_cancelled(visit, visit.starts - timedelta(hours=1))
    shown = read(browser, "bill", paid.pk)
    assert "It was cancelled late." in shown
    assert "USD\u00a050.00" in shown
    assert "The front desk gives this back to you." in shown


def test_a_disputed_fee_says_that_nothing_is_taken(browser, visit, paid):
    payments.on_no_show(visit)
    payments.on_disputed(visit)
    assert "Nothing is taken until somebody has looked at it." in read(browser, "bill", paid.pk)


def test_paying_by_card_leads_to_stripe(browser, ana, settings):
    with stripe_server.running() as server:
        server.stripe = stripe_server.Stripe(now=lambda: clock.now().timestamp())
        settings.PAYMENTS = replace(
            settings.PAYMENTS,
            way="stripe",
            stripe_key=stripe_server.KEY,
            stripe_webhook_secrets=(stripe_server.SECRET,),
            stripe_api=server.url,
        )
        invoice = payments.open_invoice(money.visit(patient=ana, starts=clock.now() + timedelta(days=3)))
        assert "Pay by card" in read(browser, "bill", invoice.pk)
        shown = browser.post(reverse("patient:bill-pay", args=[invoice.pk]))
        assert shown.status_code == 200
        assert 'href="https://checkout.stripe.com/' in shown.content.decode()


def test_a_bill_that_is_not_to_be_paid_by_card_says_so(browser, invoice):
    answer = browser.post(reverse("patient:bill-pay", args=[invoice.pk]), follow=True)
    assert "Ask the front desk." in answer.content.decode()
