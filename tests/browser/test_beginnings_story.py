"""Common situations, countries and the bedside in a real browser, on both sides: three ways in which sharing begins."""

from types import SimpleNamespace

import pytest
from django.db import connections
from django.urls import reverse

from consent.models import GrantTemplate
from consent.sharing.asking import ask
from ehr.desk.roles import DeskRole
from ehr.words import Category
from tests import people
from tests.browser.acting import stage
from tests.clinician.conftest import browser_of as clinician_browser
from tests.clinician.conftest import lab, problem, put
from tests.desk.conftest import session_of, staff
from tests.frame.test_presence import GERMANY, NOWHERE, UNITED_STATES
from tests.patient.conftest import browser_of as patient_browser

pytestmark = [pytest.mark.browser, pytest.mark.django_db]


@pytest.fixture
def ground(db):
    """Ana with a small record, Dr Lee, and the operator at the desk; their browsers, signed in."""
    people.prepare_ground()
    ana, lee = people.patient("Ana Costa"), people.clinician("Mei Lee")
    put(ana, lab("Glucose", "154", "2026-10-01"), problem("Gout"))
    GrantTemplate.objects.all().delete()
    GrantTemplate.objects.create(
        name="One visit", description="They look.", categories=["labs"], actions=["read"], purpose="TREAT", days=3
    )
    return SimpleNamespace(
        connection=connections["default"],
        chart=reverse("clinician:chart", args=[ana.patient.pk]),
        people=(ana, lee),
        ana=patient_browser(ana),
        lee=clinician_browser(lee),
        tablet=clinician_browser(lee),
        otto=session_of(staff("Otto Zed", DeskRole.OPERATOR)),
    )


def test_a_situation_is_changed_at_the_desk_and_a_patient_shares_by_it(ground, open_window):
    with stage(open_window, ground.connection) as at_a_window:
        otto, ana, lee = (at_a_window(getattr(ground, name)) for name in ("otto", "ana", "lee"))
        otto.go(reverse("admin:consent_granttemplate_changelist"))
        found = otto.found()
        otto.follow("One visit")
        found += otto.found()
        otto.page.get_by_label("Health history").check()
        otto.fill(**{"change-days": "5"})
        otto.press("Save")
        assert "Patients see it like this from now on." in otto.page.inner_text("body")
        ana.go(reverse("patient:find") + "?words=Lee")
        ana.press("Choose Dr Mei Lee")
        assert "for 5 days" in ana.reads()
        found += ana.found()
        ana.press("One visit")
        assert "may see your health history and lab results and measurements until" in ana.reads()
        ana.press("Let Dr Mei Lee see this")
        lee.go(ground.chart)
        assert "Glucose" in lee.reads()
        assert "Gout" in lee.reads()
        assert found == []
        assert otto.complaints + ana.complaints + lee.complaints == []


def test_a_permission_that_names_a_country_opens_there_and_nowhere_else(ground, open_window):
    with stage(open_window, ground.connection) as at_a_window:
        ana, lee = at_a_window(ground.ana), at_a_window(ground.lee)
        ana.go(reverse("patient:find") + "?words=Lee")
        ana.press("Choose Dr Mei Lee")
        ana.press("One visit")
        ana.follow("Narrow it further")
        ana.tick("all")
        ana.page.get_by_text("Only in certain countries").click()
        ana.page.get_by_label("Only while they are in").select_option("DE")
        found = ana.found()
        ana.press("Go on")
        assert "only while they are in Germany" in ana.reads()
        ana.press("Let Dr Mei Lee see this")
        assert "Where their country cannot be told, nothing opens." in ana.reads()
        found += ana.found()
        _comes_from(lee, ground.chart, GERMANY)
        assert "Glucose" in lee.reads()
        _comes_from(lee, ground.chart, UNITED_STATES)
        assert "yours is not one of them" in lee.reads()
        found += lee.found()
        _comes_from(lee, ground.chart, NOWHERE)
        assert "we cannot tell which one you are in" in lee.reads()
        ana.go(reverse("patient:sharing"))
        assert "Only in Germany." in ana.reads()
        assert found == []
        assert [one for one in ana.complaints + lee.complaints if "403" not in one] == []


def _comes_from(person, path, address) -> None:
    person.client.defaults["REMOTE_ADDR"] = address
    person.go(path)


@pytest.fixture
def asked(ground):
    """What Dr Lee asks of Ana, who stands beside her."""
    ana, lee = ground.people
    people.give(ana, lee, Category.LABS)
    return ask(ana.patient, reader=lee.user, keyring=lee.keyring, categories=["history"], days=30, words="To operate.")


def test_a_patient_answers_on_the_tablet_of_who_asked_and_nothing_of_theirs_stays_on_it(ground, asked, open_window):
    ana, _lee = ground.people
    with stage(open_window, ground.connection) as at_a_window:
        tablet, at_home, lee = at_a_window(ground.tablet), at_a_window(ground.ana), at_a_window(ground.lee)
        tablet.go(reverse("clinician:requests"))
        found = tablet.found()
        tablet.press("hand them this tablet")
        found += tablet.found()
        tablet.fill(email=ana.user.email, passphrase=people.PASSPHRASE)
        tablet.page.locator("main button[type=submit]").first.click()
        tablet.settled()
        assert "To operate." in tablet.reads()
        tablet.tick("history")
        tablet.tick("30")
        tablet.press("Go on")
        tablet.press("Let Dr Mei Lee see this")
        assert "Hand the tablet back" in tablet.reads()
        found += tablet.found()
        tablet.go(reverse("patient:record"))
        assert "Gout" not in tablet.page.inner_text("body")
        lee.go(ground.chart)
        assert "Gout" in lee.reads()
        at_home.go(reverse("patient:looked"))
        at_home.page.evaluate("document.querySelectorAll('details').forEach((one) => one.open = true)")
        assert "You said yes" in at_home.reads()
        assert found + at_home.found() == []
        assert tablet.complaints + at_home.complaints + lee.complaints == []
