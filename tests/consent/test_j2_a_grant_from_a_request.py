"""J2, a grant from a request: a test for each of its eight criteria, through the pages of both sides."""

from datetime import timedelta

import pytest
import time_machine
from django.urls import reverse

from consent import access
from consent.access import AccessDenied
from consent.authority import signed_by_patient
from consent.models import AccessRequest, Grant
from consent.proofs import digest
from consent.sharing import answering, asking, finding, requests
from ehr import clock
from ehr.notices.models import Notice
from ehr.words import Action, Category, Purpose
from tests.clinician.conftest import browser_of as clinician_browser
from tests.consent.conftest import texts
from tests.patient.conftest import browser_of as patient_browser

pytestmark = pytest.mark.django_db
FIVE = tuple(part for part in Category if part is not Category.GENETIC)


def ask(lee, ana, *parts, **more):
    return asking.ask(
        ana.patient,
        reader=lee.user,
        keyring=lee.keyring,
        categories=parts or FIVE,
        actions=(Action.READ, Action.WRITE),
        days=45,
        words="Before your visit on Monday.",
        **more,
    )


def read(patient, reader):
    return access.open_chart(patient.patient, reader=reader.user, keyring=reader.keyring, purpose=Purpose.TREAT)


def answer(browser, request, **answers):
    """Answer on the page; return where the sentence stands."""
    return browser.post(reverse("patient:answer", args=[request.pk]), {"days": "7"} | answers)["Location"]


def test_j2_1_a_request_shows_who_asks_for_what_of_which_time_for_how_long_and_to_do_what(ana, lee):
    request = ask(lee, ana, Category.LABS, record_until=clock.now().date() - timedelta(days=1))
    page = patient_browser(ana).get(reverse("patient:answer", args=[request.pk])).content.decode()
    person, licence, place = "Dr Mei Lee", "valid, confirmed until", "Harbour Medical Centre"
    purpose, parts, dates = "to treat you", "lab results and measurements", "What was recorded up to"
    for shown in (person, licence, place, purpose, parts, dates, "45 days", "They ask to add to these parts as well"):
        assert shown in page


def test_j2_2_of_five_parts_two_are_given_and_exactly_two_arrive(with_record, lee):
    ana, request = with_record, ask(lee, with_record)
    browser = patient_browser(ana)
    where = answer(browser, request, ordinary=["labs", "basic"])
    browser.get(where)
    browser.post(where, {})
    opened = read(ana, lee)
    assert opened.categories == (Category.BASIC, Category.LABS)
    assert texts(opened) == {"marker basic", "marker labs"}


def test_j2_3_a_sensitive_part_needs_a_second_tick_and_is_not_in_select_all(ana, lee):
    request, browser = ask(lee, ana), patient_browser(ana)
    address = reverse("patient:answer", args=[request.pk])
    assert not browser.post(address, {"all": "1"}).context["form"]["sensitive"].value()
    where = answer(browser, request, ordinary=["labs"], sensitive=["mental-health"])
    browser.get(where)
    browser.post(where, {})
    assert not Grant.objects.exists()
    browser.post(where, {"also-mental-health": "on"})
    assert Grant.objects.get().categories == ["labs", "mental-health"]


def test_j2_4_one_sentence_in_words_is_confirmed_stored_and_signed_by_the_patient(ana, lee):
    request, browser = ask(lee, ana), patient_browser(ana)
    where = answer(browser, request, ordinary=["labs"])
    shown = browser.get(where).context["sentence"]
    browser.post(where, {})
    grant = Grant.objects.get()
    assert shown == grant.sentence
    assert shown.startswith("Dr Mei Lee, Harbour Medical Centre, may see your lab results and measurements until")
    assert signed_by_patient(grant)
    signed = digest(grant)
    grant.sentence += " "
    assert digest(grant) != signed
    assert not signed_by_patient(grant)


def test_j2_5_a_no_reveals_nothing_beyond_declined(ana, lee):
    code, _row = finding.show_code(ana.patient)
    finding.meet(code, reader=lee.user, address="192.0.2.1")
    request = ask(lee, ana)
    patient_browser(ana).post(reverse("patient:decline", args=[request.pk]))
    (line,) = clinician_browser(lee).get(reverse("clinician:requests")).context["asked"]
    assert (line.tag, line.detail, line.reaches, line.question) == ("Declined", "", False, None)
    assert Notice.objects.get(user=lee.user).kind == "access-declined"
    assert Notice.objects.get(user=lee.user).params == {}
    assert clinician_browser(lee).get(reverse("clinician:chart", args=[ana.patient.pk])).status_code == 404


def test_j2_6_a_double_submit_makes_one_grant(ana, lee):
    request, browser = ask(lee, ana), patient_browser(ana)
    where = answer(browser, request, ordinary=["labs"])
    browser.get(where)
    assert browser.post(where, {})["Location"] == browser.post(where, {})["Location"]
    assert Grant.objects.count() == 1


def test_j2_7_a_request_lapses_after_fourteen_days(ana, lee):
    request = ask(lee, ana)
    with time_machine.travel(clock.now() + timedelta(days=14, seconds=1)):
        assert requests.state(AccessRequest.objects.get()) == "lapsed"
        assert not requests.open_requests(ana.patient).exists()
        with pytest.raises(requests.CannotAnswer, match="lapsed"):
            answering.approve(request, keyring=ana.keyring, categories=["labs"], actions=[Action.READ], days=7)


@pytest.mark.security
@pytest.mark.parametrize("tampered", ["categories", "ends", "actions", "purpose", "entries", "record_until", "places"])
def test_j2_8_a_grant_whose_row_was_tampered_with_opens_nothing(with_record, lee, tampered):
    ana = with_record
    request = ask(lee, ana)
    grant = answering.approve(request, keyring=ana.keyring, categories=["labs"], actions=[Action.READ], days=7)
    assert texts(read(ana, lee)) == {"marker labs"}
    changes = {
        "categories": ["history", "labs"],
        "ends": grant.ends + timedelta(days=365),
        "actions": ["read", "write"],
        "purpose": str(Purpose.HOPERAT),
        "entries": [str(request.pk)],
        "record_until": clock.now().date(),
        "places": ["CA"],
    }
    Grant.objects.filter(pk=grant.pk).update(**{tampered: changes[tampered]})
    with pytest.raises(AccessDenied):
        read(ana, lee)
    assert not signed_by_patient(Grant.objects.get())
