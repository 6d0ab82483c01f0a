"""An institution's administrator arranges places, kinds of visit and schedules, in forms that need no script."""

from datetime import UTC, datetime, time

import pytest
import time_machine
from django.urls import reverse

from appointments.models import Absence, Closure, Hours, Payer, Place, Schedule, Tariff, VisitType
from ehr.frame.time_forms import WeekForm, spoken, week_as_lines
from tests import people
from tests.appointments import clinics
from tests.desk.conftest import session_of
from tests.teams import administrator, at_the_desk

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.desk.addresses")]

SUNDAY = datetime(2026, 5, 31, 12, tzinfo=UTC)
TERMS = {
    "price": "80", "currency": "cad", "free_cancel_hours": "24", "late_fee_percent": "50", "no_show_percent": "100",
    "ordinary": ["labs"], "sensitive": ["genetic"],
}  # fmt: skip


@pytest.fixture(autouse=True)
def _on_a_sunday():
    with time_machine.travel(SUNDAY, tick=False):
        yield


@pytest.fixture
def harbour():
    people.prepare_ground()
    return people.institution()


@pytest.fixture
def browser(harbour):
    """Ida Berg's, who administers the institution."""
    return session_of(at_the_desk(administrator("Ida Berg", harbour)))


@pytest.fixture
def lee(harbour):
    return people.clinician("Mei Lee")


@pytest.fixture
def schedule(lee, harbour):
    kind = clinics.visit_type(name="First visit")
    return clinics.schedule(lee.user.clinician, kind, where=clinics.place(name="House"))


def at(model: str, tag: str, *args) -> str:
    return reverse(f"admin:appointments_{model}_{tag}", args=args)


def act(browser, model: str, row, name: str, **told):
    sent = {f"{name}-{key}": value for key, value in told.items()}
    return browser.post(at(model, "act", row.pk, name), sent, follow=True)


def test_a_place_is_opened_with_its_address_put_right_and_closed(browser, harbour):
    told = {"institution": harbour.pk, "name": "House", "address": "1 Water Street", "time_zone": "America/Toronto"}
    assert browser.post(at("place", "add"), told).status_code == 302
    house = Place.objects.get()
    page = act(browser, "place", house, "change", address="2 Water Street", way_in="Blue door").content.decode()
    assert "Blue door" in page
    act(browser, "place", house, "close")
    house.refresh_from_db()
    assert house.closed_at is not None


def test_a_kind_of_visit_is_offered_with_price_policy_and_what_it_needs(browser, harbour):
    told = TERMS | {
        "institution": harbour.pk, "name": "First visit", "mode": "place",
        "minutes": "30", "before_minutes": "0", "after_minutes": "10",
    }  # fmt: skip
    assert browser.post(at("visittype", "add"), told).status_code == 302
    kind = VisitType.objects.get()
    assert (kind.price, kind.currency, kind.needs) == (8000, "CAD", ["genetic", "labs"])
    page = browser.get(at("visittype", "change", kind.pk)).content.decode()
    assert "80.00 CAD" in page
    assert "Later 50 percent of the price is kept, and 100 percent when nobody comes." in page
    act(browser, "visittype", kind, "change", **TERMS | {"price": "95.5", "about": "For new patients"})
    kind.refresh_from_db()
    assert (kind.price, kind.about) == (9550, "For new patients")
    act(browser, "visittype", kind, "retire")
    kind.refresh_from_db()
    assert kind.retired_at is not None


def test_a_schedule_is_made_given_hours_and_reads_as_a_list_of_days(browser, lee, harbour):
    kind, house = clinics.visit_type(name="First visit"), clinics.place(name="House")
    told = {
        "email": lee.user.email, "place": house.pk, "visit_types": [kind.pk],
        "notice_minutes": "60", "horizon_days": "30",
    }  # fmt: skip
    assert browser.post(at("schedule", "add"), told).status_code == 302
    made = Schedule.objects.get()
    week = {"day-0": "9:00–12:00, 13–17", "day-2": "18:30 - 24:00", "since": "2026-06-01"}
    page = act(browser, "schedule", made, "hours", **week).content.decode()
    assert "<dt>Monday</dt><dd>9:00–12:00, 13:00–17:00</dd><dt>Tuesday</dt><dd>closed</dd>" in page
    assert "<dt>Wednesday</dt><dd>18:30–24:00</dd>" in page
    assert "Monday 1 June 2026, 09:00, First visit" in page
    assert Hours.objects.count() == 3


