"""Visits for somebody else in a real browser: a carer books, moves and cancels; then the rest is kept from them."""

from types import SimpleNamespace

import pytest
from django.db import connections
from django.urls import reverse

from appointments.models import Appointment, Status
from consent.delegates import hiding
from tests import people
from tests.appointments import clinics
from tests.browser.acting import stage
from tests.consent.delegating import name
from tests.patient.conftest import browser_of

pytestmark = [pytest.mark.browser, pytest.mark.django_db]


@pytest.fixture
def ground(db):
    """Ana; Rui, who acts for her, books visits and shares her results; Dr Lee, who has some forty times free."""
    people.prepare_ground()
    ana, lee, rui = people.patient("Ana Costa"), people.clinician("Mei Lee"), people.account("Rui Costa")
    kind = clinics.visit_type(
        name="Check-up", minutes=30, price=12_000, currency="CAD", late_fee_percent=50, needs=["labs"]
    )
    made = clinics.schedule(lee.user.clinician, kind)
    # So few a day that the page shows all seven days, and as many on them whatever the time is now.
    clinics.open_on(made, range(7), "09:00", "12:00")
    acting = name(ana, rui, rights=("read", "share", "appointments", "book"), categories=("labs",))
    browser = browser_of(rui)
    browser.post(reverse("patient:acting-begin", args=[acting.pk]))
    return SimpleNamespace(
        ana=browser_of(ana), rui=browser, patient=ana.patient, delegate=rui.user, connection=connections["default"]
    )


def test_a_visit_is_booked_let_in_moved_and_called_off_for_somebody_who_sees_who_did_it(ground, open_window):
    with stage(open_window, ground.connection) as at_a_window:
        ana, rui = at_a_window(ground.ana), at_a_window(ground.rui)
        found: list[str] = []
        rui.go("/patient/for/visits/")
        assert "No visit is booked." in rui.reads()
        found += rui.found()
        _book(rui, found)
        _let_in(rui, found)
        _move(rui, found)
        ana.go("/patient/visits/")
        ana.page.locator("main .rows h3 a").first.click()
        ana.settled()
        assert "Booked by Rui Costa" in ana.reads()
        found += ana.found()
        _keep_the_rest(ground, ana, rui, found)
        _call_off(rui, found)
        ana.go("/patient/looked/")
        assert "Looked at your visits, acting for you." in ana.reads()
        assert found == []
        assert [one for person in (ana, rui) for one in person.complaints] == []


def _book(rui, found) -> None:
    rui.follow("Find a time")
    found += rui.found()
    rui.follow("Check-up")
    assert "Step 2 of 3" in rui.reads()
    found += rui.found()
    rui.page.locator("main button[name=starts]").nth(20).click()
    rui.settled()
    assert "for Ana Costa?" in rui.reads()
    assert "It stands on their bill." in rui.reads()
    found += rui.found()
    rui.press("Book it")
    assert "The visit is booked. Ana Costa is told." in rui.reads()


def _let_in(rui, found) -> None:
    found += rui.found()
    rui.follow("See what they would see")
    assert "lab results" in rui.reads()
    found += rui.found()
    rui.press("see this")
    assert "It ends by itself." in rui.reads()
    found += rui.found()


def _move(rui, found) -> None:
    rui.follow("Move it")
    found += rui.found()
    rui.page.locator("main button[name=starts]").nth(25).click()
    rui.settled()
    found += rui.found()
    rui.press("Move it")
    assert "at the new time" in rui.reads()


def _keep_the_rest(ground, ana, rui, found) -> None:
    """Ana books for herself and keeps that from Rui, who sees nothing but what was his before."""
    visit = ana.asked(lambda: Appointment.objects.get(status=Status.BOOKED))
    ana.go(f"/patient/visits/new/{visit.schedule_id}/{visit.visit_type_id}/")
    ana.page.locator("main button[name=starts]").nth(30).click()
    ana.settled()
    ana.press("Book it")
    own = ana.page.url
    rui.go("/patient/for/visits/")
    assert rui.page.locator("main .rows h3 a").count() == 2
    ana.asked(lambda: hiding.hide(ground.patient, what=["appointments"], delegate=ground.delegate))
    rui.go("/patient/for/visits/")
    assert rui.page.locator("main .rows h3 a").count() == 1
    assert "hid" not in rui.reads().casefold()
    found += rui.found()
    rui.go("/patient/for/visits/" + own.rstrip("/").split("/")[-1] + "/")
    assert "Ana" not in rui.page.title()
    # A page that is not there is a refusal, which a browser writes down.
    rui.complaints.clear()


def _call_off(rui, found) -> None:
    rui.go("/patient/for/visits/")
    rui.page.locator("main .rows h3 a").first.click()
    rui.settled()
    rui.follow("Cancel it")
    found += rui.found()
    rui.press("Cancel the visit")
    assert "Cancelled" in rui.reads()
    found += rui.found()
