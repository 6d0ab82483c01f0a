"""A patient answers on the clinician's tablet: that one request, five minutes, and nothing stays behind."""

from datetime import timedelta

import pytest
import time_machine
from django.conf import settings
from django.contrib.sessions.models import Session
from django.urls import reverse
from django.utils import timezone

from audit import queries as audit
from consent.models import Grant
from consent.sharing.asking import ask
from ehr.frame.bedside import COOKIE
from tests import people
from tests.patient.conftest import browser_of
from tests.security.world import browser_of as with_second_step


@pytest.fixture
def asked(ana, lee):
    people.give(ana, lee)
    return ask(
        ana.patient, reader=lee.user, keyring=lee.keyring, categories=["history"], days=30, words="Before we operate."
    )


@pytest.fixture
def tablet(asked, lee):
    """Dr Lee's tablet, put into Ana's hands."""
    browser = with_second_step(lee)
    answer = browser.post(reverse("clinician:bedside", args=[asked.pk]))
    assert answer["Location"] == reverse("front:bedside")
    return browser


def sign_in(tablet, person):
    return tablet.post(
        reverse("front:bedside"), {"email": person.user.email, "passphrase": people.PASSPHRASE}, follow=False
    )


def test_who_hands_it_over_is_signed_out_first(tablet, lee):
    assert not tablet.session.get("_auth_user_id")
    assert tablet.get(reverse("clinician:home"))["Location"] == reverse("front:bedside")


def test_the_patient_answers_and_nothing_stays_behind(tablet, asked, ana):
    answer = reverse("patient:answer", args=[asked.pk])
    assert sign_in(tablet, ana)["Location"] == answer
    assert "Before we operate." in tablet.get(answer).content.decode()
    tablet.post(answer, {"ordinary": ["history"], "days": "30"})
    done = tablet.post(reverse("patient:answer-confirm", args=[asked.pk]))
    assert Grant.objects.filter(categories=["history"]).exists()
    assert "Hand the tablet back" in done.content.decode()
    assert done["Clear-Site-Data"] == '"cache", "cookies", "storage"'
    assert done["Cache-Control"] == "no-store"
    assert done.cookies[COOKIE].value == done.cookies[settings.KEYRING_COOKIE_NAME].value == ""
    assert not any("_auth_user_id" in one.get_decoded() for one in Session.objects.all())


def test_saying_no_ends_it_too(tablet, asked, ana):
    sign_in(tablet, ana)
    assert "Hand the tablet back" in tablet.post(reverse("patient:decline", args=[asked.pk])).content.decode()


@pytest.mark.parametrize("page", ["patient:home", "patient:record", "patient:looked", "front:account", "front:home"])
def test_no_other_page_opens(tablet, asked, ana, page):
    sign_in(tablet, ana)
    assert tablet.get(reverse(page))["Location"] == reverse("patient:answer", args=[asked.pk])


def test_the_page_leads_nowhere_else(tablet, asked, ana):
    sign_in(tablet, ana)
    page = tablet.get(reverse("patient:answer", args=[asked.pk])).content.decode()
    assert "<nav" not in page.split("<main")[0]


def test_after_five_minutes_it_is_over(asked, lee, ana):
    with time_machine.travel(timezone.now(), tick=False) as traveller:
        browser = with_second_step(lee)
        browser.post(reverse("clinician:bedside", args=[asked.pk]))
        sign_in(browser, ana)
        answer = reverse("patient:answer", args=[asked.pk])
        assert browser.get(answer)["Refresh"] == f"301; url={answer}"
        traveller.shift(timedelta(minutes=5))
        assert "Hand the tablet back" in browser.get(answer).content.decode()
        assert not browser.session.get("_auth_user_id")


def test_without_its_cookie_the_session_is_over_as_well(tablet, asked, ana):
    sign_in(tablet, ana)
    tablet.get(reverse("patient:answer", args=[asked.pk]))
    del tablet.cookies[COOKIE]
    assert "Hand the tablet back" in tablet.get(reverse("patient:record")).content.decode()


def test_somebody_else_who_signs_in_sees_nothing(tablet, ben):
    assert "Hand the tablet back" in sign_in(tablet, ben).content.decode()
    assert not tablet.session.get("_auth_user_id")


def test_a_made_up_cookie_opens_nothing(ana):
    browser = browser_of(ana)
    browser.cookies[COOKIE] = "made-up"
    assert "Hand the tablet back" in browser.get(reverse("patient:record")).content.decode()


def test_only_who_asked_hands_it_over_and_only_while_it_waits(asked, ana, lee):
    other = with_second_step(people.clinician("Charles Stranger"))
    assert other.post(reverse("clinician:bedside", args=[asked.pk])).status_code == 404
    browser_of(ana).post(reverse("patient:decline", args=[asked.pk]))
    answer = with_second_step(lee).post(reverse("clinician:bedside", args=[asked.pk]))
    assert answer["Location"] == reverse("clinician:requests")


def test_without_a_valid_licence_nobody_hands_it_over(asked, lee):
    lee.user.clinician.credentials.update(expires_at=people.LONG_AGO)
    answer = with_second_step(lee).post(reverse("clinician:bedside", args=[asked.pk]))
    assert answer["Location"] == reverse("clinician:requests")


def test_the_patients_list_says_that_it_was_handed_over(tablet, ana, lee):
    line = next(one for one in audit.story(ana.patient.pk) if one.action == "bedside.begun")
    assert line.actor.id == lee.user.pk


def test_the_page_to_sign_in_is_there_for_nobody_else(client):
    assert client.get(reverse("front:bedside")).status_code == 404
