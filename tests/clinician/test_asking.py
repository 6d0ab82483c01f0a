"""Dr Lee asks on a page, Ana answers on hers, and what she gave is what opens."""

import uuid
from datetime import UTC, date, datetime

import pytest
import time_machine
from django.urls import reverse

from consent.access import own_party
from consent.models import AccessRequest
from consent.sharing import answering, correspondence, finding, grants, requests
from ehr.accounts import operations as accounts
from ehr.words import Category
from patients.queries import identifier_digest
from tests import people
from tests.clinician.conftest import browser_of

pytestmark = pytest.mark.django_db

ASKED = {
    "ordinary": ["labs", "history"],
    "sensitive": ["mental-health"],
    "days": "30",
    "reason": "For a visit that is planned",
    "words": "I need your latest blood results.",
}


@pytest.fixture
def reached(ana, lee):
    """Ana shared something with Dr Lee once, and stopped."""
    grant = people.give(ana, lee, Category.BASIC)
    grants.end(grant, keyring=ana.keyring, by=own_party(ana.patient))


def asking(person) -> str:
    return reverse("clinician:ask", args=[person.patient.pk])


def test_a_refused_chart_leads_to_asking_and_an_answer_to_the_chart(ana, lee, browser, record, reached):
    chart = reverse("clinician:chart", args=[ana.patient.pk])
    refused = browser.get(chart)
    assert asking(ana) in refused.content.decode()
    assert browser.post(asking(ana), ASKED | {"once": uuid.uuid4()}).status_code == 302
    request = requests.open_requests(ana.patient).get()
    assert correspondence.read_message(request, ana.keyring).words == (
        "For a visit that is planned. I need your latest blood results."
    )
    answering.approve(request, keyring=ana.keyring, categories=["labs"], actions=["read"], days=7)
    page = browser.get(chart).content.decode()
    assert "Glucose" in page
    assert "Asthma" not in page
    sent = browser.get(reverse("clinician:requests")).context["asked"]
    assert [(one.tag, one.detail) for one in sent] == [("Approved", "You may see: lab results and measurements.")]


def test_a_request_sent_twice_is_one(ana, browser, reached):
    sent = ASKED | {"once": uuid.uuid4()}
    assert [browser.post(asking(ana), sent).status_code for _ in range(2)] == [302, 302]
    assert AccessRequest.objects.count() == 1


@pytest.mark.parametrize(
    ("left_out", "told"),
    [
        (("ordinary", "sensitive"), "Tick at least one part"),
        (("days",), "Choose for how long"),
        (("reason",), "Choose what it is for"),
        (("words",), "what you need to find out"),
    ],
)
def test_an_incomplete_request_is_shown_again_with_what_was_typed(ana, browser, reached, left_out, told):
    sent = {name: value for name, value in ASKED.items() if name not in left_out}
    text = browser.post(asking(ana), sent | {"once": uuid.uuid4()}).content.decode()
    assert told in text
    assert "words" in left_out or "I need your latest blood results." in text
    assert not AccessRequest.objects.exists()


def test_nothing_is_ticked_beforehand(ana, browser, reached):
    form = browser.get(asking(ana)).context["form"]
    assert not any(form[name].value() for name in ("ordinary", "sensitive", "write", "days"))


def test_a_declined_request_says_declined_and_nothing_else(ana, browser, reached):
    browser.post(asking(ana), ASKED | {"once": uuid.uuid4()})
    answering.decline(requests.open_requests(ana.patient).get())
    (one,) = browser.get(reverse("clinician:requests")).context["asked"]
    assert (one.tag, one.detail, one.reaches) == ("Declined", "", False)


def test_a_request_is_withdrawn_by_its_author_alone(ana, lee, browser, stranger, reached):
    browser.post(asking(ana), ASKED | {"once": uuid.uuid4()})
    request = AccessRequest.objects.get()
    address = reverse("clinician:withdraw", args=[request.pk])
    assert browser_of(stranger).post(address).status_code == 404
    assert browser.post(address).status_code == 302
    assert requests.state(AccessRequest.objects.get()) == "withdrawn"
    assert browser.post(address).status_code == 302


