"""Pages by which a record leaves: the summary, the whole of it, links for one visit; and what a recipient gets."""

import base64
import io
import json
import re
import uuid
import zipfile

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from audit.queries import story
from ehr import clock
from ehr.accounts.models import User
from ehr.r4 import text, validate
from ehr.rights.models import HealthLink, HealthLinkFile, Package, PackagePiece
from tests import people
from tests.clinician.conftest import allergy, lab, medicine, problem, put
from tests.clinician.conftest import browser_of as with_second_step
from tests.patient.conftest import browser_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def record(ana):
    put(ana, lab("Glucose", "154", "2026-10-01"), allergy("Penicillin"), medicine("Metformin 500 mg"))
    put(ana, problem("Depressive episode", sensitive="PSY"))
    return ana


# --- A summary -------------------------------------------------------------------------------------
def test_a_summary_of_the_ticked_parts_is_shown_in_words(record, browser):
    shown = browser.post(reverse("patient:summary"), {"ordinary": ["history", "labs"], "show": "1"}).content.decode()
    assert "Penicillin" in shown
    assert "154" in shown
    assert "Metformin" not in shown
    assert "There is no information about medicines." in shown
    assert "Depressive" not in shown


def test_a_summary_is_saved_as_a_document_and_is_a_copy_on_the_list(record, browser):
    answer = browser.post(reverse("patient:summary"), {"ordinary": ["history"], "save": "1"})
    assert answer["Content-Disposition"] == 'attachment; filename="my-summary.json"'
    assert "no-store" in answer["Cache-Control"]
    assert validate.check(text.loads(answer.content)) == []
    line = next(one for one in story(record.patient.pk) if one.action == "record.copied")
    assert tuple(line.categories) == ("history",)


def test_a_summary_of_nothing_is_asked_again(record, browser):
    assert "Tick at least one part." in browser.post(reverse("patient:summary"), {"show": "1"}).content.decode()


# --- Everything ------------------------------------------------------------------------------------
def asked(browser, passphrase=people.PASSPHRASE, **more):
    return browser.post(reverse("patient:whole"), {"passphrase": passphrase, "once": str(uuid.uuid4()), **more})


def test_j11_1_everything_is_made_for_the_passphrase_and_saved_once(record, browser):
    ready = asked(browser)["Location"]
    page = browser.get(ready).content.decode()
    assert "It can be saved once" in page
    answer = browser.post(ready)
    content = answer.getvalue()
    assert answer["Content-Length"] == str(len(content))
    assert zipfile.ZipFile(io.BytesIO(content)).testzip() is None
    assert "no-store" in answer["Cache-Control"]
    assert browser.post(ready).status_code == 404
    assert "This file is gone" in browser.get(ready).content.decode()
    assert not PackagePiece.objects.exists()


def test_j11_1_without_the_passphrase_nothing_is_made(record, browser):
    page = asked(browser, passphrase="not the passphrase at all").content.decode()
    assert 'class="wrong"' in page
    assert not Package.objects.exists()
    assert "record.copied" not in {line.action for line in story(record.patient.pk)}


def test_who_has_a_second_step_is_asked_for_it_too(record):
    User.objects.filter(pk=record.user.pk).update(second_factor_at=clock.now())
    browser = with_second_step(record)
    assert 'name="code"' in browser.get(reverse("patient:whole")).content.decode()
    page = asked(browser, code="000000").content.decode()
    assert 'class="wrong"' in page
    assert not Package.objects.exists()


def test_the_address_of_a_file_opens_nothing_for_anybody_else(record, browser, ben):
    ready = asked(browser)["Location"]
    assert browser_of(ben).get(ready).status_code == 404
    assert browser_of(ben).post(ready).status_code == 404
    assert Client().post(ready).status_code == 302
    locked = browser_of(record, unlocked=False).post(ready)
    assert locked["Location"].startswith(reverse("front:unlock"))
    assert browser.post(ready).status_code == 200


def test_a_form_sent_twice_makes_one_file(record, browser):
    once = str(uuid.uuid4())
    assert asked(browser, once=once)["Location"] == asked(browser, once=once)["Location"]
    assert Package.objects.count() == 1


# --- Links -----------------------------------------------------------------------------------------
def form(**more) -> dict:
    asked = {"ordinary": ["history"], "purpose": "Dentist in Porto", "lasts": "day", "once": str(uuid.uuid4())}
    return {**asked, **more}


def handed(browser, **more) -> tuple[dict, str, str]:
    """Return the payload of a link just made, its passcode, and the page that shows both."""
    page = browser.post(reverse("patient:health-link-new"), form(**more)).content.decode()
    code = re.search(r"#shlink:/([\w-]+)", page)[1]
    passcode = re.search(r'class="said">(\d{3} \d{3})<', page)[1].replace(" ", "")
    return json.loads(base64.urlsafe_b64decode(code + "=" * (-len(code) % 4))), passcode, page


def path(payload: dict) -> str:
    return payload["url"].removeprefix(settings.SITE_URL)


def ask(payload: dict, **told):
    body = {"recipient": "Dr Silva, Porto", **told}
    return Client(enforce_csrf_checks=True).post(path(payload), json.dumps(body), content_type="application/json")