def test_hours_that_cannot_be_read_are_said_at_their_day(browser, schedule):
    reply = act(browser, "schedule", schedule, "hours", **{"day-1": "mornings", "since": "2026-06-01"})
    assert reply.status_code == 422
    assert "Write hours as 9:00–12:00" in reply.content.decode()


def test_closed_and_extra_time_is_taken_in_the_clocks_of_the_place_and_taken_back(browser, schedule):
    act(browser, "schedule", schedule, "close", first="2026-07-01")
    closed = Absence.objects.get()
    assert (closed.starts.hour, (closed.ends - closed.starts).days, closed.schedule) == (4, 1, schedule)
    told = {"first": "2026-06-06", "begins": "10:00", "ends": "12:00"}
    page = act(browser, "schedule", schedule, "extra", **told).content.decode()
    assert "Saturday 6 June 2026, 10:00–12:00" in page
    act(browser, "schedule", schedule, "back", which=closed.pk)
    assert Absence.objects.get().kind == "extra"


def test_what_is_booked_is_told_before_anything_closes(browser, schedule, lee):
    kind = schedule.visit_types.get()
    clinics.booked(schedule, kind, datetime(2026, 6, 1, 13, tzinfo=UTC), people.patient())
    reply = act(browser, "schedule", schedule, "close", first="2026-06-01")
    assert reply.status_code == 422
    assert "1 visit is booked in this time: move it first. It is at 1 Jun 2026, 09:00." in reply.content.decode()
    assert "Ana Costa" not in reply.content.decode()
    assert act(browser, "schedule", schedule, "close", first="2026-06-01", anyway="on").status_code == 200
    assert Absence.objects.count() == 1


def test_what_can_be_booked_is_changed(browser, schedule):
    other = clinics.visit_type(name="Check")
    told = {"visit_types": [other.pk], "notice_minutes": "0", "horizon_days": "10"}
    act(browser, "schedule", schedule, "rules", **told)
    schedule.refresh_from_db()
    assert (list(schedule.visit_types.all()), schedule.horizon_days) == ([other], 10)


def test_another_institutions_rows_are_not_there_and_nothing_is_made_for_it(browser, lee):
    elsewhere = people.institution("City Hospital")
    house, kind = clinics.place(elsewhere, name="Tower"), clinics.visit_type(elsewhere, name="Scan")
    assert browser.get(at("place", "change", house.pk)).status_code == 404
    assert browser.get(at("visittype", "change", kind.pk)).status_code == 404
    assert "Tower" not in browser.get(at("schedule", "add")).content.decode()
    told = {"institution": elsewhere.pk, "name": "Cellar", "address": "1 Low Street"}
    assert browser.post(at("place", "add"), told).status_code == 422
    told = {"email": lee.user.email, "place": house.pk, "visit_types": [kind.pk]}
    assert browser.post(at("schedule", "add"), told | {"notice_minutes": 0, "horizon_days": 9}).status_code == 422


def test_a_closure_of_another_schedule_cannot_be_taken_back_here(browser, schedule, lee):
    other = clinics.schedule(lee.user.clinician, clinics.visit_type(), where=clinics.place())
    kept = [
        Absence.objects.create(
            timetable=schedule.timetable,
            schedule=one,
            starts=datetime(2026, 6, day, tzinfo=UTC),
            ends=datetime(2026, 6, day + 1, tzinfo=UTC),
        )
        for day, one in ((2, schedule), (4, other), (6, None))
    ]
    for one in kept[1:]:
        assert act(browser, "schedule", schedule, "back", which=one.pk).status_code == 422
    assert Absence.objects.count() == 3


def test_a_week_is_shown_as_it_can_be_typed():
    hours = [(0, time(9), time(12)), (0, time(13, 30), time(0)), (6, time(0), time(8))]
    form = WeekForm(week_as_lines(hours))
    assert form.is_valid()
    assert form.cleaned_data["week"] == hours


