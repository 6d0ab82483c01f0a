"""Emergency access as a clinician walks it (J4): found, asked why and who they are, opened, marked, ended."""

import re
import uuid
from datetime import timedelta

import pytest
import time_machine
from django.contrib.sessions.models import Session
from django.urls import reverse

from audit import queries as audit
from consent import access, emergency, escrow
from consent.models import Emergency, EscrowUse
from consent.sharing import grants
from ehr import clock
from ehr.accounts.models import AuthenticatorApp, User
from ehr.frame.presence import URGENT
from ehr.words import Category
from providers.models import Credential
from providers.roles import Role
from tests import people
from tests.clinician.conftest import browser_of, problem, put

pytestmark = pytest.mark.django_db
WORDS = "Found unconscious; looking for blood thinners."


@pytest.fixture
def doctor(ground):
    return people.clinician("Omar Haddad", role=Role.EMERGENCY)


@pytest.fixture
def browser(doctor):
    return browser_of(doctor)


def page(patient, name="chart"):
    return reverse(f"clinician:{name}", args=[patient.pk])


def find(browser, name="Ana Costa", born="1984-05-03", **more):
    return browser.post(reverse("clinician:emergency-find"), {"name": name, "birth_date": born, **more})


def filled(**changed):
    return {
        "once": str(uuid.uuid4()),
        "reason": "unconscious",
        "words": WORDS,
        "attested": "on",
        "passphrase": people.PASSPHRASE,
    } | changed


def opened(browser, patient, **changed):
    """Find somebody and open their record; the chart is what comes of it."""
    find(browser)
    return browser.post(page(patient, "emergency"), filled(**changed), follow=True)


# --- Finding ---------------------------------------------------------------------------------------
def test_somebody_found_by_name_and_birth_date_leads_to_the_question_why(browser, ana):
    response = find(browser)
    assert response.url == page(ana.patient, "emergency")
    shown = browser.get(response.url)
    assert "Open this record in an emergency" in shown.text
    assert "Ana Costa" in shown.text
    assert "told within a minute" in re.sub(r"\s+", " ", shown.text)


def test_the_form_about_somebody_nobody_found_is_not_there(browser, ana):
    assert browser.get(page(ana.patient, "emergency")).status_code == 404


def test_a_find_is_forgotten_after_half_an_hour_and_in_no_other_session(browser, ana, doctor):
    find(browser)
    assert browser_of(doctor, second_step=False).get(page(ana.patient, "emergency")).status_code != 200
    session = browser.session
    session["found-in-emergency"] = {str(ana.patient.pk): (clock.now() - timedelta(seconds=1)).timestamp()}
    session.save()
    assert browser.get(page(ana.patient, "emergency")).status_code == 404


def test_who_may_not_break_the_glass_is_told_whom_to_ask(ground, ana):
    nurse = browser_of(people.clinician("Nora Field", role=Role.NURSE))
    assert "does not include emergency access" in nurse.get(reverse("clinician:emergency-find")).text
    assert "Your role" in find(nurse).text


# --- J4 (1): the form ------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"reason": ""}, "Choose why"),
        ({"words": "too short"}, "11 are missing"),
        ({"attested": ""}, "Confirm that you need"),
        ({"passphrase": "not what it was at all"}, "do not match"),
    ],
)
def test_j4_1_what_is_missing_is_said_and_what_was_typed_stays(browser, ana, changed, said):
    response = opened(browser, ana.patient, **changed)
    assert said in response.text
    assert response.context["form"]["words"].value() == changed.get("words", WORDS)
    assert people.PASSPHRASE not in response.text
    assert not Emergency.objects.exists()


def test_j4_1_the_second_step_is_asked_for_where_one_is_enrolled(browser, ana, doctor, monkeypatch):
    User.objects.filter(pk=doctor.user.pk).update(second_factor_at=clock.now())
    assert "second step" in opened(browser, ana.patient).text
    assert "does not fit" in opened(browser, ana.patient, code="000000").text
    assert not Emergency.objects.exists()
    monkeypatch.setattr(AuthenticatorApp, "verify_token", lambda _self, token: token == "123456")
    assert opened(browser, ana.patient, code="123456").context["request"].path == page(ana.patient)
    assert audit.find(Emergency.objects.get().event_id).details["proven_by"] == ["passphrase", "second-factor"]


def test_j4_1_the_attest_text_is_on_the_page_and_never_ticked_beforehand(browser, ana):
    find(browser)
    text = browser.get(page(ana.patient, "emergency")).text
    assert "they cannot be asked in time" in text
    assert " checked" not in text


