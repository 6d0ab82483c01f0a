"""The page of what others say that a patient agreed to: read, decide anew, or put aside."""

import pytest
from django.urls import reverse

from consent.models import Grant
from consent.sharing import incoming
from tests.consent.test_incoming import HOSPITAL, actor, consent, numbered
from tests.patient.conftest import browser_of


def send(person, resource):
    (draft,) = incoming.receive(person.patient, resource, source="City Hospital", by=HOSPITAL)
    return draft


def test_a_draft_waits_in_the_inbox_and_says_that_it_opens_nothing(ana, lee, browser):
    draft = send(ana, consent(numbered(lee)))
    text = browser.get(reverse("patient:requests")).content.decode()
    assert "City Hospital" in text
    assert reverse("patient:proposed", args=[draft.pk]) in text
    page = browser.get(reverse("patient:proposed", args=[draft.pk])).content.decode()
    assert "It opens nothing." in page
    assert "Mei Lee" in page
    assert "lab results" in page


def test_what_was_not_taken_over_is_said_in_words(ana, browser):
    draft = send(ana, consent(actor({"display": "Dr Unknown"}), securityLabel=None))
    page = browser.get(reverse("patient:proposed", args=[draft.pk])).content.decode()
    assert "Dr Unknown" in page
    assert "Find them in the directory" in page
    assert "stay closed unless you tick them" in page


@pytest.mark.parametrize("end", ["9999-12-31T23:59:59-05:00", "0001-01-01T00:00:00+01:00"])
def test_an_end_beside_the_calendar_is_for_the_patient_to_say(ana, lee, browser, end):
    draft = send(ana, consent(numbered(lee), period={"end": end}))
    assert "Mei Lee" in browser.get(reverse("patient:proposed", args=[draft.pk])).content.decode()


def test_taking_it_up_leads_to_the_pages_of_any_permission_and_signs_nothing(ana, lee, browser):
    draft = send(ana, consent(numbered(lee)))
    page = browser.post(reverse("patient:proposed-take-up", args=[draft.pk]), follow=True)
    assert page.resolver_match.url_name == "share-what"
    assert page.context["form"].initial["ordinary"] == ["labs"]
    assert not Grant.objects.exists()


def test_somebody_unknown_is_looked_for_in_the_directory(ana, browser):
    draft = send(ana, consent(actor({"display": "Dr Unknown"})))
    page = browser.post(reverse("patient:proposed-take-up", args=[draft.pk]), follow=True)
    assert page.resolver_match.url_name == "find"


def test_put_aside_it_is_gone(ana, lee, browser):
    draft = send(ana, consent(numbered(lee)))
    page = browser.post(reverse("patient:proposed-dismiss", args=[draft.pk]), follow=True)
    assert "Put aside." in page.content.decode()
    assert browser.get(reverse("patient:proposed", args=[draft.pk])).status_code == 404


def test_somebody_elses_draft_is_not_there(ana, ben, lee):
    draft, other = send(ana, consent(numbered(lee))), browser_of(ben)
    assert other.get(reverse("patient:proposed", args=[draft.pk])).status_code == 404
    assert other.post(reverse("patient:proposed-dismiss", args=[draft.pk])).status_code == 404
    assert incoming.of_patient(ana.patient, draft.pk) == draft
