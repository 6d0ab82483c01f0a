"""My visits: found, kept, booked, moved, called off, taken back; what costs what; who may see what a visit needs."""

import re
from datetime import timedelta

import pytest
import time_machine
from django.urls import reverse

from appointments import booking
from appointments.models import Appointment, Hold, Offer, Status, Waiting
from consent.models import Grant
from ehr import clock
from tests import people
from tests.appointments import clinics
from tests.patient.conftest import browser_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def kind(lee):
    return clinics.visit_type(
        name="Check-up", minutes=30, price=12_000, late_fee_percent=50, no_show_percent=100, needs=["labs", "genetic"]
    )


@pytest.fixture
def schedule(lee, kind):
    made = clinics.schedule(lee.user.clinician, kind)
    clinics.open_on(made, range(7), "08:00", "18:00")
    return made


def times(schedule, kind) -> str:
    return reverse("patient:visit-times", args=[schedule.pk, kind.pk])


def first_time(browser, schedule, kind, number=0) -> str:
    page = browser.get(times(schedule, kind)).content.decode()
    return re.findall(r'name="starts" value="([^"]+)"', page)[number]


def booked(browser, schedule, kind, number=0, **more) -> Appointment:
    kept = browser.post(times(schedule, kind), {"starts": first_time(browser, schedule, kind, number)})
    made = browser.post(kept["Location"], more)
    return Appointment.objects.get(pk=made["Location"].strip("/").split("/")[-1])


def said(browser, name, *args) -> str:
    return browser.get(reverse(f"patient:{name}", args=args)).content.decode()


def test_who_can_be_booked_is_found_by_name_place_or_kind(browser, schedule):
    for words in ("lee", "harbour", "check"):
        assert (
            "Mei Lee"
            in said(browser, "visit-find")
            + browser.get(reverse("patient:visit-find"), {"words": words}).content.decode()
        )
    assert "Mei Lee" not in browser.get(reverse("patient:visit-find"), {"words": "nobody"}).content.decode()


def test_a_time_is_kept_while_the_page_is_filled_in_and_booked_with_one_button(browser, schedule, kind, ana):
    made = booked(browser, schedule, kind)
    assert (made.patient, made.status) == (ana.patient, Status.BOOKED)
    assert not Hold.objects.exists()


def test_the_button_pressed_twice_books_once(browser, schedule, kind):
    kept = browser.post(times(schedule, kind), {"starts": first_time(browser, schedule, kind)})["Location"]
    places = {browser.post(kept)["Location"] for _ in range(2)}
    assert (len(places), Appointment.objects.count()) == (1, 1)


def test_after_ten_minutes_the_page_says_that_the_time_is_no_longer_kept(browser, schedule, kind):
    kept = browser.post(times(schedule, kind), {"starts": first_time(browser, schedule, kind)})["Location"]
    with time_machine.travel(clock.now() + timedelta(minutes=10, seconds=1)):
        assert "are over" in browser.get(kept).content.decode()
        browser.post(kept)
    assert not Appointment.objects.exists()


def test_a_time_that_somebody_else_has_by_now_is_said_to_be_gone(browser, schedule, kind, ben):
    starts = first_time(browser, schedule, kind)
    browser_of(ben).post(times(schedule, kind), {"starts": starts})
    page = browser.post(times(schedule, kind), {"starts": starts})
    assert page.status_code == 200
    assert "no longer free" in page.content.decode()


@pytest.mark.parametrize("starts", ["", "tomorrow", "2026-13-45T99:99", "2031-01-01T10:00:00"])
def test_what_is_no_time_is_asked_for_again(browser, schedule, kind, starts):
    page = browser.post(times(schedule, kind), {"starts": starts})
    assert page.status_code == 200
    assert "Choose one of the times" in page.content.decode()


def test_price_and_policy_are_read_before_booking(browser, schedule, kind):
    kept = browser.post(times(schedule, kind), {"starts": first_time(browser, schedule, kind)})["Location"]
    page = browser.get(kept).content.decode()
    for words in ("120.00 USD", "free until 24 hours before", "60.00 USD", "Not coming costs 120.00 USD"):
        assert words in page


def test_why_one_comes_is_a_sealed_entry_and_stands_nowhere_in_clear(browser, schedule, kind):
    made = booked(browser, schedule, kind, words="A rash on my arm")
    assert made.reason is not None
    assert len(bytes(made.reason_commitment)) == 32


def test_with_locked_keys_a_visit_is_booked_all_the_same(ana, schedule, kind):
    made = booked(browser_of(ana, unlocked=False), schedule, kind, words="A rash")
    assert made.reason is None


def test_who_pays_themselves_says_so_at_booking(browser, schedule, kind):
    assert booked(browser, schedule, kind, self_pay="on").self_pay


def test_the_next_visit_is_on_the_home_page(browser, schedule, kind):
    booked(browser, schedule, kind)
    assert "Your next visit" in said(browser, "home")


def test_a_strangers_visit_is_not_there(browser, schedule, kind, ben):
    made = booked(browser, schedule, kind)
    other = browser_of(ben)
    for name in ("visit", "visit-cancel", "visit-move", "visit-access", "visit-sooner", "visit-dispute"):
        assert other.get(reverse(f"patient:{name}", args=[made.pk])).status_code == 404
    for name in ("visit-accept", "visit-undo"):
        assert other.post(reverse(f"patient:{name}", args=[made.pk])).status_code == 404


def test_somebody_elses_hold_is_not_there(browser, schedule, kind, ben):
    kept = browser.post(times(schedule, kind), {"starts": first_time(browser, schedule, kind)})["Location"]
    assert browser_of(ben).get(kept).status_code == 404


