"""A physician proposes a specialist; the patient says yes, gives less, or no; or agrees beforehand, by a mandate."""

from datetime import timedelta

import pytest
from django.urls import reverse

from consent import authority
from consent.access import own_party
from consent.judging import judge
from consent.models import Grant, Mandate, Referral
from consent.sharing import grants, referrals
from ehr.words import Action, Category, Purpose
from providers.roles import Role
from tests import people
from tests.patient.conftest import browser_of

pytestmark = pytest.mark.django_db
WORDS = "Please let her look at your heart."
PARTS = (Category.LABS, Category.HISTORY, Category.MENTAL_HEALTH)
MANDATE = {"ordinary": ["labs"], "roles": ["specialist"], "days": "30", "span": "quarter"}


@pytest.fixture
def heart(ground):
    return people.clinician("Hana Heart", role=Role.SPECIALIST)


@pytest.fixture
def held(ana, lee):
    return people.give(ana, lee, *PARTS, actions=(Action.READ, Action.WRITE), days=200)


@pytest.fixture
def referral(ana, lee, heart, held):
    return referrals.refer(
        ana.patient, referrer=lee.user, keyring=lee.keyring, to=heart.user, categories=PARTS, days=30, words=WORDS
    )


def page(name: str, one) -> str:
    return reverse(f"patient:{name}", args=[one.pk])


def given() -> list[Grant]:
    return list(Grant.objects.filter(kind=Grant.Kind.REFERRAL))


def say_yes(browser, referral, **answers):
    told = {"ordinary": ["labs"], "days": "7"} | answers
    return browser.post(page("referral", referral), told)


# --- The inbox -----------------------------------------------------------------------------------
def test_j5_2_a_proposal_says_who_proposes_whom_for_what_how_long_and_why(browser, referral):
    shown = browser.get(page("referral", referral)).content.decode()
    for words in ("Dr Mei Lee", "Dr Hana Heart", "Harbour Medical Centre", "confirmed until", WORDS, "They signed"):
        assert words in shown
    assert "until 7 days after their report" in shown
    assert "checked" not in shown


@pytest.mark.parametrize("where", ["home", "sharing", "requests", "referrals"])
def test_a_proposal_waits_beside_the_requests(browser, referral, where):
    shown = browser.get(reverse(f"patient:{where}")).content.decode()
    assert page("referral", referral) in shown
    assert "Dr Mei Lee</bdi> proposes" in shown


def test_words_that_were_not_signed_are_said_to_be_so(browser, referral):
    Referral.objects.filter(pk=referral.pk).update(days=29)
    assert "Their words do not open" in browser.get(page("referral", referral)).content.decode()


# --- Yes, less, no -------------------------------------------------------------------------------
def test_j5_2_the_patient_gives_less_by_one_sentence(browser, referral):
    where = say_yes(browser, referral)["Location"]
    read = browser.get(where).context["sentence"]
    assert "7 days after their report" in read
    browser.post(where, {})
    [grant] = given()
    assert (grant.categories, grant.actions, grant.sentence) == (["labs"], ["read"], read)
    assert authority.signed_by_patient(grant)
    assert grant.ends - grant.starts == timedelta(days=7)


def test_a_yes_sent_twice_makes_one_permission(browser, referral):
    where = say_yes(browser, referral)["Location"]
    browser.get(where)
    assert browser.post(where, {})["Location"] == browser.post(where, {})["Location"] == page("grant", given()[0])
    assert len(given()) == 1


def test_a_sensitive_part_needs_its_own_tick(browser, referral):
    where = say_yes(browser, referral, sensitive=["mental-health"])["Location"]
    browser.get(where)
    browser.post(where, {})
    assert given() == []
    browser.post(where, {"also-mental-health": "on"})
    assert given()[0].categories == ["labs", "mental-health"]


def test_sensitive_parts_are_not_among_all(browser, referral):
    form = browser.post(page("referral", referral), {"all": "1"}).context["form"]
    assert set(form["ordinary"].value()) == {"labs", "history"}
    assert not form["sensitive"].value()


def test_more_than_was_proposed_cannot_be_chosen(browser, referral):
    for beyond in ({"ordinary": ["treatment"]}, {"days": "90"}):
        shown = say_yes(browser, referral, **beyond)
        assert shown.context["form"].errors
    assert given() == []


def test_saying_no_takes_one_press_and_tells_no_more(browser, lee, referral):
    shown = browser.post(page("referral-decline", referral), follow=True).content.decode()
    assert "You said no" in shown
    assert Referral.objects.get().state == Referral.State.DECLINED
    assert browser.post(page("referral-decline", referral)).status_code == 302


def test_a_proposal_whose_author_was_stopped_is_not_confirmed(ana, browser, held, referral):
    where = say_yes(browser, referral)["Location"]
    browser.get(where)
    grants.end(held, keyring=ana.keyring, by=own_party(ana.patient))
    assert "does not see your record any more" in browser.post(where, {}).content.decode()
    assert given() == []


def test_a_proposal_that_is_answered_waits_no_more(browser, referral):
    referrals.decline(referral)
    shown = browser.get(page("referral", referral)).content.decode()
    assert "waits no more" in shown
    assert 'id="yes"' not in shown


@pytest.mark.security
def test_anothers_proposal_is_not_there(ben, referral):
    for name in ("referral", "referral-confirm"):
        assert browser_of(ben).get(page(name, referral)).status_code == 404
    assert browser_of(ben).post(page("referral-decline", referral)).status_code == 404


def test_locked_keys_lead_to_unlocking_and_saying_no_needs_none(ana, referral):
    locked = browser_of(ana, unlocked=False)
    assert "unlock" in locked.get(page("referral", referral))["Location"]
    assert locked.post(page("referral-decline", referral)).status_code == 302
    assert Referral.objects.get().state == Referral.State.DECLINED


