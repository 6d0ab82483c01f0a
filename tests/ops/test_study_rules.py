"""What research is told at most may be set stricter, never laxer, and says so before anything starts."""

import os
import subprocess
import sys

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from ehr import study_rules
from research import disclosure


def started(**names):
    """Return what the settings of a program say that starts with these in its environment."""
    code = (
        "from django.conf import settings as s;"
        "print(s.RESEARCH_SMALL, s.RESEARCH_BASE, s.RESEARCH_REPEATS, s.RESEARCH_REPEAT_DAYS)"
    )
    clean = {name: value for name, value in os.environ.items() if not name.startswith("RESEARCH_")}
    env = clean | names | {"DJANGO_SETTINGS_MODULE": "ehr.settings", "DATA_DIR": str(settings.DATA_DIR)}
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=env, cwd=settings.BASE_DIR, check=False
    )


def test_without_a_word_the_floors_hold():
    assert (settings.RESEARCH_SMALL, settings.RESEARCH_BASE) == (disclosure.SMALL, disclosure.BASE) == (11, 5)
    assert (settings.RESEARCH_REPEATS, settings.RESEARCH_REPEAT_DAYS) == (7, 30)
    assert (settings.RESEARCH_STUDY_NANO_RHO, settings.RESEARCH_PATIENT_NANO_RHO) == (500_000_000, 1_000_000_000)
    assert settings.RESEARCH_ZIP_CENSUS is None


def test_a_program_takes_what_is_stricter():
    found = started(RESEARCH_SMALL="20", RESEARCH_BASE="9", RESEARCH_REPEATS="3", RESEARCH_REPEAT_DAYS="60")
    assert found.stdout.split() == ["20", "9", "3", "60"]


def test_a_program_that_would_tell_more_does_not_start():
    found = started(RESEARCH_SMALL="5")
    assert found.returncode
    assert "RESEARCH_SMALL is 5. Set it to 11 or more, or leave it out" in found.stderr


@pytest.mark.parametrize("told", ["0", "10", "1"])
def test_below_a_floor_is_refused(monkeypatch, told):
    monkeypatch.setenv("RESEARCH_SMALL", told)
    with pytest.raises(ImproperlyConfigured, match=f"RESEARCH_SMALL is {told}. Set it to 11 or more"):
        study_rules.at_least("RESEARCH_SMALL", 11, "groups of 1 to 10 people are told of nowhere")


@pytest.mark.parametrize("told", ["0", "8"])
def test_above_a_ceiling_is_refused_and_so_is_none(monkeypatch, told):
    monkeypatch.setenv("RESEARCH_REPEATS", told)
    with pytest.raises(ImproperlyConfigured, match="Set it from 1 to 7"):
        study_rules.at_most("RESEARCH_REPEATS", 7, "who asks the same more often averages the noise away")


@pytest.mark.parametrize("told", ["eleven", "-11", "11.5"])
def test_what_is_no_number_is_refused(monkeypatch, told):
    monkeypatch.setenv("RESEARCH_SMALL", told)
    with pytest.raises(ImproperlyConfigured, match="whole number"):
        study_rules.at_least("RESEARCH_SMALL", 11, "groups of 1 to 10 people are told of nowhere")


@pytest.mark.parametrize("told", ["3", "6", "13"])
def test_rounding_is_odd_from_five_to_the_smallest_number_told(monkeypatch, told):
    monkeypatch.setenv("RESEARCH_BASE", told)
    with pytest.raises(ImproperlyConfigured, match="RESEARCH_BASE is"):
        study_rules.base(11)


@pytest.mark.parametrize(
    ("census", "sparse", "says"),
    [
        ("2020", "", "one is set"),
        ("", "036", "one is set"),
        ("2021", "036", "year of a census"),
        ("2000", "036", "built in"),
        ("2020", "036,59", "names '59'"),
    ],
)
def test_areas_are_those_of_one_census(monkeypatch, census, sparse, says):
    monkeypatch.setenv("RESEARCH_ZIP_CENSUS", census)
    monkeypatch.setenv("RESEARCH_ZIP_SPARSE", sparse)
    with pytest.raises(ImproperlyConfigured, match=says):
        study_rules.areas()


def test_areas_of_a_later_census_take_the_place_of_those_built_in(monkeypatch):
    monkeypatch.setenv("RESEARCH_ZIP_CENSUS", "2020")
    monkeypatch.setenv("RESEARCH_ZIP_SPARSE", "036, 059")
    assert study_rules.areas() == (2020, frozenset({"036", "059"}))


def test_without_a_word_no_study_pays_through_the_contract():
    assert (settings.RESEARCH_PAY_WEI, settings.RESEARCH_SPONSOR) == ({}, "")


def test_each_currency_has_its_own_unit(monkeypatch):
    monkeypatch.setenv("RESEARCH_PAY_WEI", "CAD=1000000000, JPY=100000000000")
    assert study_rules.pay_units() == {"CAD": 10**9, "JPY": 10**11}


@pytest.mark.parametrize("told", ["CAD", "CAD=0", "cad=5", "CAD=1.5", "CAD=9999999999999999999"])
def test_a_unit_is_a_whole_number_of_wei_for_a_currency(monkeypatch, told):
    monkeypatch.setenv("RESEARCH_PAY_WEI", told)
    with pytest.raises(ImproperlyConfigured, match="stand for a cent"):
        study_rules.pay_units()


def test_production_names_to_whom_unclaimed_pay_goes_back(monkeypatch):
    monkeypatch.setattr(study_rules, "PRODUCTION", True)
    with pytest.raises(ImproperlyConfigured, match="Set RESEARCH_SPONSOR, too"):
        study_rules.sponsor({"CAD": 1})


def test_an_address_without_its_check_is_refused(monkeypatch):
    monkeypatch.setenv("RESEARCH_SPONSOR", "0x52908400098527886e0f7030069857d2e4169ee7")
    with pytest.raises(ImproperlyConfigured, match="capital letters"):
        study_rules.sponsor({})
