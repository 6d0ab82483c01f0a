"""Visits in a real browser, on three sides: booked and let in by a patient, seen by the desk and the clinician."""

from types import SimpleNamespace

import pytest
from django.db import connections

from appointments.models import Appointment
from appointments.zones import local_day
from providers.roles import Role
from tests import people
from tests.appointments import clinics
from tests.browser.acting import stage
from tests.clinician.conftest import browser_of as clinician_browser
from tests.clinician.conftest import lab, put
from tests.patient.conftest import browser_of as patient_browser

pytestmark = [pytest.mark.browser, pytest.mark.django_db]


@pytest.fixture
def ground(db):
    """Ana with one result; Dr Lee, who can be booked all week; Dee at the desk of that place; their browsers."""
    people.prepare_ground()
    ana, lee = people.patient("Ana Costa"), people.clinician("Mei Lee")
    put(ana, lab("Glucose", "154", "2026-10-01"))
    dee = people.clinician("Dee Dray", role=Role.FRONT_DESK)
    kind = clinics.visit_type(
        name="Check-up", about="Once a year, or when something is new.", minutes=30, price=12_000, currency="CAD",
        late_fee_percent=50, no_show_percent=100, needs=["labs", "mental-health"],
    )  # fmt: skip
    made = clinics.schedule(lee.user.clinician, kind)
    clinics.open_on(made, range(7), "00:00", "00:00")
    return SimpleNamespace(
        ana=patient_browser(ana),
        lee=clinician_browser(lee),
        dee=clinician_browser(dee),
        connection=connections["default"],
        patient=ana.patient,
    )


def test_a_visit_is_booked_let_in_seen_and_called_off(ground, open_window):
    with stage(open_window, ground.connection) as at_a_window:
        ana, lee, dee = (at_a_window(getattr(ground, name)) for name in ("ana", "lee", "dee"))
        found: list[str] = []
        _book(ana, found)
        _let_in(ana, found)
        day = ana.asked(_day)
        dee.go(f"/front-desk/?day={day}")
        assert "Ana Costa" in dee.reads()
        found += dee.found()
        dee.follow("Ana Costa")
        assert "120.00 CAD" in dee.reads()
        found += dee.found()
        lee.go(f"/clinician/day/?day={day}")
        assert "Ana Costa" in lee.reads()
        found += lee.found()
        lee.go(f"/clinician/day/?day={day}&week")
        found += lee.found()
        _call_off(ana, found)
        dee.go("/front-desk/book/")
        found += dee.found()
        assert found == []
        assert [one for person in (ana, lee, dee) for one in person.complaints] == []


def _day() -> str:
    """Return the day of the visit on the clocks of its place."""
    visit = Appointment.objects.get()
    return local_day(visit.starts, visit.time_zone).isoformat()


def _book(ana, found) -> None:
    """With whom, when, the last look; each page at each width."""
    ana.go("/patient/visits/")
    assert "No visit is booked." in ana.reads()
    found += ana.found()
    ana.follow("Find a time")
    found += ana.found()
    ana.page.get_by_role("link", name="Check-up").click()
    ana.settled()
    found += ana.found()
    # The last that is offered here, so that there is time to cancel it freely.
    ana.page.locator("section.free-day").last.locator("button").last.click()
    ana.settled()
    assert "120.00 CAD" in ana.reads()
    assert "Not coming costs 120.00 CAD" in ana.reads()
    found += ana.found()
    ana.page.get_by_label("Why do you come?").fill("My knee")
    ana.press("Book it")
    assert "Your visit is booked." in ana.page.inner_text("body")
    found += ana.found()


def _let_in(ana, found) -> None:
    """One sentence, the sensitive part apart."""
    ana.follow("See what they would see")
    assert "Dr Mei Lee" in ana.reads()
    found += ana.found()
    ana.page.get_by_role("link", name="Also let them see").click()
    ana.settled()
    found += ana.found()
    ana.page.get_by_role("checkbox").check()
    ana.press("Let Dr Mei Lee see this")
    assert "They can see it in the days of your visit." in ana.page.inner_text("body")


def _call_off(ana, found) -> None:
    """Moving, coming sooner and cancelling are one click from the visit; cancelling says what it costs."""
    ana.go("/patient/visits/")
    found += ana.found()
    ana.page.locator("ul.rows a").first.click()
    ana.settled()
    visit = ana.page.url
    ana.follow("Move it")
    found += ana.found()
    ana.go(visit.removeprefix("http://localhost:1"))
    ana.follow("Come sooner, if a time becomes free")
    found += ana.found()
    ana.go(visit.removeprefix("http://localhost:1"))
    ana.follow("Cancel it")
    assert "It costs you nothing." in ana.reads()
    found += ana.found()
    ana.press("Cancel the visit")
    assert "Your visit is cancelled." in ana.page.inner_text("body")
    found += ana.found()
