"""A clinician's own time: away, a calendar that goes out, calendars that come in."""

import html
import re
from datetime import UTC, datetime

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from appointments.calendars import apart, reading
from appointments.models import Absence, BusyCalendar
from ehr.notices import posting
from tests import people
from tests.appointments import clinics
from tests.clinician.conftest import browser_of

pytestmark = pytest.mark.django_db

PAGE = "/clinician/time/"
ICS = b"""BEGIN:VCALENDAR
VERSION:2.0
BEGIN:VEVENT
UID:1
DTSTART:20260603T100000Z
DURATION:PT1H
SUMMARY:Secret
END:VEVENT
END:VCALENDAR
"""


@pytest.fixture(autouse=True)
def _on_a_sunday(monkeypatch):
    monkeypatch.setattr(apart, "busy", reading.busy)
    with time_machine.travel(datetime(2026, 5, 31, 12, tzinfo=UTC), tick=False):
        yield


def words(reply) -> str:
    return html.unescape(reply.content.decode())


def test_being_away_is_said_listed_and_taken_back(browser):
    told = {"first": "2026-06-01", "last": "2026-06-03"}
    page = words(browser.post(f"{PAGE}away/", told, follow=True))
    assert "Nothing can be booked with you in this time any more." in page
    kept = Absence.objects.get()
    assert (kept.ends - kept.starts).days == 3
    browser.post(reverse("clinician:time-back", args=[kept.pk]))
    assert not Absence.objects.exists()


@pytest.mark.parametrize(("field", "day"), [("first", "0001-01-01"), ("last", "9999-12-31")])
def test_time_away_at_an_end_of_the_calendar_is_asked_for_again(browser, field, day):
    reply = browser.post(f"{PAGE}away/", {"first": "2026-06-01", "last": "2026-06-03", field: day})
    assert reply.status_code == 422
    assert "Look at the year again" in words(reply)
    assert not Absence.objects.exists()


def test_visits_in_the_way_are_told(browser, lee):
    kind = clinics.visit_type()
    made = clinics.schedule(lee.user.clinician, kind)
    clinics.booked(made, kind, datetime(2026, 6, 1, 13, tzinfo=UTC), people.patient())
    reply = browser.post(f"{PAGE}away/", {"first": "2026-06-01"})
    assert (reply.status_code, Absence.objects.count()) == (422, 0)
    assert "1 visit is booked in this time" in words(reply)
    assert browser.post(f"{PAGE}away/", {"first": "2026-06-01", "anyway": "on"}).status_code == 302


def test_nobody_elses_absence_is_taken_back(browser, stranger):
    browser.post(f"{PAGE}away/", {"first": "2026-06-01"})
    path = reverse("clinician:time-back", args=[Absence.objects.get().pk])
    assert browser_of(stranger).post(path).status_code == 404


def test_the_address_of_the_own_calendar_is_shown_once_and_works_without_signing_in(browser):
    page = words(browser.post(f"{PAGE}calendar/"))
    address = re.search(r"<code>(.+?)</code>", page)[1]
    assert Client().get(address).status_code == 200
    assert address not in words(browser.get(PAGE))
    browser.post(f"{PAGE}calendar/end/")
    assert Client().get(address).status_code == 404


def test_a_file_says_when_one_is_busy_and_its_words_are_gone(browser):
    told = {"name": "University", "file": SimpleUploadedFile("a.ics", ICS)}
    page = words(browser.post(f"{PAGE}calendars/", told, follow=True))
    assert "University" in page
    assert "Secret" not in page
    assert Absence.objects.get().kind == "busy"
    browser.post(reverse("clinician:time-calendar-end", args=[BusyCalendar.objects.get().pk]))
    assert not Absence.objects.exists()


def test_a_calendar_that_cannot_be_read_is_kept_and_says_since_when(browser, monkeypatch):
    def ask(_url, **_more):
        raise TimeoutError

    monkeypatch.setattr(posting, "ask", ask)
    told = {"name": "Home", "address": "https://calendars.example.org/a.ics"}
    page = words(browser.post(f"{PAGE}calendars/", told, follow=True))
    assert "its address does not answer" in page
    assert "None of its hours are known yet." in page


@pytest.mark.parametrize("told", [{}, {"address": "ftp://x/"}, {"address": "https://127.0.0.1/a.ics"}])
def test_what_cannot_be_a_calendar_is_said_at_once(browser, told, settings):
    settings.DEBUG = False
    assert browser.post(f"{PAGE}calendars/", {"name": "Home"} | told).status_code == 422
    assert not BusyCalendar.objects.exists()


def test_nobody_elses_calendar_is_ended(browser, stranger):
    browser.post(f"{PAGE}calendars/", {"name": "University", "file": SimpleUploadedFile("a.ics", ICS)})
    path = reverse("clinician:time-calendar-end", args=[BusyCalendar.objects.get().pk])
    assert browser_of(stranger).post(path).status_code == 404
