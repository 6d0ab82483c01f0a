"""The front desk: its day, its buttons, booking for who stands there; and what it never sees."""

import re
from datetime import timedelta

import pytest
import time_machine
from django.urls import reverse

from appointments import booking, payments
from appointments.models import Appointment, Dispute, Payment, Status
from audit.queries import story
from consent.models import Grant
from ehr import clock
from tests import people
from tests.appointments import clinics
from tests.clinician.conftest import browser_of
from tests.frontdesk.conftest import HEALTH_CARD

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk(dee):
    return browser_of(dee)


def time_of(desk, ana, schedule, kind, number=0) -> tuple[str, str]:
    """Return a free time and the page's token, as the desk sees them."""
    page = desk.get(reverse("frontdesk:when", args=[ana.patient.pk, schedule.pk, kind.pk])).content.decode()
    starts = re.findall(r'name="starts" value="([^"]+)"', page)[number]
    return starts, re.findall(r'name="once" value="([^"]+)"', page)[0]


def find(desk, **other):
    told = {"name": "Ana Costa", "birth_date": "1984-05-03", "system": HEALTH_CARD, "number": "4711-0815"} | other
    return desk.post(reverse("frontdesk:find"), told)


def book(desk, ana, schedule, kind, **more) -> Appointment:
    find(desk)
    starts, once = time_of(desk, ana, schedule, kind)
    desk.post(
        reverse("frontdesk:when", args=[ana.patient.pk, schedule.pk, kind.pk]), {"starts": starts, "once": once} | more
    )
    return Appointment.objects.get(pk=once)


def press(desk, visit, act, **more):
    return desk.post(reverse("frontdesk:act", args=[visit.pk, act]), more)


def day_of(desk, visit) -> str:
    return desk.get(reverse("frontdesk:day"), {"day": visit.starts.date().isoformat()}).content.decode()


def test_who_stands_at_the_desk_is_found_by_three_things_exactly(desk, ana):
    assert find(desk).status_code == 302
    assert "exactly these three" in find(desk, number="4712-0815").content.decode()


def test_that_they_were_found_is_on_their_list(desk, ana):
    find(desk)
    assert "patient.found" in [line.action for line in story(ana.patient.pk, limit=9)]


def test_a_patient_whom_the_desk_did_not_find_is_not_there(desk, ana, schedule, kind):
    assert desk.get(reverse("frontdesk:what", args=[ana.patient.pk])).status_code == 404


def test_the_desk_books_and_the_offer_of_access_waits_for_the_patient(desk, ana, schedule, kind):
    made = book(desk, ana, schedule, kind)
    assert (made.status, made.patient) == (Status.BOOKED, ana.patient)
    assert not Grant.objects.exists()
    assert (
        "Let them see what this visit needs"
        in browser_of(ana).get(reverse("patient:visit", args=[made.pk])).content.decode()
    )


def test_the_same_button_twice_books_once(desk, ana, schedule, kind):
    find(desk)
    starts, once = time_of(desk, ana, schedule, kind)
    page = reverse("frontdesk:when", args=[ana.patient.pk, schedule.pk, kind.pk])
    for _ in range(2):
        desk.post(page, {"starts": starts, "once": once})
    assert Appointment.objects.count() == 1


def test_a_time_may_be_proposed_only(desk, ana, schedule, kind):
    assert book(desk, ana, schedule, kind, propose="yes").status == Status.PROPOSED


def test_the_day_lists_who_comes_and_says_so_on_their_list(desk, ana, schedule, kind):
    made = book(desk, ana, schedule, kind)
    assert "Ana Costa" in day_of(desk, made)
    assert ("patient.named", "visits") in [(line.action, line.because) for line in story(ana.patient.pk, limit=20)]


def test_another_desk_sees_nothing_of_it(desk, ana, schedule, kind, noah):
    made, other = book(desk, ana, schedule, kind), browser_of(noah)
    assert "Ana Costa" not in day_of(other, made)
    assert other.get(reverse("frontdesk:visit", args=[made.pk])).status_code == 404
    assert press(other, made, "arrived").status_code == 404
    assert other.get(reverse("frontdesk:what", args=[ana.patient.pk])).status_code == 404


@pytest.mark.parametrize("who", ["ana", "lee"])
def test_the_desks_pages_are_not_there_for_others(request, who, desk, ana, schedule, kind):
    made = book(desk, ana, schedule, kind)
    other = browser_of(request.getfixturevalue(who))
    for name, args in (("day", ()), ("find", ()), ("visit", (made.pk,)), ("what", (ana.patient.pk,))):
        assert other.get(reverse(f"frontdesk:{name}", args=args)).status_code == 404


def test_why_a_patient_comes_is_not_on_the_desks_pages(desk, ana, schedule, kind):
    made = book(desk, ana, schedule, kind)
    booking.add_reason(made, "A rash on my arm", keyring=ana.keyring)
    pages = day_of(desk, made) + desk.get(reverse("frontdesk:visit", args=[made.pk])).content.decode()
    assert "rash" not in pages


