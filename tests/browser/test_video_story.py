"""A visit by video in a real browser, on both sides: booked, agreed to, waited for, let in; no link opens twice."""

from datetime import UTC, datetime
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
from django.db import connections
from playwright.sync_api import expect

from appointments.models import Place
from ehr.frame import visit_rooms
from tests import people
from tests.appointments import clinics
from tests.browser.acting import stage
from tests.clinician.conftest import browser_of as clinician_browser
from tests.patient.conftest import browser_of as patient_browser

pytestmark = [pytest.mark.browser, pytest.mark.django_db]


@pytest.fixture
def ground(db, settings, monkeypatch):
    """Ana, and Dr Lee, who talks by video every five minutes; a waiting page that looks again each second."""
    settings.VIDEO_URL = "https://meet.example.org"
    monkeypatch.setattr(visit_rooms, "AGAIN_SECONDS", 1)
    people.prepare_ground()
    ana, lee = people.patient("Ana Costa"), people.clinician("Mei Lee")
    kind = clinics.visit_type(name="Talk by video", mode="video", minutes=5)
    clinics.open_on(clinics.schedule(lee.user.clinician, kind, where=_where_it_is_day()), range(7), "00:00", "00:00")
    connection = connections["default"]
    return SimpleNamespace(ana=patient_browser(ana), lee=clinician_browser(lee), connection=connection)


def test_two_meet_by_video_and_no_link_opens_twice(ground, open_window):
    with stage(open_window, ground.connection) as at_a_window:
        ana, lee = at_a_window(ground.ana), at_a_window(ground.lee)
        found: list[str] = []
        waiting = _book_and_come(ana, found)
        _let_in(lee, found)
        # The patient's page says so by itself.
        expect(ana.page.get_by_role("heading", name="You are let in")).to_be_visible(timeout=30_000)
        first = _link(ana)
        room = _open(ana, found)
        assert room == _open(lee, found)
        assert room.startswith("https://meet.example.org/")
        ana.go(waiting)
        found += ana.found()
        ana.press("Make me a new link")
        assert _link(ana) != first
        ana.page.locator("input[name=link]").evaluate("(field, link) => { field.value = link }", first)
        ana.press("Open the room")
        assert "This link is dead" in ana.reads()
        assert room == _open(ana, found)
        lee.follow("The waiting page")
        assert "You opened the room" in lee.reads()
        found += lee.found()
        assert found == []
        assert [one for person in (ana, lee) for one in person.complaints] == []


def _where_it_is_day() -> Place:
    """Return a place where no midnight is near: the next two times are both of today."""
    return clinics.place(zone="UTC" if 4 <= datetime.now(UTC).hour < 20 else "Etc/GMT+12")


def _book_and_come(ana, found) -> str:
    """Book what begins in five to ten minutes, read what video means, agree, and enter. Returns the waiting page."""
    ana.go("/patient/visits/find/")
    ana.page.get_by_role("link", name="Talk by video").click()
    ana.settled()
    ana.page.locator("section.free-day button").nth(1).click()
    ana.settled()
    ana.press("Book it")
    found += ana.found()
    ana.follow("To the waiting room")
    assert "Picture and sound go through meet.example.org" in ana.reads()
    found += ana.found()
    ana.press("I agree to talk by video")
    found += ana.found()
    ana.press("I am here")
    assert "Dr Mei Lee has not looked in yet" in ana.reads()
    found += ana.found()
    return urlsplit(ana.page.url).path


def _let_in(lee, found) -> None:
    lee.go("/clinician/day/?week")
    lee.follow("Waiting room")
    assert "They have the page open now" in lee.reads()
    found += lee.found()
    lee.press("Let them in")
    found += lee.found()


def _link(person) -> str:
    return person.page.locator("input[name=link]").input_value()


def _open(person, found) -> str:
    """Open the room, and return where its link leads: to another site, which learns nothing of this one."""
    person.press("Open the room")
    link = person.page.get_by_role("link", name="Enter the room")
    assert link.get_attribute("rel") == "noopener noreferrer"
    assert link.get_attribute("target") == "_blank"
    found += person.found()
    return link.get_attribute("href")
