"""Every address of the portal × everybody who might try it."""

import uuid

import pytest
from django.test import Client
from django.urls import reverse

from ehr.portals.clinician.urls import urlpatterns
from ehr.words import Category
from tests import people
from tests.clinician.conftest import browser_of

pytestmark = [pytest.mark.django_db, pytest.mark.security]

MORE = {"section": "results", "kind": "note"}
POSTED = {"emergency-end", "withdraw"}
# What somebody in each position is answered. "way": a step before it (sign in, second step, begin).
PATIENTS_PAGES = {one.name for one in urlpatterns if "patient" in one.pattern.converters}
OWN = {"home", "requests", "code", "credentials", "submit"}


def address(pattern, person, entry) -> str:
    given = {"patient": person.patient.pk, "logical_id": entry, "request_id": uuid.uuid4()} | MORE
    return reverse(f"clinician:{pattern.name}", kwargs={name: given[name] for name in pattern.pattern.converters})


def tried(browser, pattern, person, entry) -> int:
    at = address(pattern, person, entry)
    return (browser.post if pattern.name in POSTED else browser.get)(at).status_code


@pytest.mark.parametrize("pattern", urlpatterns, ids=lambda one: one.name)
def test_each_address_answers_each_person_as_it_should(pattern, ana, lee, stranger, record):
    people.give(ana, lee, Category.LABS)
    entry, hidden = record["Glucose"], record["Asthma"]
    assert tried(Client(), pattern, ana, entry) == 302, "a passer-by is sent to sign in"
    assert tried(browser_of(lee, second_step=False), pattern, ana, entry) == 302, "the second step comes first"
    patient = tried(browser_of(ana, second_step=False), pattern, ana, entry)
    assert patient == (200 if pattern.name == "register" else 404), "a patient has no business here"
    unknown = tried(browser_of(stranger), pattern, ana, entry)
    assert unknown == (404 if pattern.name in PATIENTS_PAGES | POSTED else 302 if pattern.name == "register" else 200)
    reader = browser_of(lee)
    known = tried(reader, pattern, ana, entry)
    expected = {"register": 302, "emergency-end": 404, "withdraw": 404, "file": 404, "change": 404, "stop": 404}
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
