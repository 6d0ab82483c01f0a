"""What a floor below refuses becomes a page with the words of the refusal."""

from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth.models import AnonymousUser
from django.test import RequestFactory

from consent.access import AccessDenied, KeysLocked
from ehr import clock
from ehr.frame.drafting import NotFhir
from ehr.frame.middleware import PlainRefusals
from ehr.frame.reports import NothingPersonal
from ehr.r4.problems import SCHEMA, Problem

pytestmark = [pytest.mark.django_db, pytest.mark.point(9)]


def refused(exception, method="get"):
    request = getattr(RequestFactory(), method)("/clinician/patients/1/")
    request.user, request.keyring = AnonymousUser(), None
    return PlainRefusals(lambda _request: None).process_exception(request, exception)


def test_a_denied_reading_says_why_and_answers_403():
    answer = refused(AccessDenied("Ana Costa has not given you access. Ask her.", because="no-grant"))
    assert answer.status_code == 403
    assert "Ask her" in answer.content.decode()


def test_a_locked_keyring_leads_to_unlocking_and_back():
    answer = refused(KeysLocked("Your keys are locked.", because="locked"))
    assert answer.headers["Location"] == "/unlock/?next=%2Fclinician%2Fpatients%2F1%2F"
    sent = refused(KeysLocked("Your keys are locked.", because="locked"), "post")
    assert sent.headers["Location"] == "/unlock/", "what was sent is not sent again by itself"


def test_what_cannot_be_kept_as_it_is_written_says_so_and_is_no_fault_of_the_server():
    answer = refused(NotFhir("DocumentReference", [Problem("DocumentReference.description", "…", SCHEMA)]), "post")
    assert answer.status_code == 422
    assert "Type it anew" in answer.content.decode()


def test_clocks_that_disagree_answer_503_and_anything_else_is_left_alone():
    assert refused(clock.ClockUnsure("…")).status_code == 503
    assert refused(ValueError("a bug")) is None


def test_a_clock_that_ran_backwards_stops_a_session_in_words(alice, inside):
    with time_machine.travel(clock.now() + timedelta(minutes=5), tick=False):
        inside.get("/account/")
    answer = inside.get("/account/")
    assert answer.status_code == 503
    assert "no record is opened" in answer.content.decode()


@pytest.mark.privacy
def test_an_error_report_holds_nothing_a_person_sent():
    request = RequestFactory().post("/sign-in/", {"passphrase": "four plain words of hers"})
    report = NothingPersonal()
    assert report.is_active(request)
    kept = (
        report.get_safe_settings(),
        report.get_safe_request_meta(request),
        report.get_safe_cookies(request),
        report.get_post_parameters(request),
        report.get_traceback_frame_variables(request, None),
    )
    assert not any(kept)
