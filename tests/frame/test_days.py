"""Days that people type: of a year they mean. The calendar's first and last day have nothing before or after them."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
import time_machine
from django import forms
from django.conf import settings
from django.utils import timezone

from ehr.frame.finding_forms import FindForm
from ehr.frame.forms import DayField
from ehr.frame.identifiers import IDENTIFIERS
from ehr.portals.clinician.time_forms import AwayForm
from ehr.portals.patient.forms import ReadingForm
from ehr.portals.patient.readings import READINGS

ENDS = ["0001-01-01", "0001-01-02", "1849-12-31", "3000-01-01", "9999-12-30", "9999-12-31"]


@pytest.mark.parametrize("day", ENDS)
def test_a_day_of_a_year_that_nobody_means_is_asked_for_again(day):
    with pytest.raises(forms.ValidationError, match="from 1850 to 2999"):
        DayField().clean(day)


@pytest.mark.parametrize("day", ["1850-01-01", "1980-03-25", "2999-12-31"])
def test_a_day_that_somebody_may_mean_is_taken(day):
    assert f"{DayField().clean(day)}" == day


@pytest.mark.parametrize("field", ["first", "last"])
@pytest.mark.parametrize("day", ENDS)
def test_time_away_in_such_a_year_is_said_at_its_field(field, day):
    form = AwayForm({"first": "2026-06-01", "last": "2026-06-02", field: day})
    assert list(form.errors) == [field]


@pytest.mark.parametrize("at", ["0001-01-01T00:00", "9999-12-31T23:59"])
def test_a_moment_in_such_a_year_is_asked_for_again(at):
    assert "at" in ReadingForm(READINGS["blood-pressure"], {"at": at}).errors


def test_who_was_born_today_where_the_reader_is_is_found_today():
    told = {"name": "Ana Costa", "birth_date": "2027-05-04", "system": IDENTIFIERS[1][0], "number": "123456"}
    with time_machine.travel(datetime(2027, 5, 3, 23, 50, tzinfo=UTC), tick=False):
        assert "birth_date" in FindForm(told).errors
        with timezone.override("Pacific/Auckland"):
            assert "birth_date" not in FindForm(told).errors


def test_no_form_takes_a_day_without_looking_at_its_year():
    rooms = Path(settings.BASE_DIR, "ehr").rglob("*.py")
    assert not [str(one) for one in rooms if re.search(r"forms\.DateField\(", one.read_text())]
