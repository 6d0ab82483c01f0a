"""The pages of a delegation, from both sides: naming and ending, switching, and what stands on every page meanwhile."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from consent import access
from consent.access.acting import acting_for
from consent.access.safety import hidden_from
from consent.delegates import naming
from consent.models import Delegation, Grant
from ehr import clock
from ehr.frame.drafting import draft
from tests import people
from tests.patient.conftest import browser_of

RESULT = {
    "resourceType": "Observation",
    "status": "final",
    "category": [{"coding": [{"code": "laboratory"}]}],
    "code": {"text": "Glucose"},
    "valueQuantity": {"value": 5.4, "unit": "mmol/L"},
}
EVERY = ("read", "add", "share", "log", "appointments")


@pytest.fixture
def rui(ground):
    return people.account("Rui Costa")


@pytest.fixture
def with_result(ana):
    access.add_own(ana.patient, [draft(ana.patient, RESULT)], keyring=ana.keyring)
    return ana


def name(ana, rui, rights=EVERY, parts=("labs", "history")) -> Delegation:
    terms = naming.of(basis="carer", rights=rights, categories=parts, ends=clock.now() + timedelta(days=30))
    asked = naming.ask(ana.patient, email=rui.user.email, terms=terms)
    naming.accept(asked, by=rui.user)
    return naming.sign(asked, keyring=ana.keyring)


def begun(ana, rui, **more):
    """A browser in which Rui acts for Ana."""
    made, browser = name(ana, rui, **more), browser_of(rui)
    browser.post(reverse("patient:acting-begin", args=[made.pk]))
    return browser


def page(browser, name, *args) -> str:
    answer = browser.get(reverse(name, args=args))
    assert answer.status_code == 200, answer
    return answer.content.decode()


# --- The patient's side --------------------------------------------------------------------------
def answers(rui, **instead):
    last = timezone.localtime(clock.now()).date() + timedelta(days=30)
    told = {"email": rui.user.email, "basis": "carer", "rights": ["read", "log"], "ordinary": ["labs"], "until": last}
    return told | instead


def test_from_asking_to_acting_through_the_pages(browser, with_result, rui):
    asked = browser.post(reverse("patient:delegate-name"), answers(rui))
    one = Delegation.objects.get()
    assert asked["Location"] == reverse("patient:delegate", args=[one.pk])
    assert not re.search(r"\bRui\b", page(browser, "patient:delegates"))
    theirs = browser_of(rui)
    assert "asks you to act for them" in page(theirs, "patient:acting")
    theirs.post(reverse("patient:acting-answer", args=[one.pk]), {"how": "agree"})
    sentence = page(browser, "patient:delegate-sign", one.pk)
    assert "Rui Costa may act for you, as your carer, until" in sentence
    read = re.search(r'name="read" value="(\w+)"', sentence)[1]
    browser.post(reverse("patient:delegate-sign", args=[one.pk]), {"read": read})
    theirs.post(reverse("patient:acting-begin", args=[one.pk]))
    assert "Glucose" in page(theirs, "patient:acting-part", "labs")


def test_asking_twice_by_the_same_page_asks_once(browser, ana, rui):
    once = re.search(r'name="once" value="([\w-]+)"', page(browser, "patient:delegate-name"))[1]
    for _ in range(2):
        browser.post(reverse("patient:delegate-name"), answers(rui, once=once))
    assert Delegation.objects.count() == 1


def test_a_sensitive_part_is_asked_about_again_before_it_is_signed(browser, ana, rui):
    browser.post(reverse("patient:delegate-name"), answers(rui, sensitive=["genetic"]))
    one = Delegation.objects.get()
    naming.accept(one, by=rui.user)
    sign = reverse("patient:delegate-sign", args=[one.pk])
    assert "my genetic information" in browser.post(sign).content.decode()
    assert not Grant.objects.exists()
    browser.post(sign, {"also-genetic": "on"})
    assert Grant.objects.get().categories == ["labs", "genetic"]


@pytest.mark.parametrize("missing", ["email", "basis", "rights", "until", "ordinary"])
def test_what_is_missing_is_said(browser, ana, rui, missing):
    sent = answers(rui)
    del sent[missing]
    assert 'class="errors"' in browser.post(reverse("patient:delegate-name"), sent).content.decode()
    assert not Delegation.objects.exists()


def test_the_patient_sees_who_acts_for_them_and_ends_it_at_once(browser, ana, rui):
    made = name(ana, rui)
    assert "Rui Costa" in page(browser, "patient:sharing")
    browser.post(reverse("patient:delegate-end", args=[made.pk]))
    assert acting_for(ana.patient, rui.user) is None
    assert "Nobody acts for you." in page(browser, "patient:delegates")


def test_ending_needs_no_open_keys(ana, rui):
    made = name(ana, rui)
    browser_of(ana, unlocked=False).post(reverse("patient:delegate-end", args=[made.pk]))
    assert acting_for(ana.patient, rui.user) is None


def test_anothers_delegation_is_not_there(ana, ben, rui):
    made = name(ana, rui)
    other = browser_of(ben)
    for page_name in ("delegate", "delegate-sign", "delegate-end"):
        assert other.get(reverse(f"patient:{page_name}", args=[made.pk])).status_code == 404
    assert other.post(reverse("patient:delegate-hide", args=[made.pk])).status_code == 404


def test_the_list_says_who_acted(browser, with_result, rui):
    theirs = begun(with_result, rui)
    page(theirs, "patient:acting-part", "labs")
    told = page(browser, "patient:looked")
    assert "Rui Costa" in told
    assert "Read your lab results and measurements, acting for you." in told
    assert "Acting for you" in told


# --- The delegate's side -------------------------------------------------------------------------
def test_nobody_has_the_pages_who_acts_for_nobody(ben):
    browser = browser_of(ben)
    for each in ("acting", "acting-home", "acting-looked", "acting-share", "acting-give-up"):
        assert browser.get(reverse(f"patient:{each}")).status_code == 404


def test_nobody_begins_by_opening_a_page(ana, rui):
    made, browser = name(ana, rui), browser_of(rui)
    assert browser.get(reverse("patient:acting-begin", args=[made.pk])).status_code == 405
    assert browser.get(reverse("patient:acting-home")).status_code == 404


def test_a_banner_says_for_whom_on_every_page_meanwhile(ana, rui):
    browser = begun(ana, rui)
    for each in ("patient:acting-home", "patient:acting", "front:account"):
        assert re.search(r"You act for <b>.*Ana Costa.*</b>, as their carer, until", page(browser, each))
    browser.post(reverse("patient:acting-stop"))
    assert "You act for <b>" not in page(browser, "front:account")
    assert browser.get(reverse("patient:acting-home")).status_code == 404


def test_ones_own_pages_wait_while_one_acts_for_another(ana, ben):
    browser = begun(ana, ben)
    answer = browser.get(reverse("patient:record"))
    assert answer["Location"] == reverse("patient:acting-home")
    assert "Stop that first" in browser.get(answer["Location"]).content.decode()
    browser.post(reverse("patient:acting-stop"))
    assert browser.get(reverse("patient:record")).status_code == 200


def test_the_session_is_checked_at_each_request(ana, rui):
    browser = begun(ana, rui)
    naming.end(Delegation.objects.get(), by=ana.user, keyring=ana.keyring)
    answer = browser.get(reverse("patient:acting-home"))
    assert answer.status_code == 404
    assert "You act for nobody now" in answer.content.decode()
    assert "You act for <b>" not in page(browser, "front:account")


def test_the_switch_goes_with_the_session(ana, rui):
    made, browser = name(ana, rui), browser_of(rui)
    browser.post(reverse("patient:acting-begin", args=[made.pk]))
    assert "You act for <b>" not in page(browser_of(rui), "front:account")


@pytest.mark.parametrize(
    ("rights", "hidden"),
    [
        (("log",), ("acting-part", "acting-add", "acting-share")),
        (("read",), ("acting-looked", "acting-add", "acting-share")),
    ],
)
def test_what_was_not_given_has_no_page_and_no_button(ana, rui, rights, hidden):
    browser = begun(ana, rui, rights=rights)
    home = page(browser, "patient:acting-home")
    arguments = {"acting-part": ["labs"], "acting-add": ["note"]}
    for each in hidden:
        address = reverse(f"patient:{each}", args=arguments.get(each, []))
        assert address not in home
        assert browser.get(address).status_code == 404


def test_locked_keys_are_asked_for(ana, rui):
    made, browser = name(ana, rui), browser_of(rui, unlocked=False)
    browser.post(reverse("patient:acting-begin", args=[made.pk]))
    assert browser.get(reverse("patient:acting-part", args=["labs"]))["Location"].startswith(reverse("front:unlock"))


def test_a_reading_is_added_with_the_delegates_name(with_result, rui):
    browser = begun(with_result, rui)
    at = timezone.localtime(clock.now()).strftime("%Y-%m-%dT%H:%M")
    browser.post(reverse("patient:acting-add", args=["weight"]), {"value": "71.5", "unit": "kg", "at": at})
    assert "Rui Costa, for Ana Costa" in page(browser, "patient:acting-part", "labs")


def test_every_offered_addition_can_be_made(ana, rui):
    browser = begun(ana, rui)
    links = re.findall(r'href="(/patient/for/add/[^"]+)"', page(browser, "patient:acting-home"))
    assert links
    assert {browser.get(link).status_code for link in links} == {200}


def test_a_clinician_is_let_in_through_the_pages_and_out_again(with_result, rui, lee):
    browser = begun(with_result, rui)
    assert "Mei Lee" in page(browser, "patient:acting-share")
    chosen = browser.post(reverse("patient:acting-share-with", args=[lee.user.pk]), {"ordinary": ["labs"], "days": "7"})
    assert "Rui Costa agrees to this for you." in browser.get(chosen["Location"]).content.decode()
    browser.post(chosen["Location"])
    grant = Grant.objects.get(kind=Grant.Kind.GIVEN)
    assert "Mei Lee" in page(browser, "patient:acting-share")
    browser.post(reverse("patient:acting-share-stop", args=[grant.pk]))
    grant.refresh_from_db()
    assert grant.ending


def test_giving_it_back_takes_one_press_and_the_patient_is_told(ana, rui):
    browser = begun(ana, rui)
    browser.post(reverse("patient:acting-give-up"))
    assert acting_for(ana.patient, rui.user) is None
    assert "You act for <b>" not in page(browser, "front:account")


def test_who_acts_for_somebody_and_has_no_record_comes_to_their_pages(ana, rui):
    name(ana, rui)
    assert reverse("patient:acting") in page(browser_of(rui), "front:account")


# --- Safety mode ---------------------------------------------------------------------------------
def test_what_is_kept_from_a_delegate_is_chosen_on_their_page(browser, ana, rui):
    made = name(ana, rui)
    theirs = browser_of(rui)
    theirs.post(reverse("patient:acting-begin", args=[made.pk]))
    before = page(theirs, "patient:acting-home")
    browser.post(reverse("patient:delegate-hide", args=[made.pk]), {"chosen": "yes", "what": ["address", "log"]})
    assert re.search(r'value="address"[^>]*checked', page(browser, "patient:delegate", made.pk))
    assert re.sub(r'value="\w{64}"', "", page(theirs, "patient:acting-home")).split("<footer")[0].count("<a ") == (
        before.split("<footer")[0].count("<a ")
    )


def test_a_form_that_was_not_sent_whole_keeps_what_is_kept_from_them(browser, ana, rui):
    made = name(ana, rui)
    hide = reverse("patient:delegate-hide", args=[made.pk])
    browser.post(hide, {"chosen": "yes", "what": ["address"]})
    assert "Nothing was changed" in browser.post(hide, follow=True).content.decode()
    assert hidden_from(ana.patient, rui.user) == {"address"}
    browser.post(hide, {"chosen": "yes"})
    assert hidden_from(ana.patient, rui.user) == set()