def test_arriving_being_seen_and_done_are_three_buttons(desk, ana, schedule, kind):
    made = book(desk, ana, schedule, kind)
    with time_machine.travel(made.starts):
        again = browser_of(people.Person(made.booked_by, None), unlocked=False)
        for act, status in (("arrived", "arrived"), ("begin", "in-progress"), ("done", "fulfilled")):
            press(again, made, act)
            made.refresh_from_db()
            assert made.status == status


def test_nobody_came_only_after_a_quarter_of_an_hour(desk, ana, schedule, kind):
    made = book(desk, ana, schedule, kind)
    for late, status in ((timedelta(minutes=14, seconds=59), Status.BOOKED), (timedelta(minutes=15), Status.NO_SHOW)):
        with time_machine.travel(made.starts + late, tick=False):
            press(browser_of(people.Person(made.booked_by, None), unlocked=False), made, "missed")
        made.refresh_from_db()
        assert made.status == status


def test_a_wrong_button_is_taken_back(desk, ana, schedule, kind):
    made = book(desk, ana, schedule, kind)
    press(desk, made, "cancel", because="clinician-away")
    press(desk, made, "undo")
    made.refresh_from_db()
    assert made.status == Status.BOOKED


@pytest.mark.parametrize("act", ["nonsense", "__class__", "book"])
def test_a_button_that_is_none_is_not_there(desk, ana, schedule, kind, act):
    assert press(desk, book(desk, ana, schedule, kind), act).status_code == 404


def test_what_a_patient_says_against_it_is_answered_by_somebody_else(desk, ana, schedule, kind, lee, dee):
    made = book(desk, ana, schedule, kind)
    with time_machine.travel(made.starts + timedelta(minutes=20)):
        booking.no_show(made, by=lee.user)
        booking.dispute(made, by=ana.user, reason="was-there")
        again = browser_of(people.Person(dee.user, None), unlocked=False)
        assert "I was there" in again.get(reverse("frontdesk:day")).content.decode()
        again.post(reverse("frontdesk:answer", args=[Dispute.objects.get().pk]), {"answer": "seen"})
    made.refresh_from_db()
    assert made.status == Status.FULFILLED


def test_signing_in_leads_the_desk_to_its_day(dee):
    assert browser_of(dee).get(reverse("front:home"))["Location"] == reverse("frontdesk:day")


def test_no_time_pressed_books_nothing(desk, ana, schedule, kind):
    find(desk)
    page = reverse("frontdesk:when", args=[ana.patient.pk, schedule.pk, kind.pk])
    for told in ({}, {"starts": "soon", "once": "x"}, {"starts": clock.now().isoformat(), "once": ""}):
        assert desk.post(page, told).status_code == 200
    assert not Appointment.objects.exists()


def test_what_was_paid_over_the_desk_is_noted_once(desk, ana, schedule, kind):
    made = book(desk, ana, schedule, kind)
    page = desk.get(reverse("frontdesk:visit", args=[made.pk]))
    told = {"amount": page.context["due"], "once": page.context["once"], "means": "cash"}
    for _ in range(2):
        desk.post(reverse("frontdesk:paid", args=[made.pk]), told)
    assert payments.check(payments.invoice_of(made)).to_pay == 0
    assert Payment.objects.count() == 1


@pytest.mark.parametrize("told", [{"amount": "12001"}, {"amount": "x"}, {"amount": "-1"}, {"once": "x"}])
def test_more_than_is_owed_or_nonsense_is_not_noted(desk, ana, schedule, kind, told):
    made = book(desk, ana, schedule, kind)
    whole = {"amount": "12000", "once": str(made.pk), "means": "cash"} | told
    assert desk.post(reverse("frontdesk:paid", args=[made.pk]), whole).status_code == 302
    assert not Payment.objects.exists()


def test_a_visit_entered_by_mistake_still_has_its_page_and_is_taken_back(desk, ana, schedule, kind):
    made = book(desk, ana, schedule, kind)
    press(desk, made, "mistake")
    page = desk.get(reverse("frontdesk:visit", args=[made.pk]))
    assert page.status_code == 200
    assert "Take that back" in page.content.decode()


def test_a_fuller_day_asks_the_database_no_more_often(desk, ana, schedule, kind, lee, django_assert_max_num_queries):
    def asked(count: int) -> int:
        """Return how many statements a day takes that has so many visits."""
        for hour in range(Appointment.objects.count(), count):
            clinics.booked(schedule, kind, at + timedelta(hours=hour), ana)
        with django_assert_max_num_queries(200) as seen:
            assert (
                desk.get(reverse("frontdesk:day"), {"day": at.date().isoformat()}).content.count(b"Ana Costa") >= count
            )
        return len(seen)

    at = (clock.now() + timedelta(days=3)).replace(hour=13, minute=0, second=0, microsecond=0)
    asked(1)
    assert asked(2) == asked(8)
