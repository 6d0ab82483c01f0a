"""A care team in a real browser, on both sides: let in, read, left, turned, joined."""

import re
from types import SimpleNamespace

import pytest
from django.db import connections

from patients.models import Lockbox
from tests import people
from tests.browser.acting import stage
from tests.clinician.conftest import browser_of as clinician_browser
from tests.clinician.conftest import lab, problem, put
from tests.desk.conftest import session_of
from tests.patient.conftest import browser_of as patient_browser
from tests.teams import at_the_desk, key_number, nurse, ward

pytestmark = [pytest.mark.browser, pytest.mark.django_db, pytest.mark.point(5)]


@pytest.fixture
def ground(db):
    """Ana with a small record; Cardiology with its lead, Dr Lee, and Dr Haddad; two who will join; their browsers."""
    people.prepare_ground()
    ana, cardiology = people.patient("Ana Costa"), ward()
    put(ana, lab("Glucose", "154", "2026-10-01"), problem("Gout"))
    nora, nils = nurse(), people.clinician("Nils New")
    browsers = {
        "lee": cardiology.lee, "omar": cardiology.omar, "nora": nora, "nils": nils,
    }  # fmt: skip
    return SimpleNamespace(
        patient=ana.patient,
        ana=patient_browser(ana),
        ida=session_of(at_the_desk(cardiology.ida)),
        team=cardiology.team,
        chart=f"/clinician/patients/{ana.patient.pk}/",
        teams=f"/clinician/teams/{cardiology.team.pk}/",
        connection=connections["default"],
        **{name: clinician_browser(person) for name, person in browsers.items()},
    )


def test_a_team_is_let_in_changes_and_goes_on_reading(ground, open_window):
    with stage(open_window, ground.connection) as at_a_window:
        ana, lee, omar, nora, nils, ida = (
            at_a_window(getattr(ground, name)) for name in ("ana", "lee", "omar", "nora", "nils", "ida")
        )
        found: list[str] = []
        _share(ana, found)
        omar.go(ground.chart)
        assert "Glucose" in omar.reads()
        _remove(lee, "Dr Omar Haddad", ground, found)
        omar.go(ground.chart)
        assert "Glucose" not in omar.reads()
        omar.go("/clinician/")
        assert "Nobody shares a record with you at the moment." in omar.reads()
        _comes_back(ana, ground)
        _join(lee, "Dr Nils New", ground, found)
        nils.go(ground.chart)
        assert "Glucose" in nils.reads()
        _nurse(lee, nora, ground, found)
        _sees_who(ana, found)
        _at_the_desk(ida, ground, found)
        assert found == []
        complaints = [one for person in (ana, lee, omar, nora, nils, ida) for one in person.complaints]
        assert [one for one in complaints if "404" not in one] == []


def _share(ana, found) -> None:
    """From the directory to the sentence: it names the team, its place, how many, and that others may join."""
    ana.go("/patient/sharing/find/?words=cardio")
    found += ana.found()
    ana.follow("See who belongs to it")
    assert "Dr Omar Haddad" in ana.reads()
    found += ana.found()
    ana.press("Let this team see it")
    ana.tick("labs")
    ana.press("Go on", exact=True)
    ana.tick("month")
    ana.press("Go on", exact=True)
    assert "The care team Cardiology of Harbour Medical Centre, 2 people at present and whoever joins it later," in (
        ana.reads()
    )
    found += ana.found()
    ana.page.get_by_role("button", name=re.compile("^Let Cardiology")).click()
    ana.settled()
    assert "This team is 2 people now" in ana.reads()
    found += ana.found()


def _remove(lee, name, ground, found) -> None:
    """The lead takes a colleague off the list, and by coming back to the page makes the team's new keys."""
    lee.go(ground.teams)
    found += lee.found()
    lee.press(f"Remove {name}")
    assert f"{name} no longer belongs to Cardiology" in lee.page.inner_text("body")
    assert lee.asked(lambda: key_number(ground.team)) == 2


def _comes_back(ana, ground) -> None:
    """Her next page begins new epochs; the list says who is left."""
    assert ana.asked(lambda: _epoch(ground)) == 1, "she was away all the while"
    ana.go("/patient/sharing/")
    assert "This team is 1 person now" in ana.reads()
    assert ana.asked(lambda: _epoch(ground)) == 2


def _epoch(ground) -> int:
    return Lockbox.objects.current().get(patient=ground.patient, part="labs").epoch


def _join(lee, name, ground, found) -> None:
    lee.go(ground.teams)
    lee.page.locator("select[name=clinician]").select_option(label=name)
    lee.press("Add to the team")
    assert f"{name} is on the list now." in lee.page.inner_text("body")
    found += lee.found()


def _nurse(lee, nora, ground, found) -> None:
    """She joins, and still reaches nobody; assigned, she reads; when that ends, she is told so."""
    _join(lee, "Dr Nora Quinn", ground, found)
    nora.go(ground.chart)
    assert "Glucose" not in nora.reads()
    lee.go(ground.teams)
    lee.page.locator("select[name=patient]").select_option(label="Ana Costa, born 3 May 1984")
    lee.page.locator("select[name=nurse]").select_option(label="Dr Nora Quinn")
    lee.fill(until="2099-01-01")
    lee.press("Assign")
    found += lee.found()
    nora.go(ground.chart)
    assert "Glucose" in nora.reads()
    nora.go("/clinician/teams/")
    found += nora.found()


def _sees_who(ana, found) -> None:
    """The list names person and team, and who let the nurse in; the receipt says that she looks after Ana."""
    ana.go("/patient/looked/")
    assert "Dr Nils New" in ana.reads()
    assert "They did so for the care team Cardiology." in ana.reads()
    assert "Let Dr Nora Quinn look after you as a nurse of the care team Cardiology." in ana.reads()
    ana.go("/patient/sharing/")
    ana.page.get_by_text("This team is 3 people now").click()
    assert "Dr Nora Quinn, nurse. Looks after you." in ana.reads()
    found += ana.found()


def _at_the_desk(ida, ground, found) -> None:
    """The administrator sees the people and no patient."""
    ida.go(f"/desk/providers/team/{ground.team.pk}/")
    assert "Dr Nils New" in ida.reads()
    assert "Ana Costa" not in ida.reads()
    found += ida.found()
