"""Somebody acts for a patient, and each side is told what the other does, in a real browser."""

import re
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.db import connections
from django.urls import reverse
from django.utils import timezone

from ehr import clock
from tests import people
from tests.browser.acting import stage
from tests.clinician.conftest import browser_of as clinician_browser
from tests.clinician.conftest import lab, problem, put
from tests.patient.conftest import browser_of as patient_browser

pytestmark = [pytest.mark.browser, pytest.mark.django_db]


@pytest.fixture
def ground(db):
    """Ana with a small record, Rui who would act for her, Dr Lee whom she shares a code with; their browsers."""
    people.prepare_ground()
    ana, rui, lee = people.patient("Ana Costa"), people.account("Rui Costa"), people.clinician("Mei Lee")
    put(ana, lab("Glucose", "154", "2026-10-01"), problem("Gout"))
    return SimpleNamespace(
        connection=connections["default"],
        ask=reverse("clinician:ask", args=[ana.patient.pk]),
        email=rui.user.email,
        until=str(timezone.localtime(clock.now()).date() + timedelta(days=30)),
        ana=patient_browser(ana),
        rui=patient_browser(rui),
        lee=clinician_browser(lee),
    )


def test_a_carer_is_named_agrees_reads_and_all_of_it_is_visible(ground, open_window):
    with stage(open_window, ground.connection) as at_a_window:
        ana, rui = at_a_window(ground.ana), at_a_window(ground.rui)
        found = _name(ana, ground)
        rui.go(reverse("patient:acting"))
        assert "Ana Costa asks you to act for them." in rui.reads()
        found += rui.found()
        rui.press("I agree")
        ana.go(reverse("patient:delegates"))
        ana.follow("Rui Costa")
        ana.follow("Read and sign")
        found += ana.found()
        ana.page.locator("main button[type=submit]").first.click()
        ana.settled()
        rui.go(reverse("patient:acting"))
        rui.press("Act for Ana Costa now")
        rui.follow("Lab results and measurements")
        assert "Glucose" in rui.reads()
        assert "Ana Costa" in rui.page.locator(".strip.acting").inner_text()
        found += rui.found()
        rui.go(reverse("patient:acting-part", args=["history"]))
        assert "Gout" not in rui.page.inner_text("body")
        ana.go(reverse("patient:looked"))
        assert "Rui Costa" in ana.reads()
        assert "Acting for you" in ana.reads()
        assert found + ana.found() == []
        assert [one for one in ana.complaints + rui.complaints if "404" not in one] == []


def _name(ana, ground) -> list[str]:
    """Whom, as what, in which matters, until when; nothing is ticked beforehand."""
    ana.go(reverse("patient:delegate-name"))
    assert ana.page.locator("main input:checked").count() == 0
    ana.fill(email=ground.email, until=ground.until)
    for value in ("carer", "read", "labs"):
        ana.tick(value)
    found = ana.found()
    ana.press("Ask them")
    return found


def test_what_one_side_does_stands_among_the_notices_of_the_other(ground, open_window):
    with stage(open_window, ground.connection) as at_a_window:
        ana, lee = at_a_window(ground.ana), at_a_window(ground.lee)
        ana.go(reverse("patient:code"))
        ana.page.locator("main button[type=submit]").first.click()
        ana.settled()
        code = ana.page.locator(".code-to-show").inner_text()
        lee.go(reverse("clinician:code"))
        lee.fill(code=code)
        lee.page.locator("main button[type=submit]").first.click()
        lee.settled()
        for value in ("labs", "7", "For a visit that is planned"):
            lee.tick(value)
        lee.fill(words="To see the glucose.")
        lee.press("Ask Ana Costa")
        found = _is_told(ana, "Somebody asks to see part of your record")
        ana.follow("Read and answer")
        ana.tick("labs")
        ana.tick("7")
        ana.press("Go on")
        ana.press("Let Dr Mei Lee see this")
        found += _is_told(lee, "A patient let you in")
        assert found == []
        assert ana.complaints + lee.complaints == []


def _is_told(person, heading) -> list[str]:
    """The number stands on every page; the notice leads to where it is about."""
    person.go(reverse("front:notices"))
    assert heading in person.reads()
    assert person.page.locator(".masthead [data-unread]").first.is_visible()
    found = person.found()
    person.page.get_by_role("button", name=re.compile(f"Go there.*{heading}")).first.click()
    person.settled()
    return found
