"""Every address of the portal × everybody who might try it."""

import uuid

import pytest
from django.test import Client
from django.urls import reverse

from ehr.accounts.models import User
from ehr.portals.clinician.urls import urlpatterns
from ehr.words import Category
from providers.models import Team
from providers.teams import found_team
from tests import people
from tests.clinician.conftest import browser_of
from tests.teams import administrator

pytestmark = [pytest.mark.django_db, pytest.mark.security]

MORE = {"section": "results", "kind": "note", "press": "arrived"}
POSTED = {
    "emergency-end",
    "withdraw",
    "reply",
    "referral-withdraw",
    "team-remove",
    "team-assign",
    "team-unassign",
    "bedside",
    "day-act",
    "day-video-press",
    "time-back",
    "time-calendar-end",
}
# A clinician's own time, whoever shares a record with them: what an empty form is answered.
OWN_TIME = {"time-away": 422, "time-feed": 200, "time-feed-end": 302, "time-calendars": 422}
# Whoever belongs to a team sees it; to everybody else it is not there.
TEAMS = {"team"}
# Whose visit it is meets by video; to everybody else it is not there.
VISITS = {"day-video"}
# What somebody in each position is answered. "way": a step before it (sign in, second step, begin).
PATIENTS_PAGES = {one.name for one in urlpatterns if "patient" in one.pattern.converters}
OWN = {"home", "requests", "code", "credentials", "submit"}


def address(pattern, person, entry) -> str:
    given = {"patient": person.patient.pk, "logical_id": entry, "request_id": uuid.uuid4()} | MORE
    given |= {"referral": uuid.uuid4(), "dispensed": uuid.uuid4(), "to": User.objects.get(name="Charles Stranger").pk}
    given |= {name: uuid.uuid4() for name in ("visit", "absence", "calendar")}
    given |= {"team": Team.objects.get().pk, "member": User.objects.get(name="Mei Lee").pk}
    return reverse(f"clinician:{pattern.name}", kwargs={name: given[name] for name in pattern.pattern.converters})


def tried(browser, pattern, person, entry) -> int:
    at = address(pattern, person, entry)
    return (browser.post if pattern.name in POSTED | OWN_TIME.keys() else browser.get)(at).status_code


@pytest.fixture(autouse=True)
def team(lee, stranger):
    """Dr Lee leads a team of her own."""
    place = people.institution()
    return found_team(place, name="Night shift", lead=lee.user.clinician, by=administrator("Ida Berg", place))


@pytest.mark.parametrize("pattern", urlpatterns, ids=lambda one: one.name)
def test_each_address_answers_each_person_as_it_should(pattern, ana, lee, stranger, record):
    people.give(ana, lee, Category.LABS)
    entry, hidden = record["Glucose"], record["Asthma"]
    assert tried(Client(), pattern, ana, entry) == 302, "a passer-by is sent to sign in"
    assert tried(browser_of(lee, second_step=False), pattern, ana, entry) == 302, "the second step comes first"
    patient = tried(browser_of(ana, second_step=False), pattern, ana, entry)
    assert patient == (200 if pattern.name == "register" else 404), "a patient has no business here"
    unknown = tried(browser_of(stranger), pattern, ana, entry)
    assert unknown == OWN_TIME.get(pattern.name) or unknown == (
        404 if pattern.name in PATIENTS_PAGES | POSTED | TEAMS | VISITS else 302 if pattern.name == "register" else 200
    )
    reader = browser_of(lee)
    known = tried(reader, pattern, ana, entry)
    expected = {"register": 302, "emergency-end": 404, "withdraw": 404, "file": 404, "change": 404, "stop": 404}
    expected |= {
        "reply": 404,
        "bedside": 404,
        "referral-withdraw": 404,
        "report": 404,
        "copy": 403,
        "prescription": 404,
        "prescription-correct": 404,
    }
    expected |= {
        "day-act": 404,
        "day-video": 404,
        "day-video-press": 404,
        "time-back": 404,
        "time-calendar-end": 404,
    } | OWN_TIME
    expected |= {"team-remove": 302, "team-assign": 422, "team-unassign": 404}
    assert known == expected.get(pattern.name, 200)
    if "logical_id" in pattern.pattern.converters:
        assert tried(reader, pattern, ana, hidden) == 404, "what is hidden is not there"
        assert tried(reader, pattern, ana, uuid.uuid4()) == 404, "and what is not there is answered alike"


@pytest.mark.parametrize("pattern", urlpatterns, ids=lambda one: one.name)
def test_no_page_needs_more_than_get_and_post(pattern, ana, lee, record):
    assert browser_of(lee).delete(address(pattern, ana, record["Glucose"])).status_code == 405


def test_an_unknown_section_or_kind_is_not_found(ana, lee, browser):
    people.give(ana, lee, Category.LABS)
    for name, what in (("section", "secrets"), ("add", "surprise")):
        assert browser.get(reverse(f"clinician:{name}", args=[ana.patient.pk, what])).status_code == 404
