"""Seeing with somebody's eyes, keeping them out, and hearing why, in a real browser, on all three sides."""

import re
from types import SimpleNamespace

import pytest
from django.db import connections
from django.urls import reverse

from ehr.desk.roles import DeskRole
from ehr.words import Category
from tests import people
from tests.browser.acting import stage
from tests.clinician.conftest import browser_of as clinician_browser
from tests.clinician.conftest import lab, problem, put
from tests.desk.conftest import session_of, staff
from tests.patient.conftest import browser_of as patient_browser

pytestmark = [pytest.mark.browser, pytest.mark.django_db]
STOPPED = "Ana Costa has stopped sharing this with you."


@pytest.fixture
def ground(db):
    """Ana, who shares her results with Dr Lee and Dr Kim; the privacy officer; their browsers, signed in."""
    people.prepare_ground()
    ana, lee, kim = people.patient("Ana Costa"), people.clinician("Mei Lee"), people.clinician("Jo Kim")
    put(ana, lab("Glucose", "154", "2026-10-01"), problem("Gout"))
    for reader in (lee, kim):
        people.give(ana, reader, Category.LABS)
    return SimpleNamespace(
        connection=connections["default"],
        chart=reverse("clinician:chart", args=[ana.patient.pk]),
        ana=patient_browser(ana),
        lee=clinician_browser(lee),
        kim=clinician_browser(kim),
        petra=session_of(staff("Petra Ok", DeskRole.PRIVACY)),
    )


def test_a_patient_sees_what_a_reader_sees_and_the_log_says_it_was_the_patient(ground, open_window):
    with stage(open_window, ground.connection) as at_a_window:
        ana, lee = at_a_window(ground.ana), at_a_window(ground.lee)
        _open_what_they_agreed_to(ana, "Dr Mei Lee")
        ana.follow("See it as Dr Mei Lee sees it")
        seen = ana.reads()
        assert "Glucose" in seen
        assert "Gout" not in seen
        assert "Lab results and measurements: they can read it" in seen
        found = ana.found()
        lee.go(ground.chart)
        assert "Glucose" in lee.reads()
        assert "Gout" not in lee.reads()
        _read_the_log(ana)
        assert "You looked at your record the way Dr Mei Lee sees it." in ana.reads()
        assert found + ana.found() == []
        assert ana.complaints + lee.complaints == []


def test_somebody_kept_out_by_name_reads_what_everybody_reads_whose_access_was_stopped(ground, open_window):
    with stage(open_window, ground.connection) as at_a_window:
        ana, lee, kim = (at_a_window(getattr(ground, name)) for name in ("ana", "lee", "kim"))
        found = _keep_out(ana, "Dr Mei Lee")
        _stop(ana, "Dr Jo Kim")
        lee.go(ground.chart)
        kim.go(ground.chart)
        assert lee.reads() == kim.reads()
        assert STOPPED in lee.reads()
        assert lee.page.get_by_role("link", name="Ask Ana Costa").is_visible()
        found += lee.found()
        lee.go(reverse("clinician:home"))
        assert "Nobody shares a record with you at the moment." in lee.reads()
        _read_the_log(ana)
        assert "Mei Lee out by name from now on" in ana.reads()
        ana.go(reverse("patient:kept-out"))
        ana.press("Keep out no longer")
        assert "Nothing opens for them until you share something anew" in ana.page.inner_text("body")
        lee.go(ground.chart)
        assert STOPPED in lee.reads()
        assert found == []
        assert [one for one in ana.complaints + lee.complaints + kim.complaints if "403" not in one] == []


def test_a_refusal_says_why_and_what_is_next_and_the_officer_reads_the_same(ground, open_window):
    with stage(open_window, ground.connection) as at_a_window:
        ana, lee, petra = (at_a_window(getattr(ground, name)) for name in ("ana", "lee", "petra"))
        petra.go(reverse("admin:consent_grant_changelist"))
        found = petra.found()
        _can_she_see(petra)
        assert "Yes: the patient’s permission covers this part." in petra.reads()
        found += petra.found()
        _stop(ana, "Dr Mei Lee")
        _can_she_see(petra)
        assert "Yes:" not in petra.reads()
        assert "No: no permission of the patient covers this part for this purpose." in petra.reads()
        lee.go(ground.chart)
        assert STOPPED in lee.reads()
        lee.follow("Ask Ana Costa")
        assert "Ask Ana Costa for access" in lee.reads()
        found += lee.found()
        _read_the_log(ana)
        assert "Petra Ok" in ana.reads()
        assert found + ana.found() == []
        assert [one for one in ana.complaints + lee.complaints + petra.complaints if "403" not in one] == []


def _open_what_they_agreed_to(ana, name) -> None:
    ana.go(reverse("patient:sharing"))
    ana.page.get_by_role("link", name=re.compile(f"^See it, or change it.*{name}")).click()
    ana.settled()


def _keep_out(ana, name) -> list[str]:
    """One page says what it does and does not do; then she is on the list."""
    _open_what_they_agreed_to(ana, name)
    ana.follow(f"Keep {name} out")
    assert "They are not told of it." in ana.reads()
    found = ana.found()
    ana.press(f"Keep {name} out")
    assert f"{name} is kept out from now on" in ana.page.inner_text("body")
    return found + ana.found()


def _stop(ana, name) -> None:
    ana.go(reverse("patient:sharing"))
    ana.page.get_by_role("link", name=f"Stop sharing with {name}").click()
    ana.press("Stop sharing with")


def _can_she_see(petra) -> None:
    petra.fill(name="Ana Costa", birth_date="1984-05-03", reader="Lee")
    petra.press("Ask", exact=True)


def _read_the_log(ana) -> None:
    """With the patient's own lines unfolded."""
    ana.go(reverse("patient:looked"))
    ana.page.evaluate("document.querySelectorAll('details').forEach((one) => one.open = true)")
