"""Money at the front desk: what waits for somebody, one bill, and every button on it."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from django.urls import reverse

from appointments import booking, payments
from appointments.models import Concession, Invoice, Movement, Payment
from appointments.payments import ledger
from audit.queries import story
from ehr import clock
from ehr.notices.models import Notice
from patients.models import Patient
from providers.roles import Role
from tests import people
from tests.appointments import money
from tests.clinician.conftest import browser_of

pytestmark = pytest.mark.django_db
Kind = Movement.Kind


@pytest.fixture
def visit(ana, schedule):
    return money.visit(patient=ana, schedule=schedule, starts=clock.now() + timedelta(days=5))


@pytest.fixture
def invoice(visit):
    return payments.open_invoice(visit)


@pytest.fixture
def desk(dee):
    return browser_of(dee)


@pytest.fixture
def other(ground):
    return browser_of(people.clinician("Omar Said", role=Role.FRONT_DESK))


def page(browser, invoice):
    return browser.get(reverse("frontdesk:bill", args=[invoice.pk]))


def press(browser, invoice, name, row=None, **told):
    """Press a button as the page has it: with the hidden words of its form."""
    if row is not None:
        return browser.post(reverse("frontdesk:bill-pressed", args=[invoice.pk, name, row]), told)
    words = re.findall(rf'name="{name}-once" value="([^"]+)"', page(browser, invoice).content.decode())
    told = {f"{name}-{key}": value for key, value in told.items()} | {f"{name}-once": words[0]} if words else told
    return browser.post(reverse("frontdesk:bill-typed", args=[invoice.pk, name]), told)


def here(invoice):
    return ledger.check(Invoice.objects.get(pk=invoice.pk))


def listed(browser) -> str:
    return browser.get(reverse("frontdesk:money")).content.decode()


def test_part_of_a_bill_is_paid_as_people_write_amounts(desk, invoice):
    press(desk, invoice, "paid", amount="40.50", means="cash")
    assert (here(invoice).held, here(invoice).to_pay) == (4_050, 5_950)


def test_the_same_form_twice_is_one_payment(desk, invoice):
    once = re.findall(r'name="paid-once" value="([^"]+)"', page(desk, invoice).content.decode())[0]
    told = {"paid-amount": "40.00", "paid-means": "cash", "paid-once": once}
    for _ in range(2):
        desk.post(reverse("frontdesk:bill-typed", args=[invoice.pk, "paid"]), told)
    assert Payment.objects.count() == 1


@pytest.mark.parametrize("amount", ["", "x", "-1", "0", "100.01", "1.005", "1e3", "NaN", "99999999999999"])
def test_what_is_no_amount_is_asked_for_again(desk, invoice, amount):
    answer = press(desk, invoice, "paid", amount=amount, means="cash")
    assert answer.status_code in {200, 302}
    assert not Payment.objects.exists()


def test_what_is_too_much_is_given_back_here_and_the_list_says_so(desk, invoice, visit, ana):
    press(desk, invoice, "paid", amount="100.00", means="cash")
    assert "Ana Costa" not in listed(desk)
    payments.on_cancelled(visit)
    assert "To be given back here" in listed(desk)
    press(desk, invoice, "back", amount="100.00")
    assert here(invoice).held == 0
    assert "Ana Costa" not in listed(desk)
    assert Notice.objects.filter(kind="payment-returned", user=ana.user).count() == 1


def test_less_is_asked_with_a_reason_that_the_patient_reads(desk, invoice, ana):
    press(desk, invoice, "less", amount="30.00", because="our-fault")
    assert here(invoice).due == 7_000
    assert Notice.objects.filter(kind="payment-waived", user=ana.user).exists()
    bill = browser_of(ana).get(reverse("patient:bill", args=[invoice.pk])).content.decode()
    assert "something went wrong on our side" in bill
    assert "payment.waived" in [line.action for line in story(ana.patient.pk, limit=9)]


def test_less_is_asked_back_again_within_a_day(desk, invoice):
    press(desk, invoice, "less", amount="30.00", because="goodwill")
    press(desk, invoice, "take-back", Concession.objects.get().pk)
    assert here(invoice).due == 10_000


@pytest.mark.security
def test_much_less_takes_somebody_else(desk, other, invoice, settings):
    settings.PAYMENTS = replace(settings.PAYMENTS, alone=1_000)
    press(desk, invoice, "less", amount="30.00", because="goodwill")
    made = Concession.objects.get()
    assert "Agree" not in page(desk, invoice).content.decode()
    press(desk, invoice, "agree", made.pk)
    assert here(invoice).due == 10_000
    assert "second person has to agree" in listed(other)
    press(other, invoice, "agree", made.pk)
    assert here(invoice).due == 7_000


def test_a_payment_that_was_noted_by_mistake_is_taken_back(desk, invoice, ana):
    press(desk, invoice, "paid", amount="100.00", means="cash")
    press(desk, invoice, "mistaken", Payment.objects.get().pk)
    assert here(invoice).to_pay == 10_000
    patient = browser_of(ana)
    assert "noted by mistake" in patient.get(reverse("patient:bill", args=[invoice.pk])).content.decode()
    assert patient.get(reverse("patient:receipt", args=[invoice.pk, 1])).status_code == 404


@pytest.fixture
def refused(invoice):
    """A card was charged; what is to go back to it is refused for good."""
    payment = Payment.objects.create(invoice=invoice, number=1, way="stripe", amount=10_000, reference="cs_1")
    for kind in (Kind.AUTHORISED, Kind.CAPTURED):
        Movement.objects.create(invoice=invoice, payment=payment, kind=kind, amount=10_000, key=f"{kind}")
    Invoice.objects.filter(pk=invoice.pk).update(stuck_at=clock.now())
    payments.on_cancelled(invoice.appointment)
    return payment


def test_what_was_refused_is_on_the_list_and_finished_here(desk, invoice, refused, ana):
    assert "Refused for good" in listed(desk)
    assert "back-amount" not in page(desk, invoice).content.decode()
    press(desk, invoice, "let-go", refused.pk, **{"go0-because": "closed"})
    assert "Refused for good" not in listed(desk)
    press(desk, invoice, "back", amount="100.00")
    assert (here(invoice).held, here(invoice).excess) == (0, 0)
    bill = browser_of(ana).get(reverse("patient:bill", args=[invoice.pk])).content.decode()
    assert "Given back to you another way" in bill
    assert "takes nothing back any more" in bill
    assert Notice.objects.filter(kind="payment-another-way", user=ana.user).exists()


def test_letting_go_is_taken_back_and_tried_again(desk, invoice, refused):
    press(desk, invoice, "let-go", refused.pk, **{"go0-because": "refused"})
    press(desk, invoice, "take-up", refused.pk)
    refused.refresh_from_db()
    assert refused.let_go_at is None
    Invoice.objects.filter(pk=invoice.pk).update(stuck_at=clock.now())
    press(desk, invoice, "again")
    assert Invoice.objects.get().stuck_at is None


@pytest.mark.parametrize("told", [{}, {"go0-because": "because"}])
def test_without_a_reason_nothing_is_let_go(desk, invoice, refused, told):
    assert press(desk, invoice, "let-go", refused.pk, **told).status_code == 404
    refused.refresh_from_db()
    assert refused.let_go_at is None


@pytest.mark.security
@pytest.mark.parametrize("who", ["noah", "ana", "lee"])
def test_nobody_else_has_these_pages(request, who, invoice, refused):
    stranger = browser_of(request.getfixturevalue(who))
    assert page(stranger, invoice).status_code == 404
    assert stranger.post(reverse("frontdesk:bill-typed", args=[invoice.pk, "again"])).status_code == 404
    assert press(stranger, invoice, "let-go", refused.pk, **{"go0-because": "closed"}).status_code == 404
    if who == "noah":
        assert "Ana Costa" not in listed(stranger)
    else:
        assert stranger.get(reverse("frontdesk:money")).status_code == 404


@pytest.mark.security
@pytest.mark.parametrize("name", ["nonsense", "__class__", "agree", "let-go"])
def test_a_button_that_is_none_is_not_there(desk, invoice, name):
    answer = desk.post(reverse("frontdesk:bill-typed", args=[invoice.pk, name]))
    assert answer.status_code == 404
    assert press(desk, invoice, name, invoice.pk, because="closed").status_code == 404


@pytest.mark.security
def test_a_payment_of_another_bill_is_not_there(desk, invoice, ana, schedule):
    elsewhere = payments.open_invoice(money.visit(patient=ana, schedule=schedule))
    press(desk, elsewhere, "paid", amount="10.00", means="cash")
    assert press(desk, invoice, "mistaken", Payment.objects.get().pk).status_code == 404


@pytest.mark.security
def test_nobody_does_anything_with_their_own_bill(dee, desk, schedule):
    born = people.LONG_AGO.date()
    own = Patient.objects.create(user=dee.user, name="Dee Dray", birth_date=born, claimed_at=people.LONG_AGO)
    record = people.Person(dee.user, None, own)
    invoice = payments.open_invoice(money.visit(patient=record, schedule=schedule))
    press(desk, invoice, "less", amount="30.00", because="goodwill")
    press(desk, invoice, "paid", amount="30.00", means="cash")
    assert (here(invoice).due, here(invoice).held) == (10_000, 0)


def test_that_a_bill_was_looked_at_is_on_the_patients_list(desk, invoice, ana):
    page(desk, invoice)
    assert ("patient.named", "visits") in [(line.action, line.because) for line in story(ana.patient.pk, limit=9)]


def test_a_bill_that_does_not_add_up_is_shown_and_left_alone(desk, invoice, visit, ana):
    Movement.objects.create(invoice=invoice, kind=Kind.EARNED, amount=5, key="made by hand")
    assert "contradict one another" in page(desk, invoice).content.decode()
    assert desk.get(reverse("frontdesk:visit", args=[visit.pk])).status_code == 200
    assert press(desk, invoice, "again").status_code == 302
    assert browser_of(ana).get(reverse("patient:money")).status_code == 200


def test_why_a_patient_comes_is_on_none_of_these_pages(desk, invoice, visit, ana):
    booking.add_reason(visit, "A rash on my arm", keyring=ana.keyring)
    assert "rash" not in listed(desk) + page(desk, invoice).content.decode()
