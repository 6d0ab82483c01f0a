"""What a hospital's system says that a patient agreed to, in a real browser: a draft, looked at, decided anew."""

from types import SimpleNamespace

import pytest
from django.db import connections
from django.urls import reverse

from consent.models import Grant
from consent.sharing import incoming
from tests import people
from tests.browser.acting import stage
from tests.consent.test_incoming import HOSPITAL, actor, consent, numbered
from tests.patient.conftest import browser_of

pytestmark = [pytest.mark.browser, pytest.mark.django_db]


@pytest.fixture
def ground(db):
    """Ana, of whom City Hospital says that she lets Dr Lee see her results, and somebody else see everything."""
    people.prepare_ground()
    ana, lee = people.patient("Ana Costa"), people.clinician("Mei Lee")
    for sent in (consent(numbered(lee)), consent(actor({"display": "Dr A. Unknown"}), securityLabel=None)):
        incoming.receive(ana.patient, sent, source="City Hospital", by=HOSPITAL)
    return SimpleNamespace(connection=connections["default"], ana=browser_of(ana))


def test_a_patient_looks_at_a_draft_and_decides_anew(ground, open_window):
    with stage(open_window, ground.connection) as at_a_window:
        ana = at_a_window(ground.ana)
        ana.go(reverse("patient:requests"))
        assert "City Hospital says that you agreed to something" in ana.reads()
        found = ana.found()
        ana.follow("Look at it")
        assert "It opens nothing." in ana.reads()
        assert "Dr Mei Lee" in ana.reads()
        found += ana.found()
        ana.press("Choose what they may see")
        assert ana.page.locator("main input[value=labs]").is_checked()
        ana.go(reverse("patient:requests"))
        ana.follow("Look at it")
        assert "Dr A. Unknown" in ana.reads()
        assert "We do not know for certain whom it means." in ana.reads()
        found += ana.found()
        ana.press("Put it aside")
        assert "Put aside." in ana.reads()
        assert "Nobody waits for an answer of yours." in ana.reads()
        assert found == []
        assert ana.complaints == []
        assert not ana.asked(Grant.objects.exists)
