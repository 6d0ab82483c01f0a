"""A clinician asks; the patient says yes, gives less, or says no."""

from datetime import date

import pytest
from django.urls import reverse

from consent.models import AccessRequest, Grant
from consent.sharing import requests
from consent.sharing.asking import ask, explain
from ehr.words import Action, Category
from tests import people
from tests.clinician.conftest import lab, put
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


# --- Narrower, and why ---------------------------------------------------------------------------
@pytest.fixture
def two(ana):
    """Two lab results of Ana's."""
    return put(ana, lab("Glucose", "90", "2022-06-30"), lab("Sodium", "140", "2024-06-30", code="2951-2"))


def answered(browser, asking, **answers):
    return browser.post(reverse("patient:answer", args=[asking.pk]), {"ordinary": ["labs"], "days": "7"} | answers)


def test_a_request_is_answered_with_ticked_entries_only(browser, ana, lee, asking, two):
    answered(browser, asking)
    narrow = reverse("patient:share-narrow", args=[asking.pk])
    entries = reverse("patient:share-entries", args=[asking.pk])
    assert browser.post(narrow, {"which": "chosen"})["Location"] == entries
    where = browser.post(entries, {"shown": two, "entry": [two[1]]})["Location"]
    assert "one entry that you chose" in browser.get(where).context["sentence"]
    browser.post(where, {})
    assert Grant.objects.get().entries == [str(two[1])]
    assert Grant.objects.get().request == asking


def test_a_request_is_answered_for_the_past_only(browser, ana, asking, two):
    answered(browser, asking)
    where = browser.post(reverse("patient:share-narrow", args=[asking.pk]), {"which": "past"})["Location"]
    browser.get(where)
    browser.post(where, {})
    assert Grant.objects.get().record_until is not None


def test_a_time_that_was_asked_for_is_the_widest_that_can_be_given(browser, ana, lee, two):
    asked = ask(
        ana.patient,
        reader=lee.user,
        keyring=lee.keyring,
        categories=[Category.LABS],
        days=30,
        words=WORDS,
        record_from=date(2024, 1, 1),
        record_until=date(2024, 12, 31),
    )
    assert (
        "What was recorded from 1 January 2024"
        in browser.get(reverse("patient:answer", args=[asked.pk])).content.decode()
    )
    where = answered(browser, asked)["Location"]
    assert "recorded from 1 January 2024 to 31 December 2024" in browser.get(where).context["sentence"]
    narrow = reverse("patient:share-narrow", args=[asked.pk])
    for dates in ({"first": "2023-01-01", "last": "2024-12-31"}, {"first": "2024-06-01"}):
        assert "They asked for less" in browser.post(narrow, {"which": "dates"} | dates).content.decode()
    browser.post(narrow, {"which": "chosen"})
    shown = browser.get(reverse("patient:share-entries", args=[asked.pk])).context["page"]
    assert [one.title for one in shown] == ["Sodium"]


def test_single_entries_that_were_asked_for_are_lines_to_tick(browser, ana, lee, two):
    people.give(ana, lee, Category.LABS)
    asked = ask(
        ana.patient, reader=lee.user, keyring=lee.keyring, days=30, words=WORDS, entries=[str(one) for one in two]
    )
    page = browser.get(reverse("patient:answer", args=[asked.pk])).content.decode()
    assert "asks to see 2 entries of your lab results" in page
    assert "Sodium" in page
    assert "checked" not in page
    address = reverse("patient:answer", args=[asked.pk])
    assert "Tick at least one entry" in browser.post(address, {"days": "7"}).content.decode()
    where = browser.post(address, {"entry": [str(two[0])], "days": "7"})["Location"]
    browser.get(where)
    browser.post(where, {})
    assert Grant.objects.get(request=asked).entries == [str(two[0])]


def test_ticking_all_leaves_the_sensitive_part_out(browser, asking):
    form = browser.post(reverse("patient:answer", args=[asking.pk]), {"all": "1", "days": "7"}).context["form"]
    assert form["ordinary"].value() == ["history", "labs"]
    assert not form["sensitive"].value()
    assert form["days"].value() == "7"


def test_why_is_asked_on_the_page_and_its_answer_read_there(browser, ana, lee, asking):
    address = reverse("patient:why", args=[asking.pk])
    assert "Write your question" in browser.post(address, {"question": ""}).content.decode()
    page = browser.post(address, {"question": "What for?"}, follow=True).content.decode()
    assert "Your question is on its way" in page
    assert "They have not answered yet" in page
    explain(requests.sent_one(lee.user, asking.pk), by=lee.user, keyring=lee.keyring, words="For your <b>visit</b>.")
    page = browser.get(reverse("patient:answer", args=[asking.pk])).content.decode()
    assert "For your &lt;b&gt;visit&lt;/b&gt;." in page
    assert "They answered your question" in browser.get(reverse("patient:home")).content.decode()


def test_anothers_request_is_not_asked_about(ben, asking):
    assert browser_of(ben).post(reverse("patient:why", args=[asking.pk]), {"question": "x"}).status_code == 404
