"""Referral, mandate and pharmacy in a real browser, on both sides: what one does, the other sees."""

from types import SimpleNamespace

import pytest
from django.db import connections
from django.urls import reverse

from ehr.words import Category
from providers.roles import Role
from tests import people
from tests.browser.acting import stage
from tests.clinician.conftest import READ_AND_WRITE, lab, medicine, problem, put
from tests.clinician.conftest import browser_of as clinician_browser
from tests.patient.conftest import browser_of as patient_browser

pytestmark = [pytest.mark.browser, pytest.mark.django_db]


@pytest.fixture
def ground(db):
    """Ana, Dr Lee whom she trusts, a specialist and a pharmacist; their browsers, signed in."""
    people.prepare_ground()
    ana, lee = people.patient("Ana Costa"), people.clinician("Mei Lee")
    heart = people.clinician("Hana Heart", role=Role.SPECIALIST)
    paul = people.clinician("Paul Pharmacist", role=Role.PHARMACIST)
    _lab, _problem, metformin = put(
        ana, lab("Troponin", "12", "2026-06-30", code="6598-7"), problem("Asthma"), medicine("Metformin 500 mg")
    )
    held = people.give(ana, lee, Category.LABS, Category.HISTORY, actions=READ_AND_WRITE, days=90)
    return SimpleNamespace(
        connection=connections["default"],
        chart=reverse("clinician:chart", args=[ana.patient.pk]),
        grant=reverse("patient:grant", args=[held.pk]),
        prescription=reverse("clinician:prescription", args=[ana.patient.pk, metformin]),
        ana=patient_browser(ana),
        lee=clinician_browser(lee),
        heart=clinician_browser(heart),
        paul=clinician_browser(paul),
    )


def test_a_specialist_is_proposed_agreed_to_and_reports_back(ground, open_window):
    with stage(open_window, ground.connection) as at_a_window:
        lee, ana, heart = at_a_window(ground.lee), at_a_window(ground.ana), at_a_window(ground.heart)
        found = _propose(lee, ground)
        found += _say_yes(ana)
        heart.go(ground.chart)
        assert "until 7 days after your report, at the latest until" in heart.reads()
        assert "Troponin" in heart.reads()
        assert "Asthma" not in heart.reads()
        assert heart.page.get_by_role("link", name="Refer", exact=True).count() == 0
        found += heart.found()
        heart.follow("File the report")
        heart.fill(name="Heart", words="The heart is well.")
        found += heart.found()
        heart.press("File the report")
        assert "Your report is in the record" in heart.page.inner_text("body")
        lee.go(ground.chart)
        assert "The heart is well." in lee.reads()
        lee.go(reverse("clinician:referrals"))
        assert "Their report came on" in lee.reads()
        found += lee.found()
        found += _agree_beforehand(ana, ground)
        lee.go(ground.chart)
        lee.follow("Refer")
        lee.follow("Choose Dr Hana Heart")
        assert "without asking each time" in lee.reads()
        assert found == []
        assert lee.complaints + ana.complaints + heart.complaints == []


def _propose(lee, ground) -> list[str]:
    lee.go(ground.chart)
    lee.follow("Refer")
    found = lee.found()
    lee.follow("Choose Dr Hana Heart")
    assert lee.page.locator("main input:checked").count() == 0
    lee.tick("labs")
    lee.page.locator("main input[name=write]").check()
    lee.tick("30")
    lee.fill(words="Please look at the heart.")
    found += lee.found()
    lee.press("Propose Dr Hana Heart")
    assert "Waiting" in lee.reads()
    return found


def _say_yes(ana) -> list[str]:
    ana.go(reverse("patient:home"))
    assert "Dr Mei Lee proposes that Dr Hana Heart see part of your record" in ana.reads()
    ana.follow("Read and answer")
    assert "Please look at the heart." in ana.reads()
    ana.tick("labs")
    ana.page.locator("main input[name=write]").check()
    ana.tick("7")
    found = ana.found()
    ana.press("Go on")
    assert "at most 7 days after their report" in ana.reads()
    found += ana.found()
    ana.press("Let Dr Hana Heart see this until")
    assert "Dr Hana Heart can see this" in ana.reads()
    return found


def _agree_beforehand(ana, ground) -> list[str]:
    ana.go(ground.grant)
    ana.follow("Let them pass it on without asking you each time")
    for value in ("labs", "specialist", "30", "quarter"):
        ana.tick(value)
    found = ana.found()
    ana.press("Go on")
    assert "without asking you first" in ana.reads()
    found += ana.found()
    ana.press("Agree to this")
    found += ana.found()
    ana.go(reverse("patient:referrals"))
    assert "without asking you first" in ana.reads()
    return found + ana.found()


def test_a_prescription_is_shared_filled_and_seen_as_handed_out(ground, open_window):
    with stage(open_window, ground.connection) as at_a_window:
        ana, paul = at_a_window(ground.ana), at_a_window(ground.paul)
        ana.go(reverse("patient:category", args=["treatment"]))
        ana.follow("Share with a pharmacy")
        found = ana.found()
        ana.press("Choose Dr Paul Pharmacist")
        ana.tick("7")
        found += ana.found()
        ana.press("Go on")
        assert "one entry that you chose" in ana.reads()
        found += ana.found()
        ana.press("Let Dr Paul Pharmacist see this until")
        paul.go(reverse("clinician:home"))
        paul.follow("Prescriptions shared with me")
        found += paul.found()
        paul.follow("Open the prescription")
        assert "Metformin 500 mg" in paul.reads()
        paul.fill(quantity="30", unit="tablets", supply="30")
        found += paul.found()
        paul.press("Record it")
        assert "what you handed out" in paul.reads()
        found += paul.found()
        ana.go(reverse("patient:category", args=["treatment"]))
        assert "handed out: 30 tablets" in ana.reads()
        found += ana.found()
        ana.go(reverse("patient:looked"))
        assert "Paul Pharmacist" in ana.reads()
        found += _take_back(paul)
        ana.go(reverse("patient:looked"))
        assert "Took back what they had recorded as handed out" in ana.reads()
        assert found == []
        assert ana.complaints + paul.complaints == []


def _take_back(paul) -> list[str]:
    paul.follow("Open it again")
    paul.follow("Recorded by mistake?")
    found = paul.found()
    paul.page.get_by_label("Nothing was handed out for this prescription then").check()
    paul.fill(reason="Typed for another patient")
    paul.press("Go on")
    found += paul.found()
    paul.press("Take it back")
    assert "It is taken back" in paul.reads()
    return found + paul.found()