def test_j5_6_stopping_says_beforehand_what_ends_with_it_and_ends_it(ana, browser, heart, held, referral):
    passed_on = referrals.approve(referral, keyring=ana.keyring, categories=["labs"], actions=["read"], days=5)
    shown = browser.get(page("stop", held)).content.decode()
    assert "this ends in the same moment" in shown
    assert "Dr Hana Heart" in shown
    assert "this ends in the same moment" not in browser.get(page("stop", passed_on)).content.decode()
    browser.post(page("stop", held))
    seen = judge(ana.patient, heart.user, action=Action.READ, purpose=Purpose.TREAT, parts=[Category.LABS])
    assert (seen.opens_anything, seen.because) == (False, "stopped")


def test_j5_6_changing_says_beforehand_what_ends_with_it(ana, browser, held, referral):
    referrals.approve(referral, keyring=ana.keyring, categories=["labs"], actions=["read"], days=5)
    where = browser.post(page("change", held), {"ordinary": ["history"], "span": "same"})["Location"]
    shown = browser.get(where).content.decode()
    assert "this ends in the same moment" in shown
    assert "Dr Hana Heart" in shown


def test_j5_6_ending_many_and_keeping_out_say_beforehand_what_ends_with_it(ana, lee, browser, held, referral):
    referrals.approve(referral, keyring=ana.keyring, categories=["labs"], actions=["read"], days=5)
    many = browser.post(reverse("patient:end-many"), {"do": "end", "item": [held.pk]})["Location"]
    for where in (many, reverse("patient:keep-out", args=[lee.user.pk])):
        shown = browser.get(where).content.decode()
        assert "this ends in the same moment" in shown
        assert "Dr Hana Heart" in shown


def test_j5_6_who_was_let_in_by_the_patient_themselves_stays(ana, browser, heart, held, referral):
    referrals.approve(referral, keyring=ana.keyring, categories=["labs"], actions=["read"], days=5)
    people.give(ana, heart, Category.LABS)
    browser.post(page("stop", held))
    seen = judge(ana.patient, heart.user, action=Action.READ, purpose=Purpose.TREAT, parts=[Category.LABS])
    assert seen.opens_anything


# --- Mandates ------------------------------------------------------------------------------------
def begin(browser, held, **answers):
    return browser.post(page("mandate-new", held), MANDATE | answers)


def test_j5_2_a_mandate_is_made_from_a_physicians_permission_by_one_sentence(browser, ana, lee, heart, held):
    assert page("mandate-new", held) in browser.get(page("grant", held)).content.decode()
    where = begin(browser, held)["Location"]
    read = browser.get(where).context["sentence"]
    assert "without asking you first" in read
    assert browser.post(where, {})["Location"] == browser.post(where, {})["Location"]
    made = Mandate.objects.get()
    assert (made.sentence, made.categories, made.roles, made.days) == (read, ["labs"], ["specialist"], 30)
    assert authority.genuine_mandate(made)
    referred = referrals.refer(
        ana.patient,
        referrer=lee.user,
        keyring=lee.keyring,
        to=heart.user,
        categories=["labs"],
        days=30,
        words=WORDS,
    )
    assert referred.grant is not None


def test_a_mandate_names_no_part_that_the_physician_does_not_see(browser, held):
    assert begin(browser, held, ordinary=["treatment"]).context["form"].errors
    assert not Mandate.objects.exists()


@pytest.mark.parametrize("left_out", ["ordinary", "roles", "days", "span"])
def test_nothing_of_a_mandate_is_taken_for_granted(browser, held, left_out):
    answers = {name: value for name, value in MANDATE.items() if name != left_out}
    assert browser.post(page("mandate-new", held), answers).context["form"].errors


def test_a_sensitive_part_is_ticked_on_its_own_in_a_mandate(browser, held):
    where = begin(browser, held, sensitive=["mental-health"])["Location"]
    browser.get(where)
    browser.post(where, {})
    assert not Mandate.objects.exists()
    browser.post(where, {"also-mental-health": "on"})
    assert "mental-health" in Mandate.objects.get().categories


def test_a_mandate_is_listed_and_ended(browser, ana, lee, heart, held):
    where = begin(browser, held)["Location"]
    browser.get(where)
    browser.post(where, {})
    made = Mandate.objects.get()
    assert page("mandate", made) in browser.get(reverse("patient:referrals")).content.decode()
    for _ in range(2):
        assert browser.post(page("mandate", made)).status_code == 302
    assert page("mandate", made) not in browser.get(reverse("patient:referrals")).content.decode()
    referred = referrals.refer(
        ana.patient, referrer=lee.user, keyring=lee.keyring, to=heart.user, categories=["labs"], days=9, words=WORDS
    )
    assert referred.grant is None


def test_who_cannot_refer_is_given_no_mandate(browser, ana, heart, referral):
    nurse = people.give(ana, people.clinician("Nina Nurse", role=Role.NURSE), Category.LABS)
    passed_on = referrals.approve(referral, keyring=ana.keyring, categories=["labs"], actions=["read"], days=5)
    for one in (nurse, passed_on):
        assert "pass it on without" not in browser.get(page("grant", one)).content.decode()
        assert browser.get(page("mandate-new", one)).status_code == 404


@pytest.mark.security
def test_anothers_mandate_is_not_there(ana, ben, lee, held):
    made = people.mandate(ana, lee)
    other = browser_of(ben)
    assert other.get(page("mandate", made)).status_code == 404
    assert other.post(page("mandate", made)).status_code == 404
    assert other.get(page("mandate-new", held)).status_code == 404
    assert Mandate.objects.get().ended_at is None
