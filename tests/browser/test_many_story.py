"""Many at once in a real browser: one decision, a page that goes on over reloads, and what the readers see of it."""

from types import SimpleNamespace

import pytest
from django.db import connections
from django.urls import reverse

from consent.sharing import asking, bulk
from ehr.portals.patient import bulk as pages
from ehr.words import Category
from tests import people
from tests.browser.acting import stage
from tests.clinician.conftest import browser_of as clinician_browser
from tests.clinician.conftest import lab, put
from tests.patient.conftest import browser_of as patient_browser

pytestmark = [pytest.mark.browser, pytest.mark.django_db]
READERS = ("Mei Lee", "Jo Kim", "Omar Haddad")


@pytest.fixture
def ground(db, monkeypatch):
    """Ana; three who see her medicines and ask for her results; one step of an act at a time."""
    monkeypatch.setitem(bulk.advance.__kwdefaults__, "steps", 1)
    monkeypatch.setattr(pages, "SECONDS", 600)  # only a reload goes on
    people.prepare_ground()
    ana, readers = people.patient("Ana Costa"), [people.clinician(name) for name in READERS]
    put(ana, lab("Glucose", "154", "2026-10-01"))
    for reader in readers:
        people.give(ana, reader, Category.TREATMENT)
        asking.ask(
            ana.patient, reader=reader.user, keyring=reader.keyring, categories=["labs"], days=10, words="For a visit."
        )
    lee, kim, omar = map(clinician_browser, readers)
    return SimpleNamespace(
        connection=connections["default"],
        chart=reverse("clinician:chart", args=[ana.patient.pk]),
        ana=patient_browser(ana),
        readers=[lee, kim, omar],
    )


def test_many_are_answered_and_ended_at_once_and_a_reload_goes_on_where_it_was(ground, open_window):
    with stage(open_window, ground.connection) as at_a_window:
        ana, readers = at_a_window(ground.ana), [at_a_window(one) for one in ground.readers]
        found = _say_yes_to_all(ana)
        for reader in readers:
            reader.go(ground.chart)
            assert "Glucose" in reader.reads()
        found += _end_all(ana)
        for reader in readers:
            reader.go(ground.chart)
            assert "has stopped sharing this with you" in reader.reads()
        ana.go(reverse("patient:sharing"))
        assert "Nobody but you can open your record." in ana.reads()
        assert found == []
        complaints = [one for person in (ana, *readers) for one in person.complaints]
        assert [one for one in complaints if "403" not in one] == []


def _tick_all(ana) -> None:
    for box in ana.page.locator("main input[name=item]").all():
        box.check()


def _say_yes_to_all(ana) -> list[str]:
    ana.go(reverse("patient:answer-many"))
    _tick_all(ana)
    found = ana.found()
    ana.press("Go on to say yes")
    assert "Say yes to these 3 requests?" in ana.reads()
    assert ana.reads().count("may see your lab results and measurements until") == len(READERS)
    found += ana.found()
    ana.press("Say yes to all of them")
    _goes_on(ana)
    assert "You said yes to 3 requests." in ana.reads()
    return found + ana.found()


def _end_all(ana) -> list[str]:
    ana.go(reverse("patient:sharing"))
    ana.follow("Stop sharing with several people")
    _tick_all(ana)
    found = ana.found()
    ana.press("Go on")
    found += ana.found()
    ana.press("End them all")
    _goes_on(ana)
    assert "6 permissions have ended." in ana.reads()
    return found + ana.found()


def _goes_on(ana) -> None:
    """One step is done; a reload does the next; with the page closed the rest waits, and the list of people says so."""
    assert ana.page.locator("h1").inner_text().startswith("1 of")
    ana.page.reload()
    assert ana.page.locator("h1").inner_text().startswith("2 of")
    ana.go(reverse("patient:end-many"))
    ana.follow("Go on")
    while ana.page.locator("h1").inner_text() != "It is done":
        ana.page.reload()
