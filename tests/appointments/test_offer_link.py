"""The link of an offer: it comes by e-mail, shows a time and nothing else, and acts when a button is pressed."""

import re

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse

from appointments import offering
from appointments.models import Appointment, Offer, Status
from ehr.notices.models import Mail, Notice
from ehr.notices.tasks import deliver
from tests.appointments.test_waitlist import free_it, full, wait  # noqa: F401 - a fixture
from tests.appointments.visiting_hours import on


@pytest.fixture
def address(full, ana):  # noqa: F811
    wait(full, ana)
    free_it(full)
    return reverse("front:visit-offered", args=[offering.token(Offer.objects.get())])


def test_the_letter_has_the_link_and_the_tables_have_not(address, settings):
    deliver()
    (letter,) = [one for one in mail.outbox if address in one.body]
    assert f"{settings.SITE_URL}{address}" in letter.body
    assert not re.search("Ana|Lee|Harbour|10:00|visit", letter.subject + letter.body.replace(address, ""))
    token = address.rstrip("/").rpartition("/")[2]
    rows = [*Offer.objects.values(), *Mail.objects.values(), *Notice.objects.values()]
    assert token not in str(rows)


def test_opening_it_shows_a_time_and_no_name_and_does_nothing(address, client):
    page = client.get(address)
    words = page.content.decode()
    assert "Wednesday 25 November 2026, 10:00" in words
    assert "until 07:30 there" in words
    assert not re.search(r"\b(Ana|Costa|Lee|Harbour|House)\b|Visit [0-9a-f]{6}", words)
    assert (page["Referrer-Policy"], page["Cache-Control"]) == ("no-referrer", "no-store")
    assert Offer.objects.get().outcome == "open"


@pytest.mark.parametrize(("button", "outcome", "booked"), [("yes", "taken", 1), ("no", "declined", 0)])
def test_a_button_answers_without_signing_in_and_pressed_twice_answers_once(
    address, client, ana, button, outcome, booked
):
    for _twice in range(2):
        assert client.post(address, {button: "1"}, follow=True).status_code == 200
    assert Offer.objects.get().outcome == outcome
    assert (
        Appointment.objects.filter(patient=ana.patient, status=Status.BOOKED, starts=on(2, "10:00")).count() == booked
    )


def test_a_yes_that_comes_too_late_is_told_what_became_of_it(address, client, monday):
    monday.move_to(Offer.objects.get().lapses_at)
    page = client.post(address, {"yes": "1"})
    assert page.status_code == 409
    assert "You stay on the list" in page.content.decode()
    assert not Appointment.objects.filter(status=Status.BOOKED).exists()


def test_a_made_up_link_is_not_found_and_a_post_needs_its_form(address, client):
    for wrong in ("x", "A" * 43):
        made_up = reverse("front:visit-offered", args=[wrong])
        assert [client.get(made_up).status_code, client.post(made_up, {"yes": "1"}).status_code] == [404, 404]
    assert Client(enforce_csrf_checks=True).post(address, {"yes": "1"}).status_code == 403
    assert Offer.objects.get().outcome == "open"
