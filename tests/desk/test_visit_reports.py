"""Reports at the desk: a chart and a table each, for an institution's own administrators, and as a file."""

import csv
import io
from datetime import UTC, datetime

import pytest
import time_machine
from django.urls import reverse

from ehr.desk import visit_reports
from ehr.lines import bars
from tests import people
from tests.appointments import clinics
from tests.desk.conftest import session_of
from tests.teams import administrator, at_the_desk

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.desk.addresses")]
PAGE, FILE = "admin:appointments_appointment_changelist", "admin:appointments_appointment_file"


@pytest.fixture(autouse=True)
def _later():
    with time_machine.travel(datetime(2026, 11, 30, 12, tzinfo=UTC), tick=False):
        yield


@pytest.fixture
def browser():
    people.prepare_ground()
    return session_of(at_the_desk(administrator("Ida Berg", people.institution())))


@pytest.fixture
def visit(browser):
    made = clinics.schedule(people.clinician("Mei Lee").user.clinician, kind := clinics.visit_type(name="=cmd Visit"))
    clinics.open_on(made, range(7), "08:00", "18:00")
    return clinics.booked(made, kind, datetime(2026, 11, 24, 15, tzinfo=UTC), people.patient("Ana Costa"))


def test_every_chart_has_a_title_a_description_and_a_table_with_the_same_numbers(browser, visit):
    visit.status = "noshow"
    visit.save()
    page = browser.get(reverse(PAGE)).content.decode()
    assert page.count('role="img"') == page.count("<desc ") >= 5
    assert page.count("<svg") <= page.count("<table")
    assert "1 of 1 visit" in page
    assert "100 %" not in page
    assert "Ana Costa" not in page
    assert "<script>" not in page


def test_the_file_has_the_numbers_behind_the_shares_and_begins_no_formula(browser, visit):
    answer = browser.get(reverse(FILE), {"first": "2026-11-23", "last": "2026-11-29"})
    assert answer["Content-Type"].startswith("text/csv")
    rows = list(csv.reader(io.StringIO(answer.content.decode())))
    assert ["booked-minutes-by-clinician", "Dr Mei Lee", "30", "4200", "", ""] in rows
    assert [row[1] for row in rows if row[0] == "days-ahead-by-kind"] == ["'=cmd Visit"]


def test_another_institutions_figures_do_not_exist(browser, visit):
    elsewhere = people.institution("Elsewhere Clinic")
    for address in (PAGE, FILE):
        assert browser.get(reverse(address), {"institution": elsewhere.pk}).status_code == 404
        assert browser.get(reverse(address), {"institution": "none"}).status_code == 404


def test_who_administers_nothing_finds_no_page():
    people.prepare_ground()
    for user in (people.clinician("Mei Lee").user, at_the_desk(people.account("Nora Null").user)):
        assert {session_of(user).get(reverse(address)).status_code for address in (PAGE, FILE)} == {404}


@pytest.mark.parametrize(
    "asked", [{"first": "2026-11-20", "last": "2026-11-01"}, {"first": "2020-01-01"}, {"last": "x"}]
)
def test_a_period_that_cannot_be_told_says_what_to_choose(browser, asked):
    assert browser.get(reverse(PAGE), asked).status_code == 422
    assert browser.get(reverse(FILE), asked).status_code == 404


def test_without_visits_the_page_says_so(browser):
    page = browser.get(reverse(PAGE)).content.decode()
    # Under both of its headings: by place, and by kind of visit.
    assert page.count("No visit is over yet.") == 2
    assert "<svg" not in page.replace("img/seal.svg", "")


def test_a_bar_is_never_longer_than_its_row():
    drawn = bars.svg([bars.Bar("A", 1.4, "140 %"), bars.Bar("B", 0.5, "50 %")], title="T", description="D", whole=1.0)
    assert (drawn.count('width="352"'), drawn.count('width="352.0"')) == (2, 1)
    assert 'width="176.0"' in drawn
    assert visit_reports.days(1) == "1 day"
    assert visit_reports.days(2.5) == "2.5 days"