def test_a_code_leads_to_asking(ana, browser):
    code, _ = finding.show_code(ana.patient)
    assert browser.get(asking(ana)).status_code == 404
    answer = browser.post(reverse("clinician:code"), {"code": code})
    assert answer["Location"] == asking(ana)
    assert browser.get(asking(ana)).status_code == 200


def test_a_wrong_code_is_said_and_after_several_one_waits(ana, browser):
    for _ in range(5):
        text = browser.post(reverse("clinician:code"), {"code": "ABCD-EFGH"}).content.decode()
        assert "does not work" in text
    assert "too many tries" in browser.post(reverse("clinician:code"), {"code": "ABCD-EFGH"}).content.decode()


def test_with_locked_keys_the_request_stays_on_the_page(ana, lee, reached):
    locked = browser_of(lee, unlocked=False)
    text = locked.post(asking(ana), ASKED | {"once": uuid.uuid4()}).content.decode()
    assert "keys are locked" in text
    assert "I need your latest blood results." in text


def test_a_request_that_waits_is_on_the_dashboard(ana, browser, reached):
    browser.post(asking(ana), ASKED | {"once": uuid.uuid4()})
    assert [one.tag for one in browser.get(reverse("clinician:home")).context["asked"]] == ["Waiting"]


# --- Found by documents --------------------------------------------------------------------------
PASSPORT = "http://hl7.org/fhir/sid/passport"
THREE = {"name": "ANA COSTA", "birth_date": "1984-05-03", "system": PASSPORT, "number": "PRT-123456"}


@pytest.fixture
def known(ana):
    ana.patient.identifiers.update(digest=identifier_digest(PASSPORT, "PRT123456"), system=PASSPORT)
    return ana


def test_all_three_lead_to_asking(known, browser):
    assert browser.get(asking(known)).status_code == 404
    answer = browser.post(reverse("clinician:find"), THREE)
    assert answer["Location"] == asking(known)
    assert "No staff have confirmed yet" in browser.get(asking(known)).content.decode()
    assert browser.get(reverse("clinician:chart", args=[known.patient.pk])).status_code == 404


@pytest.mark.parametrize("wrong", [{"name": "Ana Kosta"}, {"birth_date": "1984-05-04"}, {"number": "PRT-123457"}])
def test_anything_less_finds_nobody_and_says_the_same(known, browser, wrong):
    text = browser.post(reverse("clinician:find"), THREE | wrong).content.decode()
    assert "No one found with exactly these three" in text


def test_after_ten_searches_one_waits(known, browser):
    for _ in range(10):
        browser.post(reverse("clinician:find"), THREE)
    assert "too many tries" in browser.post(reverse("clinician:find"), THREE).content.decode()


# --- Single entries, dates, all at once ----------------------------------------------------------
def test_an_entry_is_asked_for_from_its_own_page(ana, lee, browser, record):
    people.give(ana, lee, Category.LABS)
    page = browser.get(reverse("clinician:entry", args=[ana.patient.pk, record["Glucose"]])).content.decode()
    address = f"{asking(ana)}?entry={record['Glucose']}"
    assert address in page
    assert "Glucose" in browser.get(address).content.decode()
    sent = {"once": uuid.uuid4(), "entry": record["Glucose"], "days": "30", "reason": ASKED["reason"], "words": "x"}
    assert browser.post(address, sent).status_code == 302
    assert AccessRequest.objects.get().entries == [str(record["Glucose"])]


@pytest.mark.parametrize("entry", ["not-an-id", "1"])
def test_an_address_that_names_no_entry_is_not_found(ana, browser, reached, entry):
    assert browser.get(asking(ana), {"entry": entry}).status_code == 404


