"""A clinician asks; the patient says yes, gives less, or says no."""

import pytest
from django.urls import reverse

from consent.models import AccessRequest, Grant
from consent.sharing.asking import ask
from ehr.words import Action, Category
from tests.patient.conftest import browser_of

WORDS = "To look at your blood results before Monday."


@pytest.fixture
def asking(ana, lee):
    return ask(
        ana.patient,
        reader=lee.user,
        keyring=lee.keyring,
        categories=[Category.LABS, Category.HISTORY, Category.MENTAL_HEALTH],
        actions=[Action.READ, Action.WRITE],
        days=45,
        words=WORDS,
    )


def test_a_request_shows_who_asks_for_what_why_and_for_how_long(browser, asking):
    page = browser.get(reverse("patient:answer", args=[asking.pk])).content.decode()
    for words in ("Dr Mei Lee", "Harbour Medical Centre", "confirmed until", WORDS, "45 days", "to treat you"):
        assert words in page
    assert "checked" not in page


def test_a_request_waits_on_the_home_page(browser, asking):
    assert "Dr Mei Lee</bdi> asks you for access" in browser.get(reverse("patient:home")).content.decode()


def test_a_patient_gives_less_than_was_asked(browser, asking):
    answer = {"ordinary": ["labs"], "days": "7"}
    response = browser.post(reverse("patient:answer", args=[asking.pk]), answer)
    read = browser.get(response["Location"]).context["sentence"]
    browser.post(response["Location"], {})
    grant = Grant.objects.get()
    assert (grant.categories, grant.actions, grant.sentence) == (["labs"], ["read"], read)


def test_a_yes_sent_twice_makes_one_grant(browser, asking):
    confirm = reverse("patient:answer-confirm", args=[asking.pk])
    browser.post(reverse("patient:answer", args=[asking.pk]), {"ordinary": ["labs"], "days": "7"})
    browser.get(confirm)
    assert browser.post(confirm, {})["Location"] == browser.post(confirm, {})["Location"]
    assert Grant.objects.count() == 1


def test_a_sensitive_part_that_was_asked_for_needs_a_second_tick(browser, asking):
    confirm = reverse("patient:answer-confirm", args=[asking.pk])
    browser.post(reverse("patient:answer", args=[asking.pk]), {"sensitive": ["mental-health"], "days": "7"})
    browser.get(confirm)
    browser.post(confirm, {})
    assert Grant.objects.count() == 0
    browser.post(confirm, {"also-mental-health": "on"})
    assert Grant.objects.get().categories == ["mental-health"]


def test_more_than_was_asked_cannot_be_chosen(browser, asking):
    page = browser.post(reverse("patient:answer", args=[asking.pk]), {"ordinary": ["treatment"], "days": "90"})
    assert page.status_code == 200
    assert page.context["form"].errors


def test_saying_no_takes_one_press(browser, asking):
    page = browser.post(reverse("patient:decline", args=[asking.pk]), follow=True).content.decode()
    assert "You said no" in page
    assert AccessRequest.objects.get().state == AccessRequest.State.DECLINED
    assert "You said no" in browser.get(reverse("patient:requests")).content.decode()


def test_anothers_request_is_not_there(ben, asking):
    for page in ("patient:answer", "patient:answer-confirm"):
        assert browser_of(ben).get(reverse(page, args=[asking.pk])).status_code == 404
    assert browser_of(ben).post(reverse("patient:decline", args=[asking.pk])).status_code == 404


def test_a_code_is_made_by_a_press_and_shown_once(browser, ana):
    address = reverse("patient:code")
    assert "code" not in browser.get(address).context
    made = browser.post(address)
    assert made.context["code"] in made.content.decode()
    assert made.context["code"] not in browser.get(address).content.decode()