def test_cancelling_says_what_it_costs_and_does_it(browser, schedule, kind):
    made = booked(browser, schedule, kind, number=60)
    assert "costs you nothing" in said(browser, "visit-cancel", made.pk)
    browser.post(reverse("patient:visit-cancel", args=[made.pk]), {"because": "cannot-come"})
    made.refresh_from_db()
    assert made.status == Status.CANCELLED


def test_cancelling_late_says_what_is_kept(browser, schedule, kind):
    made = booked(browser, schedule, kind, number=60)
    with time_machine.travel(made.starts - timedelta(hours=23)):
        assert "60.00 USD are kept" in said(browser_of_again(made), "visit-cancel", made.pk)


def browser_of_again(made):
    """Sign in anew: the session of a while ago is over."""
    client = browser_of(people.Person(made.patient.user, None), unlocked=False)
    return client


def test_a_cancellation_is_taken_back(browser, schedule, kind):
    made = booked(browser, schedule, kind, number=60)
    browser.post(reverse("patient:visit-cancel", args=[made.pk]), {"because": "not-said"})
    assert "Take that back" in said(browser, "visit", made.pk)
    browser.post(reverse("patient:visit-undo", args=[made.pk]))
    made.refresh_from_db()
    assert made.status == Status.BOOKED


def test_moving_keeps_the_old_time_until_the_new_one_is_certain(browser, schedule, kind):
    made = booked(browser, schedule, kind)
    move = reverse("patient:visit-move", args=[made.pk])
    page = browser.get(move).content.decode()
    later = re.findall(r'name="starts" value="([^"]+)"', page)[5]
    confirm = browser.post(move, {"starts": later})["Location"]
    made.refresh_from_db()
    assert made.status == Status.BOOKED
    new = Appointment.objects.get(pk=browser.post(confirm)["Location"].strip("/").split("/")[-1])
    made.refresh_from_db()
    assert (made.status, new.moved_from_id) == (Status.CANCELLED, made.pk)


def test_what_the_visit_needs_is_let_in_by_one_sentence(browser, schedule, kind, lee):
    made = booked(browser, schedule, kind)
    access = reverse("patient:visit-access", args=[made.pk])
    page = browser.get(access)
    assert "Mei Lee" in page.context["sentence"]
    browser.post(access, {"read": page.context["form"].shown})
    assert Grant.objects.get().categories == ["labs"]
    assert "They can see what you chose" in said(browser, "visit", made.pk)


def test_a_sensitive_part_is_added_by_hand_and_ticked_again(browser, schedule, kind):
    made = booked(browser, schedule, kind)
    access = reverse("patient:visit-access", args=[made.pk]) + "?with=genetic"
    page = browser.get(access)
    assert not browser.post(access, {"read": page.context["form"].shown}).has_header("Location")
    browser.post(access, {"read": page.context["form"].shown, "also-genetic": "on"})
    assert Grant.objects.get().categories == ["labs", "genetic"]


def test_with_locked_keys_nothing_is_let_in(ana, schedule, kind):
    locked = browser_of(ana, unlocked=False)
    made = booked(locked, schedule, kind)
    assert "unlock" in locked.get(reverse("patient:visit-access", args=[made.pk]))["Location"]


def test_who_waits_is_told_of_an_earlier_time_and_takes_it(browser, schedule, kind, ana, ben):
    early, late = booked(browser_of(ben), schedule, kind, number=50), booked(browser, schedule, kind, number=95)
    days = {"first_day": clock.now().date(), "last_day": late.starts.date(), "once": late.pk}
    browser.post(reverse("patient:visit-sooner", args=[late.pk]), days)
    assert Waiting.objects.count() == 1
    booking.cancel(early, by=ben.user, because="cannot-come")
    assert "An earlier time is free" in said(browser, "visits")
    browser.post(reverse("patient:visit-offer", args=[Offer.objects.get().pk]), {"take": "yes"})
    late.refresh_from_db()
    assert (late.status, late.moved_to.starts) == (Status.CANCELLED, early.starts)


def test_a_list_is_left_with_one_button(browser, schedule, kind, ana):
    days = {"first_day": clock.now().date(), "last_day": clock.now().date() + timedelta(days=5)}
    once = "9d1f4c1e-6a54-4a3e-9c1f-0f5f3f2f1e11"
    browser.post(reverse("patient:visit-wait", args=[schedule.pk, kind.pk]), days | {"once": once})
    browser.post(reverse("patient:visit-wait-leave", args=[Waiting.objects.get().pk]))
    assert Waiting.objects.get().ended_at is not None


def test_who_is_said_not_to_have_come_can_say_otherwise(browser, schedule, kind, lee):
    made = booked(browser, schedule, kind)
    with time_machine.travel(made.starts + timedelta(minutes=16)):
        booking.no_show(made, by=lee.user)
        again = browser_of_again(made)
        assert "I was there" in said(again, "visit", made.pk)
        again.post(reverse("patient:visit-dispute", args=[made.pk]), {"reason": "was-there", "words": "I waited."})
        assert "No fee is taken until" in said(again, "visit", made.pk)


def test_a_time_that_was_proposed_is_agreed_to(browser, schedule, kind, ana, lee):
    starts = first_time(browser, schedule, kind, 9)
    when = clock.now().fromisoformat(starts)
    hold = booking.hold(schedule, kind, when, by=lee.user, once=ana.patient.pk)
    made = booking.propose(hold, patient=ana.patient, by=lee.user, once=lee.user.pk)
    assert "This suits me" in said(browser, "visit", made.pk)
    browser.post(reverse("patient:visit-accept", args=[made.pk]))
    made.refresh_from_db()
    assert made.status == Status.BOOKED
