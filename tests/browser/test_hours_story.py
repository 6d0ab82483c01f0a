"""An institution opens for bookings, in a real browser: a place, a price, a week; and a clinician goes away."""

from datetime import date, timedelta
from types import SimpleNamespace

import pytest
from django.db import connections
from django.test import Client
from django.urls import reverse

from appointments.availability import free
from appointments.calendars import apart, reading
from appointments.models import Schedule, VisitType
from ehr import clock
from tests import people
from tests.browser.acting import stage
from tests.clinician.conftest import browser_of as clinician_browser
from tests.desk.conftest import session_of
from tests.patient.conftest import browser_of as patient_browser
from tests.teams import administrator, at_the_desk

pytestmark = [pytest.mark.browser, pytest.mark.django_db]

ICS = (
    "BEGIN:VCALENDAR\nVERSION:2.0\nBEGIN:VEVENT\nUID:1\nDTSTART:20990603T100000Z\nDURATION:PT1H\n"
    "END:VEVENT\nEND:VCALENDAR\n"
)


@pytest.fixture
def ground(db, monkeypatch):
    """Ida Berg, who administers the Harbour Medical Centre, and Dr Lee, who works there; their browsers."""
    people.prepare_ground()
    monkeypatch.setattr(apart, "busy", reading.busy)
    harbour, lee = people.institution(), people.clinician("Mei Lee")
    ida = at_the_desk(administrator("Ida Berg", harbour))
    return SimpleNamespace(
        lee_email=lee.user.email,
        ida=session_of(ida),
        lee=clinician_browser(lee),
        ana=patient_browser(people.patient("Ana Costa")),
        connection=connections["default"],
    )


def test_a_place_a_price_and_a_week_are_set_and_a_clinician_goes_away(ground, open_window):
    with stage(open_window, ground.connection) as at_a_window:
        ida, lee = at_a_window(ground.ida), at_a_window(ground.lee)
        found: list[str] = []
        _place(ida, found)
        _kind(ida, found)
        _schedule(ida, ground, found)
        _hours(ida, found)
        assert ida.asked(_bookable)
        _away(lee, found)
        assert not ida.asked(_bookable)
        _calendars(lee, ida, found)
        assert found == []
        assert [one for person in (ida, lee) for one in person.complaints if "422" not in one] == []


def test_a_patient_makes_and_ends_the_address_of_their_calendar(ground, open_window):
    with stage(open_window, ground.connection) as at_a_window:
        ana = at_a_window(ground.ana)
        ana.go("/patient/visits/")
        ana.follow("In my own calendar")
        found = ana.found()
        ana.page.get_by_label("Also say the address of the place").check()
        ana.press("Make an address")
        assert "/calendar/" in ana.page.locator("main code").inner_text()
        found += ana.found()
        ana.press("End this address")
        assert "The address leads nowhere from now on." in ana.page.inner_text("body")
        assert found == []
        assert ana.complaints == []


def _place(ida, found) -> None:
    ida.go("/desk/")
    ida.follow("Places")
    found += ida.found()
    ida.follow("Open a place")
    found += ida.found()
    ida.fill(name="Harbour House", address="12 Lower Water Street, Halifax", way_in="Second floor, lift on the left")
    ida.fill(time_zone="America/Halifax")
    ida.press("Open a place")
    assert "Second floor, lift on the left" in ida.reads()
    found += ida.found()


def _kind(ida, found) -> None:
    ida.go("/desk/appointments/visittype/new/")
    found += ida.found()
    ida.fill(name="First visit", about="For who comes for the first time", minutes="30", after_minutes="10", price="90")
    ida.tick("history")
    ida.press("Offer a kind of visit")
    assert "90.00 CAD" in ida.reads()
    found += ida.found()


def _schedule(ida, ground, found) -> None:
    ida.go("/desk/appointments/schedule/new/")
    ida.fill(email="nobody@example.org")
    ida.press("Make a schedule")
    assert "Choose" in ida.reads() or "required" in ida.reads()
    found += ida.found()
    ida.fill(email=ground.lee_email)
    ida.page.locator("select[name=place]").select_option(label="Harbour House")
    ida.page.get_by_label("First visit").check()
    ida.press("Make a schedule")
    assert "Dr Mei Lee" in ida.reads()
    assert "Monday closed" in ida.reads()


def _hours(ida, found) -> None:
    for number in range(7):
        ida.page.locator(f"[name=hours-day-{number}]").fill("9:00–12:00, 13:00–17:30")
    ida.press("Set these hours")
    assert "Monday 9:00–12:00, 13:00–17:30" in ida.reads()
    ida.page.locator("[name=extra-first]").fill("2099-01-01")
    ida.press("Open for this time as well")
    assert "open as well" in ida.reads()
    found += ida.found()
    ida.page.locator("[name=hours-day-2]").fill("in the morning")
    ida.press("Set these hours")
    assert "Write hours as 9:00–12:00" in ida.page.inner_text("body")
    found += ida.found()


def _bookable() -> bool:
    today = clock.now().date()
    return bool(
        free(
            Schedule.objects.all(),
            VisitType.objects.get(),
            first=today,
            last=date(2098, 1, 1),
            at=clock.now(),
            limit=1,
        )
    )


def _away(lee, found) -> None:
    lee.go("/clinician/")
    lee.follow("My time")
    found += lee.found()
    today = lee.asked(lambda: clock.now().date())
    lee.fill(first=str(today), last=str(today + timedelta(days=365)))
    lee.press("Be away in this time")
    assert "Nothing can be booked with you" in lee.page.inner_text("body")
    found += lee.found()


def _calendars(lee, ida, found) -> None:
    lee.press("Make an address")
    address = lee.page.locator("main code").inner_text()
    token = address.rpartition("/")[2].removesuffix(".ics")
    path = lee.asked(lambda: reverse("front:calendar", args=[token]))
    assert lee.asked(lambda: Client().get(path).status_code) == 200
    found += lee.found()
    lee.fill(name="University")
    lee.page.locator("[name=file]").set_input_files(
        files=[{"name": "a.ics", "mimeType": "text/calendar", "buffer": ICS.encode()}]
    )
    lee.press("Add this calendar")
    assert "A file that you sent" in lee.reads()
    lee.fill(name="Home", address="https://127.0.0.1/home.ics")
    lee.press("Add this calendar")
    assert "Give an address that begins with https://" in lee.page.inner_text("body")
    found += lee.found()
