"""My day: who comes, who waits, one click to the chart where its patient let me in, and nothing of others' visits."""

from datetime import datetime, timedelta

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from appointments.models import Reminder, Status
from audit.queries import story
from ehr import clock
from providers.models import Credential
from tests import people
from tests.appointments import clinics
from tests.clinician.conftest import browser_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def visit(ana, lee):
    made = clinics.schedule(lee.user.clinician, kind := clinics.visit_type(needs=["labs"]))
    starts = (clock.now() + timedelta(days=2)).replace(hour=15, minute=0, second=0, microsecond=0)
    visit = clinics.booked(made, kind, starts, ana)
    visit.policy = {"free_cancel_hours": 24, "late_fee_percent": 0, "no_show_percent": 0}
    visit.save()
    return visit


def page(browser, visit, **more) -> str:
    return browser.get(reverse("clinician:day"), {"day": visit.starts.date().isoformat()} | more).content.decode()


def test_the_day_lists_my_visits_and_says_who_let_me_in(ana, lee, visit):
    browser, chart = browser_of(lee), reverse("clinician:chart", args=[ana.patient.pk])
    assert "They have not let you see their record" in page(browser, visit)
    people.give(ana, lee)
    assert chart in page(browser, visit)


def test_the_day_says_who_confirmed_and_asks_no_more_for_more_visits(ana, lee, visit):
    browser = browser_of(lee)
    assert "Not yet confirmed" in page(browser, visit)
    reminder = Reminder(appointment=visit, hours=24, channel="mail", kind="visit-soon", key="k", link_digest=b"1")
    reminder.confirmed_at = clock.now()
    reminder.save()
    with CaptureQueriesContext(connection) as asked:
        said = page(browser, visit)
    assert "Confirmed" in said
    assert "Not yet confirmed" not in said
    for hour in (1, 2, 3):
        clinics.booked(visit.schedule, visit.visit_type, visit.starts + timedelta(hours=hour), people.patient())
    with CaptureQueriesContext(connection) as more:
        assert page(browser, visit).count("Not yet confirmed") == 3
    # Each name that is shown is a line on its patient's list; nothing else grows.
    assert len(more) - len(asked) <= 0


def test_a_week_is_a_list_of_days(lee, visit):
    assert page(browser_of(lee), visit, week="").count("Nobody comes on this day") == 6


def test_that_my_page_named_them_is_on_their_list(ana, lee, visit):
    page(browser_of(lee), visit)
    assert ("patient.named", "visits") in [(line.action, line.because) for line in story(ana.patient.pk, limit=9)]


def test_another_clinician_sees_nothing_of_it_and_presses_no_button(ana, visit, stranger):
    browser = browser_of(stranger)
    assert "Ana Costa" not in page(browser, visit)
    assert browser.post(reverse("clinician:day-act", args=[visit.pk, "arrived"])).status_code == 404


def test_whose_licence_is_over_sees_nobody_and_presses_no_button(lee, visit):
    Credential.objects.filter(clinician__user=lee.user).update(expires_at=clock.now() - timedelta(seconds=1))
    browser = browser_of(lee)
    assert "Ana Costa" not in page(browser, visit)
    assert browser.post(reverse("clinician:day-act", args=[visit.pk, "arrived"])).status_code == 404


def test_a_visit_is_begun_and_done_from_the_day(lee, visit):
    with time_machine.travel(visit.starts):
        browser = browser_of(people.Person(lee.user, None), unlocked=False)
        for act, status in (("begin", Status.IN_PROGRESS), ("done", Status.FULFILLED)):
            browser.post(reverse("clinician:day-act", args=[visit.pk, act]))
            visit.refresh_from_db()
            assert visit.status == status


@pytest.mark.parametrize("day", ["", "yesterday", "2026-02-31", "9999-12-31", "0001-01-01"])
def test_a_day_that_is_none_is_today(lee, visit, day):
    assert browser_of(lee).get(reverse("clinician:day"), {"day": day}).status_code == 200


def after_midnight() -> datetime:
    """Return ten past midnight, UTC, of a day to come."""
    return (clock.now() + timedelta(days=1)).replace(hour=0, minute=10, second=0, microsecond=0)


@pytest.mark.parametrize(("hours", "shown"), [(1, True), (-2, True), (30, False)])
def test_today_is_the_day_where_people_wait_and_not_on_my_own_clocks(ana, lee, hours, shown):
    """At seven in the evening in Toronto it is tomorrow in Greenwich, whose time the account keeps."""
    now = after_midnight()
    made = clinics.schedule(lee.user.clinician, kind := clinics.visit_type())
    clinics.booked(made, kind, now + timedelta(hours=hours), ana)
    with time_machine.travel(now):
        said = browser_of(lee).get(reverse("clinician:day")).content.decode()
    assert (ana.user.name in said) is shown


def test_where_nobody_comes_today_is_what_my_own_clocks_say(lee):
    now = after_midnight()
    with time_machine.travel(now):
        assert f"{now:%-d %B}" in browser_of(lee).get(reverse("clinician:day")).content.decode()
