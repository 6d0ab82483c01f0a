"""A private question in a real browser: asked, watched, read with its noise, and read of by who was in it."""

import pytest
from django.db import connections
from django.urls import reverse

from consent.keyholder import studies as keyholder
from research.models import PrivateQuestion
from research.private import answering
from tests import people
from tests.browser.acting import stage
from tests.clinician.conftest import browser_of
from tests.patient.conftest import browser_of as patient_browser
from tests.research import studying
from tests.research.criteria_made import HBA1C, patient, result
from tests.research.private_made import PARTS, Records, take_part

pytestmark = [pytest.mark.browser, pytest.mark.django_db]


@pytest.fixture
def ground(db, monkeypatch):
    """Rosa's study, in which Ana takes part with many; what they share is made up."""
    studying.prepare_ground()
    keyholder._begun.clear()
    rosa, ana = studying.researcher(), people.patient("Ana Costa")
    study = studying.opened(rosa, studying.committee(), categories=PARTS)
    records = Records()
    monkeypatch.setattr(answering.snapshots, "take", records.take)
    records.people(study, 40, sugar=7)
    records.people(study, 25, sugar=9)
    records.of[ana.patient.pk] = [patient(), result(HBA1C, 6)]
    take_part(study, [ana.patient])
    return study, browser_of(rosa), patient_browser(ana), connections["default"]


def test_a_question_is_asked_watched_and_read_by_who_asked_and_by_who_was_in_it(ground, open_window):
    study, hers, anas, connection = ground
    with stage(open_window, connection) as at_a_window:
        rosa, ana = at_a_window(hers), at_a_window(anas)
        rosa.go(reverse("researcher:study", args=[study.pk]))
        rosa.follow("Private questions")
        found = rosa.found()
        rosa.tick("mean")
        rosa.press("Ask it")
        assert "Choose of what." in rosa.reads()
        found += rosa.found()
        rosa.tick("groups")
        rosa.page.locator("main [name=variable]").select_option("hba1c")
        rosa.press("Ask it")
        assert "when it is answered and not before" in rosa.reads()
        rosa.asked(lambda: PrivateQuestion.objects.update(state="running", done=20, total=66))
        rosa.page.get_by_text("one after another").wait_for()
        rosa.settled()
        found += rosa.found()
        rosa.asked(lambda: PrivateQuestion.objects.update(state="asked"))
        rosa.asked(lambda: answering.answer(PrivateQuestion.objects.get().pk))
        rosa.page.get_by_text("in 95 of 100 cases").wait_for()
        rosa.settled()
        assert "99 % of what this study may spend" in rosa.reads()
        found += rosa.found()
        rosa.follow("Private questions")
        found += rosa.found()
        ana.go(reverse("patient:research-uses"))
        ana.page.get_by_text("One question").click()
        assert "HbA1c, by group, of everybody who takes part." in ana.reads()
        found += ana.found()
        assert found == []
        # The console notes that the form came back with something to correct (422), and nothing else.
        assert [one for one in rosa.complaints if "422" not in one] == ana.complaints == []
