"""At the desk: the visits of a place that is closed for a time, moved or called off."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse

from appointments import closures
from appointments.models import Appointment, Status
from audit.queries import story
from ehr import clock
from tests.appointments import clinics
from tests.clinician.conftest import browser_of
from tests.patient.conftest import browser_of as patient_browser
from tests.teams import administrator

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk(dee):
    return browser_of(dee)


@pytest.fixture
def visit(ana, schedule, kind):
    """Tomorrow at ten, on the clocks of the place or nearly so."""
    at = clock.now().replace(hour=14, minute=0, second=0, microsecond=0) + timedelta(days=2)
    made = clinics.booked(schedule, kind, at, ana)
    made.policy = {"free_cancel_hours": 24, "late_fee_percent": 50, "no_show_percent": 0}
    made.save()
    return made


@pytest.fixture
def closed(visit, schedule):
    ida, ends = administrator("Ida Berg", schedule.institution), visit.starts + timedelta(hours=5)
    return closures.close_for(schedule.place, by=ida, starts=visit.starts - timedelta(hours=5), ends=ends)


def page(desk, name, *args) -> str:
    return desk.get(reverse(f"frontdesk:{name}", args=args)).content.decode()


def test_the_desk_finds_who_is_booked_and_that_it_saw_the_names_is_on_their_list(desk, ana, closed):
    assert "1 visit is booked" in page(desk, "closures")
    assert "Ana Costa" in page(desk, "closure", closed.pk)
    assert "patient.named" in [line.action for line in story(ana.patient.pk)]


def test_all_are_called_off_by_one_button(desk, visit, closed):
    once = re.search(r'name="once" value="([^"]+)"', page(desk, "closure", closed.pk))[1]
    for _twice in range(2):
        desk.post(reverse("frontdesk:closure-cancel", args=[closed.pk]), {"all": "yes", "once": once})
    visit.refresh_from_db()
    assert (visit.status, visit.changes.get().because) == (Status.CANCELLED, "place-closed")
    assert "No visit is booked" in page(desk, "closure", closed.pk)


def test_the_patient_reads_why_it_was_called_off(desk, ana, visit, closed):
    desk.post(reverse("frontdesk:closure-cancel", args=[closed.pk]), {"visit": visit.pk})
    answer = patient_browser(ana).get(reverse("patient:visit", args=[visit.pk]))
    assert "The place is closed then. You pay nothing" in answer.content.decode()


def test_one_is_called_off_and_what_is_not_among_them_is_not(desk, ana, visit, closed, schedule, kind):
    kept = clinics.booked(schedule, kind, visit.starts + timedelta(days=7), ana)
    for one in (kept, visit):
        desk.post(reverse("frontdesk:closure-cancel", args=[closed.pk]), {"visit": one.pk})
    states = dict(Appointment.objects.values_list("pk", "status"))
    assert states == {kept.pk: Status.BOOKED, visit.pk: Status.CANCELLED}


def test_one_is_moved_for_the_reason_of_the_place(desk, visit, closed):
    move = reverse("frontdesk:move", args=[visit.pk])
    shown = desk.get(move, {"because": "place-closed"}).content.decode()
    assert 'value="place-closed" selected' in shown
    told = {"starts": re.search(r'name="starts" value="([^"]+)"', shown)[1], "because": "place-closed"}
    told["once"] = re.search(r'name="once" value="([^"]+)"', shown)[1]
    places = {desk.post(move, told)["Location"] for _twice in range(2)}
    made = Appointment.objects.get(moved_from=visit)
    assert places == {reverse("frontdesk:visit", args=[made.pk])}
    assert made.policy["free_cancel_hours"] == 24


def test_at_another_desk_there_is_no_such_closure(noah, visit, closed):
    elsewhere = browser_of(noah)
    assert "1 visit is booked" not in page(elsewhere, "closures")
    assert elsewhere.get(reverse("frontdesk:closure", args=[closed.pk])).status_code == 404
    assert elsewhere.post(reverse("frontdesk:closure-cancel", args=[closed.pk]), {"all": "yes"}).status_code == 404
    assert elsewhere.get(reverse("frontdesk:move", args=[visit.pk])).status_code == 404