@pytest.mark.parametrize(
    ("starts", "ends", "words"),
    [
        ((1, 4), (2, 4), "Wednesday 1 July 2026"),
        ((1, 4), (4, 4), "Wednesday 1 July 2026 until Friday 3 July 2026"),
        ((1, 13), (1, 16), "Wednesday 1 July 2026, 9:00–12:00"),
        ((1, 13), (2, 4), "Wednesday 1 July 2026, 9:00–24:00"),
        ((1, 13), (3, 16), "Wednesday 1 July 2026, 9:00 until Friday 3 July 2026, 12:00"),
    ],
)
def test_whole_days_are_told_without_hours(starts, ends, words):
    begun, over = (datetime(2026, 7, *one, tzinfo=UTC) for one in (starts, ends))
    assert spoken(begun, over, "America/Toronto") == words


PAYER = {
    "name": "Lakeside Mutual", "number": "LAKE01", "our_number": "1234567893", "way": "fhir",
    "url": "https://payer.example.org/eligibility", "claims_url": "", "token": "s3cret",
}  # fmt: skip


def test_a_payer_is_added_changed_and_asked_no_more(browser, harbour):
    assert browser.post(at("payer", "add"), PAYER | {"institution": harbour.pk}).status_code == 302
    payer = Payer.objects.get()
    told = {name: value for name, value in PAYER.items() if name not in {"name", "number", "token"}}
    act(browser, "payer", payer, "change", **told | {"url": "https://payer.example.org/x", "token": ""})
    before, payer = bytes(payer.token), Payer.objects.get()
    assert (payer.url, bytes(payer.token)) == ("https://payer.example.org/x", before)
    act(browser, "payer", payer, "retire")
    assert Payer.objects.get().retired_at is not None


@pytest.mark.parametrize("url", ["https://127.0.0.1/x", "http://payer.example.org/", "https://u:p@payer.example.org/"])
def test_a_payer_is_asked_at_a_public_https_address_only(browser, harbour, url):
    assert browser.post(at("payer", "add"), PAYER | {"institution": harbour.pk, "url": url}).status_code == 422
    assert not Payer.objects.exists()


def test_a_kind_of_visit_gets_the_code_by_which_it_is_claimed(browser, harbour):
    browser.post(at("payer", "add"), PAYER | {"institution": harbour.pk})
    kind = clinics.visit_type(name="Check")
    told = {"visit_type": kind.pk, "system": "http://www.ama-assn.org/go/cpt", "code": "99213"}
    act(browser, "payer", Payer.objects.get(), "tariff", **told)
    assert Tariff.objects.get().code == "99213"


def test_another_institutions_payer_is_not_there(browser, harbour):
    elsewhere = people.institution("City Hospital")
    other = Payer.objects.create(institution=elsewhere, name="X", number="1", our_number="2", url="https://x.example/")
    assert browser.get(at("payer", "change", other.pk)).status_code == 404


def test_a_whole_place_is_closed_for_a_day_and_opened_again(browser, lee, schedule):
    visit = clinics.booked(schedule, schedule.visit_types.get(), datetime(2026, 6, 8, 14, tzinfo=UTC), people.patient())
    house = schedule.place
    page = act(browser, "place", house, "close-for", first="2026-06-08").content.decode()
    assert "1 visit is still booked in it" in page
    assert visit.patient.name not in page
    closed = Closure.objects.get()
    assert (closed.starts, closed.ends) == (Absence.objects.get().starts, Absence.objects.get().ends)
    assert closed.starts == datetime(2026, 6, 8, 4, tzinfo=UTC)
    page = act(browser, "schedule", schedule, "back", which=Absence.objects.get().pk).content.decode()
    assert "whole place is closed" in page
    act(browser, "place", house, "open-again", which=closed.pk)
    assert not Closure.objects.exists()


def test_where_no_service_for_video_is_set_up_the_desk_says_so(browser, harbour, settings):
    kind = clinics.visit_type(name="Talk", mode="video")
    assert "no service for video" not in browser.get(at("visittype", "change", kind.pk)).content.decode()
    settings.VIDEO_URL = ""
    for address in (at("visittype", "change", kind.pk), at("visittype", "add")):
        assert "no service for video" in browser.get(address).content.decode()
