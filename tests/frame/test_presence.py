"""What the door is told of a request: the country it came from, on each of the clinician's pages."""

import pytest
from django.urls import reverse

from consent.sharing.grants import Narrow
from ehr.words import Action, Category
from tests import people
from tests.clinician.conftest import browser_of, lab, put

pytestmark = pytest.mark.django_db
GERMANY, UNITED_STATES, NOWHERE = "194.25.0.60", "8.8.8.8", "10.0.0.1"


@pytest.fixture
def pages():
    """The pages that open something of Ana's, who shares in Germany only, and Dr Lee's browser."""
    people.prepare_ground()
    ana, lee = people.patient("Ana Costa"), people.clinician("Mei Lee")
    (glucose,) = put(ana, lab("Glucose", "154", "2026-10-01"))
    people.give(
        ana,
        lee,
        Category.LABS,
        Category.HISTORY,
        actions=(Action.READ, Action.WRITE),
        narrow=Narrow(places=frozenset({"DE"})),
    )
    addresses = {
        "chart": reverse("clinician:chart", args=[ana.patient.pk]),
        "section": reverse("clinician:section", args=[ana.patient.pk, "results"]),
        "entry": reverse("clinician:entry", args=[ana.patient.pk, glucose]),
        "writing": reverse("clinician:add", args=[ana.patient.pk, "problem"]),
    }
    return browser_of(lee), addresses


@pytest.mark.parametrize("page", ["chart", "section", "entry", "writing"])
def test_a_page_opens_in_a_country_that_was_named_and_nowhere_else(pages, page):
    browser, addresses = pages
    assert browser.get(addresses[page], REMOTE_ADDR=GERMANY).status_code == 200
    refused = browser.get(addresses[page], REMOTE_ADDR=UNITED_STATES)
    assert refused.status_code == 403
    assert "yours is not one of them" in refused.content.decode()


def test_where_the_country_is_not_known_the_page_says_so(pages):
    browser, addresses = pages
    refused = browser.get(addresses["chart"], REMOTE_ADDR=NOWHERE)
    assert refused.status_code == 403
    assert "we cannot tell which one you are in" in refused.content.decode()


def test_what_is_written_from_elsewhere_is_refused_and_stays_on_the_page(pages):
    browser, addresses = pages
    typed = {"name": "Otitis media", "certainty": "confirmed", "once": "6b0d8a2e-5f0e-4c89-9e2f-0a4c1d1f7a11"}
    page = browser.post(addresses["writing"], typed, REMOTE_ADDR=UNITED_STATES).content.decode()
    assert "yours is not one of them" in page
    assert "Otitis media" in page
    assert browser.post(addresses["writing"], typed, REMOTE_ADDR=GERMANY).status_code == 302