# --- J4 (2) and (4): the chart, its banner, its mark -----------------------------------------------
def test_j4_2_one_form_leads_from_nothing_to_the_whole_chart(browser, ana, record):
    response = opened(browser, ana.patient)
    assert response.context["request"].path == page(ana.patient)
    for word in ("Glucose", "Asthma", "Penicillin", "Metformin", "Depressive episode"):
        assert word in response.text


def test_j4_4_banner_countdown_and_mark_are_on_every_page_of_the_record(browser, ana, record):
    opened(browser, ana.patient)
    ends = Emergency.objects.get().ends_at.isoformat()
    pages = [
        page(ana.patient),
        reverse("clinician:section", args=[ana.patient.pk, "results"]),
        reverse("clinician:entry", args=[ana.patient.pk, record["Glucose"]]),
    ]
    for path in pages:
        text = browser.get(path).text
        assert 'class="urgent"' in text, path
        assert "Open without the patient’s leave until" in text
        assert f'data-countdown="{ends}"' in text
        assert text.count('data-mark="Dr Omar Haddad · ') == 12
        assert "style=" not in text


def test_j4_4_on_the_patient_s_list_it_says_emergency(browser, ana, record):
    opened(browser, ana.patient)
    lines = [line for line in audit.story(ana.patient.pk, limit=20) if line.purpose == "BTG"]
    assert {"emergency.found", "emergency.opened", "chart.opened"} <= {line.action for line in lines}


def test_no_banner_where_there_is_no_emergency(ana, lee, record):
    people.give(ana, lee, *Category)
    assert 'class="urgent"' not in browser_of(lee).get(page(ana.patient)).text


def test_another_patient_s_chart_stays_shut_and_is_not_found(browser, ana):
    ben = people.patient("Ben Okoro")
    opened(browser, ana.patient)
    assert browser.get(page(ben.patient)).status_code == 404


def test_j4_2_at_four_hours_the_next_request_is_refused_and_says_how_to_go_on(browser, ana, record):
    opened(browser, ana.patient)
    ends = Emergency.objects.get().ends_at
    session = browser.session
    session["began"] = session["seen"] = (ends - timedelta(minutes=1)).timestamp()
    session.save()
    with time_machine.travel(ends - timedelta(seconds=1), tick=False):
        assert browser.get(page(ana.patient)).status_code == 200
    clock.watch.forget()
    with time_machine.travel(ends + timedelta(seconds=1), tick=False):
        response = browser.get(page(ana.patient))
        assert response.status_code == 403
        assert "give the reason anew" in response.text
        assert "Glucose" not in response.text
        assert browser.get(page(ana.patient, "emergency")).status_code == 200
        assert browser.get(page(ana.patient)).status_code == 404


# --- This session only -----------------------------------------------------------------------------
def test_another_session_of_the_same_reader_has_no_keys(browser, ana, record, doctor):
    opened(browser, ana.patient)
    other = browser_of(doctor, second_step=False)
    session = other.session
    session["otp_device_id"] = AuthenticatorApp.objects.get(user=doctor.user).persistent_id
    session.save()
    assert other.get(page(ana.patient)).status_code == 404
    # Not even with what the first session keeps.
    session[URGENT] = browser.session[URGENT]
    session.save()
    assert other.get(page(ana.patient)).status_code == 404


def test_signing_out_deletes_the_keys(browser, ana, record):
    opened(browser, ana.patient)
    assert browser.session[URGENT]
    browser.post(reverse("front:sign-out"))
    assert not any(URGENT in one.get_decoded() for one in Session.objects.all())


def test_what_the_session_s_row_holds_opens_nothing_by_itself(browser, ana, record):
    opened(browser, ana.patient)
    (kept,) = browser.session[URGENT].values()
    assert "labs" not in kept
    browser.cookies.pop("__Host-keyring")
    response = browser.get(page(ana.patient))
    assert response.status_code == 403
    assert "Unlock" in response.text


def test_sent_twice_it_opens_once(browser, ana, record):
    form = filled()
    find(browser)
    for _ in range(2):
        assert browser.post(page(ana.patient, "emergency"), form).url == page(ana.patient)
    assert Emergency.objects.count() == EscrowUse.objects.count() == 1
    assert browser.get(page(ana.patient)).status_code == 200


def test_two_tabs_open_one_emergency(browser, ana, record):
    find(browser)
    for _ in range(2):
        browser.post(page(ana.patient, "emergency"), filled())
    assert Emergency.objects.count() == EscrowUse.objects.count() == 1


