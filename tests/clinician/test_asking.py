"""Dr Lee asks on a page, Ana answers on hers, and what she gave is what opens."""

import uuid

import pytest
from django.urls import reverse

from consent.access import own_party
from consent.models import AccessRequest
from consent.sharing import answering, correspondence, finding, grants, requests
from ehr.words import Category
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