def test_code_and_number_are_shown_once_and_the_list_names_the_link(record, browser):
    _payload, _passcode, page = handed(browser)
    assert 'class="qr' in page
    again = browser.get(reverse("patient:health-links")).content.decode()
    assert "Dentist in Porto" in again
    assert "shlink:/" not in again
    assert "Nobody has opened it." in again


def test_sensitive_parts_take_a_second_tick(record, browser):
    page = browser.post(reverse("patient:health-link-new"), form(sensitive=["mental-health"])).content.decode()
    assert "Confirm that the sensitive parts go along" in page
    assert not HealthLink.objects.exists()
    handed(browser, sensitive=["mental-health"], sure="on")
    assert HealthLink.objects.get().parts == ["history", "mental-health"]


def test_tick_all_leaves_the_sensitive_parts_out(record, browser):
    page = browser.post(reverse("patient:health-link-new"), form(all="1")).content.decode()
    ticked = re.findall(r'value="([\w-]+)"[^>]*\schecked', page)
    assert set(ticked) & {"mental-health", "genetic"} == set()
    assert {"history", "labs", "treatment", "basic"} <= set(ticked)


def test_a_form_sent_twice_makes_one_link_and_says_so(record, browser):
    one = form()
    browser.post(reverse("patient:health-link-new"), one)
    again = browser.post(reverse("patient:health-link-new"), one, follow=True).content.decode()
    assert "This link was made already" in again
    assert HealthLink.objects.count() == 1


def test_the_manifest_is_given_for_the_passcode_and_the_opening_is_on_the_page(record, browser):
    payload, passcode, _page = handed(browser)
    answer = ask(payload, passcode=passcode)
    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/json"
    assert (answer["Access-Control-Allow-Origin"], answer["Cache-Control"]) == ("*", "no-store")
    assert answer.json()["files"][0]["contentType"] == "application/fhir+json"
    assert answer.json()["files"][0]["embedded"].count(".") == 4
    assert answer.json()["mayKeep"] is False
    assert "Set-Cookie" not in answer
    page = browser.get(reverse("patient:health-links")).content.decode()
    assert "called themselves <bdi>Dr Silva, Porto</bdi>" in page
    assert "Opened a link you handed out" in browser.get(reverse("patient:looked")).content.decode()


def test_with_locked_keys_the_list_names_neither_purpose_nor_recipient(record, browser):
    payload, passcode, _page = handed(browser)
    ask(payload, passcode=passcode)
    page = browser_of(record, unlocked=False).get(reverse("patient:health-links")).content.decode()
    assert "Dentist" not in page
    assert "Silva" not in page
    assert "opened" in page


def test_a_wrong_passcode_says_how_many_tries_are_left(record, browser):
    payload, passcode, _page = handed(browser)
    wrong = "000000" if passcode != "000000" else "111111"
    answers = [ask(payload, passcode=wrong) for _try in range(5)]
    assert [one.status_code for one in answers] == [401] * 5
    assert [one.json()["remainingAttempts"] for one in answers] == [4, 3, 2, 1, 0]
    assert ask(payload, passcode=passcode).status_code == 404


def test_a_small_manifest_names_a_file_that_is_fetched_within_minutes(record, browser):
    payload, passcode, _page = handed(browser)
    whole = ask(payload, passcode=passcode).json()["files"][0]["embedded"]
    file = ask(payload, passcode=passcode, embeddedLengthMax=10).json()["files"][0]
    assert "embedded" not in file
    fetched = Client().get(file["location"].removeprefix(settings.SITE_URL))
    assert (fetched.content.decode(), fetched["Content-Type"]) == (whole, "application/jose")


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"passcode": "1"}', b'{"recipient": " "}', b'{"recipient": 5}'])
def test_what_is_no_request_for_a_manifest_is_told_what_one_is(record, browser, body):
    payload, _passcode, _page = handed(browser)
    answer = Client().post(path(payload), body, content_type="application/json")
    assert answer.status_code == 400
    assert "recipient" in answer.json()["message"]
    assert HealthLink.objects.get().tries_left == 5


def test_stopping_is_said_plainly_and_counts_from_that_moment(record, browser):
    payload, passcode, _page = handed(browser)
    stop = reverse("patient:health-link-stop", args=[HealthLink.objects.get().pk])
    assert "Stopping cannot take that back." in browser.get(stop).content.decode()
    # Stopping needs no keys, as everywhere.
    assert browser_of(record, unlocked=False).post(stop).status_code == 302
    assert ask(payload, passcode=passcode).status_code == 404
    assert not HealthLinkFile.objects.exists()
    assert "Stopped by you" in browser.get(reverse("patient:health-links")).content.decode()


def test_nobody_sees_or_stops_another_s_link(record, browser, ben):
    handed(browser)
    stop = reverse("patient:health-link-stop", args=[HealthLink.objects.get().pk])
    assert browser_of(ben).get(stop).status_code == 404
    assert browser_of(ben).post(stop).status_code == 404
    assert HealthLink.objects.get().stopped_at is None


def test_the_viewer_is_the_same_page_for_everybody_and_asks_no_cookie(record, browser):
    payload, _passcode, _page = handed(browser)
    answer = Client().get(reverse("front:health-link"))
    assert answer.status_code == 200
    assert payload["key"] not in answer.content.decode()
    assert "script-src 'self'" in answer["Content-Security-Policy"]
