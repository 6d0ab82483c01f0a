"""Every page of the desk, as a real browser shows it: wide, narrow, and to those who do not see it."""

import pytest
from django.urls import reverse

from consent import access
from consent.sharing import arrivals
from ehr.frame.drafting import draft
from patients.operations import source_signer
from tests.browser.conftest import Answers
from tests.security import world as worlds

pytestmark = [pytest.mark.browser, pytest.mark.django_db, pytest.mark.point(9)]
LONG = "Wolfeschlegelsteinhausenbergerdorffwelchevoralternwarengewissenhaftschafers Hubert"
LARGEST_KILOBYTES = 100
# Files to save, and addresses that are posted to.
NO_PAGES = ("_evidence", "_act", "_file")


def arrived(name: str):
    """Return a record with an entry in it, whose patient is not here yet."""
    patient = arrivals.expect(name=name, birth_date="1950-01-31", sex="", identifiers=[("urn:mrn", name)], source="x")
    pulse = {"resourceType": "Observation", "status": "final", "code": {"text": "Pulse"}, "valueString": "72"}
    access.receive(patient, [draft(patient, pulse)], source=source_signer("x"))
    return patient


@pytest.fixture
def pages(db, settings, tmp_path):
    """Return each list, row and form of the desk as the server answers, and what comes of a button."""
    settings.LOG_WITNESS_PATH = tmp_path
    world = worlds.build()
    hubert = arrived(LONG)
    arrived("عائشة الفاسي")
    kept = Answers(world.browsers["staff"])
    for name in worlds.addresses():
        if name.startswith("admin:") and not name.endswith(NO_PAGES):
            kept.get(world.address(name))
    kept.get(reverse("admin:patients_patient_change", args=[hubert.pk]))
    kept.post(reverse("admin:patients_patient_act", args=[hubert.pk, "invite"]), {}, "made/")
    kept.post(reverse("admin:providers_institution_add"), {"name": ""}, "wrong/", expected=422)
    kept.get(reverse("admin:accounts_user_changelist") + "?words=nobody+of+that+name", at="/nothing-found/")
    return kept.answers


def test_every_page_of_the_desk_fits_each_width_is_light_and_axe_finds_nothing(pages, open_window):
    window = open_window(pages)
    assert len(pages) > 25
    for width in (1200, 390, 320):
        shown = {path: window.show(path, width=width, axe=width != 320) for path in pages}
        assert [complaint for one in shown.values() for complaint in one.complaints] == []
        assert [violation for one in shown.values() for violation in one.violations] == []
        assert {path: one.too_wide for path, one in shown.items() if one.too_wide > 0} == {}
        assert {path: one.kilobytes for path, one in shown.items() if one.kilobytes > LARGEST_KILOBYTES} == {}


def test_an_invitation_prints_its_code_and_what_to_do_and_nothing_of_the_desk(pages, open_window):
    window = open_window(pages)
    window.show(next(path for path in pages if path.endswith("made/")), width=1200)
    window.page.emulate_media(media="print")
    for gone in (".masthead", ".foot", ".back", ".on-screen", ".actions"):
        assert not window.page.locator(gone).first.is_visible(), gone
    assert window.page.locator(".code-to-show").is_visible()
    assert window.page.locator(".paper li").count() == 4
