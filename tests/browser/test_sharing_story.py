"""Asking, narrowing and changing in a real browser, on both sides: what one does, the other sees."""

import importlib
import re
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.db import connections

from patients.queries import identifier_digest
from tests import people
from tests.browser.acting import stage
from tests.clinician.conftest import browser_of as clinician_browser
from tests.clinician.conftest import lab, problem, put
from tests.patient.conftest import browser_of as patient_browser

pytestmark = [pytest.mark.browser, pytest.mark.django_db]
situations = importlib.import_module("consent.migrations.0008_common_situations")
PASSPORT = "http://hl7.org/fhir/sid/passport"


@pytest.fixture
def ground(db):
    """Ana with a small record, and Dr Lee, who knows her documents; their browsers, signed in."""
    people.prepare_ground()
    situations.seed(apps, None)
    ana, lee = people.patient("Ana Costa"), people.clinician("Mei Lee")
    ana.patient.identifiers.update(digest=identifier_digest(PASSPORT, "PRT123456"), system=PASSPORT)
    put(
        ana,
        *(lab(f"Uric acid {year}", "6.1", f"{year}-06-30", code=f"local-{year}") for year in (2022, 2023, 2024)),
        problem("Gout"),
        problem("Depressive episode", sensitive="PSY"),
    )
    connection = connections["default"]
    chart = f"/clinician/patients/{ana.patient.pk}/"
    return SimpleNamespace(ana=patient_browser(ana), lee=clinician_browser(lee), chart=chart, connection=connection)


def test_found_asked_why_narrowed_changed_and_stopped(ground, open_window):
    with stage(open_window, ground.connection) as at_a_window:
        lee, ana = at_a_window(ground.lee), at_a_window(ground.ana)
        found: list[str] = []
        _find_and_ask(lee, found)
        _ask_why(ana, lee, found)
        _narrow_and_say_yes(ana, found)
        lee.go(ground.chart)
        assert "Uric acid 2024" in lee.reads()
        assert not re.search("Uric acid 202[23]|Gout|Depressive", lee.reads())
        _widen(ana, found)
        lee.go(ground.chart)
        assert "Uric acid 2022" in lee.reads()
        assert "Gout" in lee.reads()
        _stop(ana)
        lee.go(ground.chart)
        assert "has stopped sharing this with you" in lee.reads()
        assert found == []
        assert [one for one in lee.complaints + ana.complaints if "403" not in one] == []


def _find_and_ask(lee, found) -> None:
    """Wrong in one of three finds nobody; all three lead to asking, and nothing is opened."""
    lee.go("/clinician/find/")
    lee.fill(name="Ana Kosta", birth_date="1984-05-03", number="PRT 123456")
    lee.page.locator("select[name=system]").select_option(PASSPORT)
    lee.press("Find and go on")
    assert "No one found with exactly these three" in lee.reads()
    found += lee.found()
    lee.fill(name="ANA COSTA")
    lee.press("Find and go on")
    assert "Ask Ana Costa for access" in lee.reads()
    lee.press("Tick all of these")
    assert lee.page.locator("main input[name=ordinary]:checked").count() == 4
    assert lee.page.locator("main input[name=sensitive]:checked").count() == 0
    lee.tick("mental-health")
    lee.tick("30")
    lee.tick("For a visit that is planned")
    lee.fill(words="To see whether it is gout.")
    found += lee.found()
    lee.press("Ask Ana Costa")
    assert "Your request is on its way" in lee.page.inner_text("body")


def _ask_why(ana, lee, found) -> None:
    """She asks back once; he answers beside his request; she reads it beside hers."""
    ana.go("/patient/")
    assert "asks you for access" in ana.reads()
    ana.follow("Read and answer")
    assert "To see whether it is gout." in ana.reads()
    ana.page.get_by_text("Ask them why first").click()
    ana.fill(question="What has my mood to do with my toe?")
    found += ana.found()
    ana.press("Send the question")
    assert "They have not answered yet" in ana.reads()
    lee.go("/clinician/requests/")
    assert "What has my mood to do with my toe?" in lee.reads()
    lee.fill(words="Nothing. Leave that part out.")
    found += lee.found()
    lee.press("Send the answer")
    assert "Only the patient can read it" in lee.reads()
    ana.go("/patient/sharing/requests/")
    ana.follow("Read and answer")
    assert "Nothing. Leave that part out." in ana.reads()
    found += ana.found()


def _narrow_and_say_yes(ana, found) -> None:
    """Of five parts one, of that part one entry, for a week."""
    ana.tick("labs")
    ana.tick("7")
    ana.press("Go on")
    assert "may see your lab results and measurements until" in ana.reads()
    ana.follow("Narrow it further")
    ana.tick("chosen")
    found += ana.found()
    ana.press("Go on")
    ana.page.get_by_label("Uric acid 2024").check()
    found += ana.found()
    ana.press("Go on with what is ticked")
    assert "may see one entry that you chose from your lab results and measurements until" in ana.reads()
    found += ana.found()
    ana.press("Let Dr Mei Lee see this")
    assert "One entry that you ticked, as it was then" in ana.reads()
    found += ana.found()


def _widen(ana, found) -> None:
    """More, in one moment: the old sentence stands below the new one."""
    ana.follow("Change it")
    ana.tick("history")
    found += ana.found()
    ana.press("Go on")
    ana.follow("Narrow it further, or less")
    ana.tick("all")
    ana.press("Go on")
    assert "may see your health history and lab results and measurements until" in ana.reads()
    assert "Until now" in ana.reads()
    found += ana.found()
    ana.press("Let Dr Mei Lee see this")
    assert "with no moment between" in ana.page.inner_text("body")
    ana.go("/patient/looked/")
    ana.page.evaluate("document.querySelectorAll('details').forEach((one) => one.open = true)")
    assert "You changed what Mei Lee may see" in ana.reads()
    assert "Found you by your name, birth date and a number" in ana.reads()


def _stop(ana) -> None:
    ana.go("/patient/sharing/")
    ana.follow("Stop sharing")
    ana.press("Stop sharing with")
    assert "can no longer see this" in ana.reads()


def test_a_situation_is_two_presses_away_from_its_sentence(ground, open_window):
    offered = ["My family doctor", "A specialist, for 30 days", "A stay in hospital", "One visit"]
    with stage(open_window, ground.connection) as at_a_window:
        ana = at_a_window(ground.ana)
        ana.go("/patient/sharing/find/?words=Lee")
        ana.press("Choose Dr Mei Lee")
        assert all(name in ana.reads() for name in offered)
        found = ana.found()
        ana.press("One visit")
        assert "Is this what you want?" in ana.reads()
        assert "may see your health history, lab results and measurements and medicines" in ana.reads()
        found += ana.found()
        ana.press("Let Dr Mei Lee see this")
        assert "can see this" in ana.reads()
        assert (found, ana.complaints) == ([], [])
