"""Pages of what other systems and devices send, on both sides, as a real browser shows them."""

import pytest
from django.urls import reverse

from consent import access
from ehr.desk.roles import DeskRole
from ehr.frame.drafting import draft
from ehr.intake import devices
from ehr.intake.hl7v2 import receiving
from ehr.intake.models import Broken, Feed, Joining, Stray
from patients.operations import source_signer
from tests import people
from tests.browser.conftest import Answers
from tests.intake.hl7v2.vectors import GLUCOSE, ORU, PID, message, msh, oru
from tests.security.world import browser_of, staff

pytestmark = [pytest.mark.browser, pytest.mark.django_db]
LONG = "Wolfeschlegelsteinhausenbergerdorffwelchevoralternwarengewissen"
NOTE = {"resourceType": "Observation", "status": "final", "code": {"text": "Sodium"}, "valueString": "140"}
LARGEST_KILOBYTES = 100


def of_the_patient() -> Answers:
    ana = people.patient("Ana Costa")
    kept = Answers(browser_of(ana))
    kept.get(reverse("patient:devices"), at="/none-yet/")
    device, _token = devices.add(ana.patient, name=LONG[:60], days=30)
    devices.add(ana.patient, name="ميزان الحمام", days=365)
    devices.stop(ana.patient, device.pk)
    one = draft(ana.patient, NOTE)
    access.receive(ana.patient, [one], source=source_signer("North Laboratory"))
    for name, args in (("patient:devices", []), ("patient:not-mine", [one.logical_id]), ("patient:category", ["labs"])):
        kept.get(reverse(name, args=args))
    kept.post(reverse("patient:devices"), {"name": "My watch", "days": "90"}, "made/")
    kept.post(reverse("patient:devices"), {"name": ""}, "wrong/", expected=422)
    return kept


def of_the_desk() -> Answers:
    kept = Answers(browser_of(staff("Petra Ok", *DeskRole)))
    asked = {"name": f"{LONG} Laboratory", "institution": people.institution().pk, "kinds": ["hl7v2", "fhir"]}
    kept.post(reverse("admin:intake_feed_add"), asked, "made/")
    kept.post(reverse("admin:intake_feed_add"), {"name": ""}, "wrong/", expected=422)
    feed = Feed.objects.select_related("source", "institution").get()
    for content in (
        ORU,
        oru(GLUCOSE, control="2", pid=PID.replace("0042", "0099")),
        message(msh("ADT^A40", "3"), PID, "MRG|MRN-0099^^^NORTH^MR"),
        oru(GLUCOSE.replace("5.40", "five"), control="4"),
    ):
        receiving.receive(content, feed)
    kept.post(
        reverse("admin:intake_stray_add"), {"feed": feed.pk, "control_id": "4711", "reason": "x"}, "made/", expected=302
    )
    for model in (Feed, Broken, Joining, Stray):
        table = f"admin:intake_{model._meta.model_name}"
        kept.get(reverse(f"{table}_changelist"))
        kept.get(reverse(f"{table}_change", args=[model.objects.first().pk]))
    for table in ("feed", "joining", "stray"):
        kept.get(reverse(f"admin:intake_{table}_add"))
    return kept


@pytest.fixture(params=[of_the_patient, of_the_desk])
def pages(request, db, settings, tmp_path):
    """Return the pages of one side as the server answers. They are made before a browser runs."""
    settings.LOG_WITNESS_PATH = tmp_path
    people.prepare_ground()
    return {path: page for path, page in request.param().answers.items() if "Location" not in page[0]}


def test_every_page_of_what_is_sent_fits_each_width_and_axe_finds_nothing(pages, open_window):
    window = open_window(pages)
    for width in (1200, 390, 320):
        shown = {path: window.show(path, width=width, axe=width != 320) for path in pages}
        assert [complaint for one in shown.values() for complaint in one.complaints] == []
        assert [violation for one in shown.values() for violation in one.violations] == []
        assert {path: one.too_wide for path, one in shown.items() if one.too_wide > 0} == {}
        assert {path: one.kilobytes for path, one in shown.items() if one.kilobytes > LARGEST_KILOBYTES} == {}