def test_an_entry_that_does_not_open_is_neither_shown_nor_asked_for(ana, lee, browser, record):
    people.give(ana, lee, Category.LABS)
    address = f"{asking(ana)}?entry={record['Asthma']}"
    assert "Asthma" not in browser.get(address).content.decode()
    sent = {"once": uuid.uuid4(), "entry": record["Asthma"], "days": "30", "reason": ASKED["reason"], "words": "x"}
    assert "single entries that you can see" in browser.post(address, sent).content.decode()
    assert not AccessRequest.objects.exists()


def test_record_dates_are_asked_for(ana, browser, reached):
    dates = {"record_from": "2020-01-01", "record_until": "2023-12-31"}
    browser.post(asking(ana), ASKED | dates | {"once": uuid.uuid4()})
    assert AccessRequest.objects.get().record_until == date(2023, 12, 31)
    text = browser.get(reverse("clinician:requests")).content.decode()
    assert "recorded from 1 January 2020 to 31 December 2023" in text


@pytest.fixture
def noon_in_auckland():
    """Ten to noon on 4 May in Auckland, where it is still 3 May in UTC."""
    with time_machine.travel(datetime(2027, 5, 3, 23, 50, tzinfo=UTC), tick=False):
        yield


def test_today_is_the_day_where_whoever_asks_is(noon_in_auckland, ana, lee, browser, reached):
    accounts.change_details(user=lee.user, name=lee.user.name, time_zone="Pacific/Auckland", language="en")
    tomorrow = browser.post(asking(ana), ASKED | {"record_until": "2027-05-05", "once": uuid.uuid4()})
    assert "not in the future" in tomorrow.content.decode()
    browser.post(asking(ana), ASKED | {"record_until": "2027-05-04", "once": uuid.uuid4()})
    assert AccessRequest.objects.get().record_until == date(2027, 5, 4)


def test_ticking_all_leaves_the_sensitive_parts_out_and_keeps_what_was_typed(ana, browser, reached):
    page = browser.post(asking(ana), {"all": "1", "once": uuid.uuid4(), "words": "about the knee", "days": "30"})
    form = page.context["form"]
    assert form["ordinary"].value() == ["basic", "history", "labs", "treatment"]
    assert not form["sensitive"].value()
    assert "about the knee" in page.content.decode()
    assert not form.errors
    assert not AccessRequest.objects.exists()


# --- A question back -----------------------------------------------------------------------------
def test_a_question_is_read_and_answered_beside_the_request(ana, lee, browser, reached):
    browser.post(asking(ana), ASKED | {"once": uuid.uuid4()})
    request = AccessRequest.objects.get()
    answering.ask_why(request, keyring=ana.keyring, words="Why my mental health?")
    text = browser.get(reverse("clinician:requests")).content.decode()
    assert "Why my mental health?" in text
    assert "They ask why." in browser.get(reverse("clinician:home")).content.decode()
    address = reverse("clinician:reply", args=[request.pk])
    assert browser.post(address, {"words": ""}).status_code == 200
    assert browser.post(address, {"words": "Because of your sleep."}).status_code == 302
    assert correspondence.read_reply(AccessRequest.objects.get(), ana.keyring).words == "Because of your sleep."
    assert "You answered on" in browser.get(reverse("clinician:requests")).content.decode()


def test_with_locked_keys_a_question_waits_and_an_answer_stays_typed(ana, lee, browser, reached):
    browser.post(asking(ana), ASKED | {"once": uuid.uuid4()})
    request = AccessRequest.objects.get()
    answering.ask_why(request, keyring=ana.keyring, words="Why my mental health?")
    locked = browser_of(lee, unlocked=False)
    assert "Unlock your keys to read it" in locked.get(reverse("clinician:requests")).content.decode()
    text = locked.post(reverse("clinician:reply", args=[request.pk]), {"words": "Because of"}).content.decode()
    assert "Because of" in text
    assert AccessRequest.objects.get().reply is None


def test_anothers_question_is_not_there(ana, browser, stranger, reached):
    browser.post(asking(ana), ASKED | {"once": uuid.uuid4()})
    request = AccessRequest.objects.get()
    address = reverse("clinician:reply", args=[request.pk])
    assert browser_of(stranger).post(address, {"words": "x"}).status_code == 404