def test_with_locked_keys_the_passphrase_unlocks_them_too(ana, doctor, record):
    browser = browser_of(doctor, unlocked=False)
    assert "Glucose" in opened(browser, ana.patient).text


# --- Ending, and what ends it ----------------------------------------------------------------------
def test_the_reader_ends_it_and_its_keys_leave_the_session(browser, ana, record):
    opened(browser, ana.patient)
    response = browser.post(page(ana.patient, "emergency-end"), follow=True)
    assert "has ended" in response.text
    assert browser.session[URGENT] == {}
    assert Emergency.objects.get().ended_by == "reader"
    assert browser.get(page(ana.patient)).status_code == 404
    assert browser.post(page(ana.patient, "emergency-end")).status_code == 404


def test_when_the_patient_ends_it_the_next_request_is_refused(browser, ana, record):
    opened(browser, ana.patient)
    emergency.end(Emergency.objects.get(), by=ana.user, keyring=ana.keyring)
    response = browser.get(page(ana.patient))
    assert response.status_code == 403
    assert "is over" in response.text


def test_a_licence_suspended_midway_refuses_the_next_request(browser, ana, record, doctor):
    opened(browser, ana.patient)
    Credential.objects.filter(clinician__user=doctor.user).update(status=Credential.Status.REVOKED)
    assert browser.get(page(ana.patient)).status_code == 403


def test_what_the_patient_locked_anew_is_said_and_the_reason_can_be_given_anew(browser, ana, lee, record):
    opened(browser, ana.patient)
    grant = people.give(ana, lee, Category.LABS)
    grants.end(grant, keyring=ana.keyring, by=access.own_party(ana.patient))
    response = browser.get(page(ana.patient))
    assert "Locked anew by the patient since you opened it: lab results and measurements" in response.text
    assert "Glucose" not in response.text
    assert "Asthma" in response.text
    assert "Glucose" in browser.post(page(ana.patient, "emergency"), filled(), follow=True).text


def test_a_permission_goes_on_as_before_once_the_emergency_is_over(browser, ana, record, doctor):
    people.give(ana, doctor, Category.LABS)
    opened(browser, ana.patient)
    assert "Asthma" in browser.get(page(ana.patient)).text
    browser.post(page(ana.patient, "emergency-end"))
    text = browser.get(page(ana.patient)).text
    assert "Glucose" in text
    assert "Asthma" not in text


# --- What is away ----------------------------------------------------------------------------------
def test_where_the_keyholder_is_away_it_says_so_and_the_same_page_works_later(browser, ana, record, monkeypatch):
    real = escrow.released

    def away(*_args, **_asked):
        raise escrow.KeyholderAway

    monkeypatch.setattr(escrow, "released", away)
    response = opened(browser, ana.patient)
    assert "keyholder does not answer" in response.text
    monkeypatch.setattr(escrow, "released", real)
    again = response.context["form"]["once"].value()
    assert "Glucose" in browser.post(page(ana.patient, "emergency"), filled(once=again), follow=True).text


def test_where_the_log_cannot_be_written_it_says_so_and_nothing_opens(browser, ana, record, monkeypatch):
    find(browser)
    real, shut = emergency.opening.log.append, []

    def full(action, **facts):
        if action == "emergency.opened":
            shut.append(action)
            raise emergency.opening.DatabaseError("disk full")
        return real(action, **facts)

    monkeypatch.setattr(emergency.opening.log, "append", full)
    response = browser.post(page(ana.patient, "emergency"), filled())
    assert shut
    assert "The log cannot be written" in response.text
    assert not EscrowUse.objects.exists()
    assert not Emergency.objects.exists()


# --- Where it is offered ---------------------------------------------------------------------------
def test_a_refusal_and_the_first_page_lead_to_it(ana, lee, record):
    grants.end(people.give(ana, lee), keyring=ana.keyring, by=access.own_party(ana.patient))
    browser = browser_of(lee)
    assert page(ana.patient, "emergency") in browser.get(page(ana.patient)).text
    assert reverse("clinician:emergency-find") in browser.get(reverse("clinician:home")).text
    opened(browser, ana.patient)
    assert "You have opened the record of" in browser.get(reverse("clinician:home")).text


def test_what_arrives_meanwhile_is_read_too(browser, ana, record):
    opened(browser, ana.patient)
    put(ana, problem("Sudden rash"))
    assert "Sudden rash" in browser.get(page(ana.patient)).text
