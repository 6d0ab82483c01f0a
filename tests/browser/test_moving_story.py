"""Moving to another hospital in a browser: the patient decides once, the new place reads on, the old keeps its own."""

from types import SimpleNamespace

import pytest
from django.db import connections
from django.urls import reverse

from consent import access
from ehr.frame.drafting import draft
from ehr.words import Category, Purpose
from tests import people
from tests.browser.acting import stage
from tests.clinician.conftest import READ_AND_WRITE, lab, put
from tests.clinician.conftest import browser_of as clinician_browser
from tests.patient.conftest import browser_of as patient_browser

pytestmark = [pytest.mark.browser, pytest.mark.django_db]


@pytest.fixture
def ground(db):
    """Ana with a result of her own and one that Dr Lee of Old Hospital wrote; three share in it there; Dr New."""
    people.prepare_ground()
    old, new = people.institution("Old Hospital"), people.institution("New Hospital")
    ana, nora = people.patient("Ana Costa"), people.clinician("Nora New", place=new)
    lee, kim, poe = (people.clinician(name, place=old) for name in ("Mei Lee", "Jo Kim", "Edgar Poe"))
    put(ana, lab("Glucose", "154", "2026-10-01"))
    grants = [people.give(ana, one, Category.LABS, actions=READ_AND_WRITE) for one in (lee, kim, poe)]
    access.add_entries(
        ana.patient,
        [draft(ana.patient, lab("Ferritin", "20", "2026-10-02", code="2276-4"))],
        reader=lee.user,
        keyring=lee.keyring,
        purpose=Purpose.TREAT,
    )
    browsers = {"lee": lee, "kim": kim, "poe": poe, "nora": nora}
    return SimpleNamespace(
        connection=connections["default"],
        chart=reverse("clinician:chart", args=[ana.patient.pk]),
        copy=reverse("clinician:copy", args=[ana.patient.pk]),
        does=dict(zip((str(one.pk) for one in grants), ("move", "end", "keep"), strict=True)),
        ana=patient_browser(ana),
        **{name: clinician_browser(person) for name, person in browsers.items()},
    )


def test_one_act_moves_ends_and_keeps_and_each_side_reads_what_is_theirs(ground, open_window):
    with stage(open_window, ground.connection) as at_a_window:
        ana, lee, kim, poe, nora = (at_a_window(getattr(ground, name)) for name in ("ana", "lee", "kim", "poe", "nora"))
        found = _decide(ana, ground.does)
        nora.go(ground.chart)
        assert "Glucose" in nora.reads()
        assert "Ferritin" in nora.reads()
        assert "Dr Mei Lee" in nora.reads(), "with who wrote what"
        poe.go(ground.chart)
        assert "Glucose" in poe.reads(), "what was kept goes on"
        for left in (lee, kim):
            left.go(ground.chart)
            assert "Glucose" not in left.reads()
        found += _keeps_its_own(lee, ground)
        ana.go(reverse("patient:sharing"))
        assert "Dr Nora New" in ana.reads()
        assert found + ana.found() == []
        complaints = [one for person in (ana, lee, kim, poe, nora) for one in person.complaints]
        assert [one for one in complaints if "403" not in one] == []


def _decide(ana, does) -> list[str]:
    """From the list of who can see it to one button."""
    ana.go(reverse("patient:sharing"))
    ana.follow("Moving to another hospital or practice?")
    found = ana.found()
    ana.page.get_by_label("Old Hospital").check()
    ana.press("Go on")
    found += ana.found()
    for grant, do in does.items():
        ana.page.locator(f"main input[name='{grant}'][value='{do}']").check()
    ana.press("Go on")
    assert "Who gets it instead of Dr Mei Lee?" in ana.reads()
    found += ana.found()
    ana.press("Choose Dr Nora New")
    assert "What stays at the old place" in ana.reads()
    found += ana.found()
    ana.press("Do all of this now")
    assert "One permission went to somebody new." in ana.reads()
    return found + ana.found()


def _keeps_its_own(lee, ground) -> list[str]:
    """What she wrote there stays readable, as the law requires; of the rest there is nothing."""
    lee.go(reverse("clinician:copies"))
    found = lee.found()
    lee.follow("Ana Costa")
    assert "Ferritin" in lee.reads()
    assert "Glucose" not in lee.reads()
    assert "has moved to another place" in lee.reads()
    return found + lee.found()
