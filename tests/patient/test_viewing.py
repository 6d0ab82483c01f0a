"""View as: the patient's own record as a named reader sees it, and the line that says it was the patient."""

import pytest
from django.urls import reverse

from audit.queries import story
from consent.sharing.grants import Narrow
from ehr.words import Category
from tests import people
from tests.clinician.conftest import allergy, lab, put
from tests.patient.conftest import browser_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def record(ana):
    return put(ana, lab("Glucose", "154", "2026-10-01"), allergy("Penicillin"))


def view(browser, reader, **asked):
    return browser.get(reverse("patient:view-as", args=[reader.user.pk]), asked).content.decode()


def test_it_shows_what_is_shared_and_nothing_else_under_a_banner(browser, ana, lee, record):
    people.give(ana, lee, Category.LABS)
    page = view(browser, lee)
    assert "This is what <bdi>Dr Mei Lee</bdi> sees now" in page
    assert "Glucose" in page
    assert "Penicillin" not in page
    assert page.count("not shared") == 5


def test_of_chosen_entries_only_these_are_shown(browser, ana, lee, record):
    people.give(ana, lee, Category.HISTORY, narrow=Narrow(entries=frozenset({str(record[1])})))
    page = view(browser, lee)
    assert "Penicillin" in page
    assert "Glucose" not in page


def test_where_nothing_opens_the_words_they_would_read_are_shown(browser, ana, lee, record):
    page = view(browser, lee)
    assert "has not given you access" in page
    assert "Glucose" not in page


def test_where_countries_are_named_one_chooses_where_they_are(browser, ana, lee, record):
    people.give(ana, lee, Category.LABS, narrow=Narrow(places=frozenset({"PT"})))
    assert "as if in Portugal" in view(browser, lee)
    assert "Glucose" in view(browser, lee, place="PT")
    page = view(browser, lee, place="unknown")
    assert "Glucose" not in page
    assert "cannot tell which one you are in" in page


def test_the_list_says_that_it_was_the_patient(browser, ana, lee, record):
    people.give(ana, lee, Category.LABS)
    view(browser, lee)
    line = story(ana.patient.pk)[0]
    assert (line.action, line.actor.id) == ("record.viewed-as", ana.user.pk)


def test_locked_keys_lead_to_unlocking(ana, lee):
    answer = browser_of(ana, unlocked=False).get(reverse("patient:view-as", args=[lee.user.pk]))
    assert answer["Location"].startswith(reverse("front:unlock"))


def test_nobody_looks_through_the_eyes_of_somebody_who_is_no_clinician(browser, ben):
    assert browser.get(reverse("patient:view-as", args=[ben.user.pk])).status_code == 404


def test_the_way_to_it_is_on_what_was_agreed_to(browser, ana, lee):
    grant = people.give(ana, lee, Category.LABS)
    page = browser.get(reverse("patient:grant", args=[grant.pk])).content.decode()
    assert reverse("patient:view-as", args=[lee.user.pk]) in page
