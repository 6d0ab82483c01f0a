"""What other systems and devices have sent about somebody, for the pages that show it."""

from django.db import transaction

from consent import access
from consent.sharing import arrivals
from ehr.frame.drafting import draft
from ehr.intake import devices, feeds, joining, repair, strays
from ehr.intake.models import Feed
from patients.operations import source_signer
from tests import people

NOTE = {"resourceType": "Observation", "status": "final", "code": {"text": "Sodium"}, "valueString": "140"}


def of_feeds(sharer: people.Person, officer: people.Person) -> dict[str, object]:
    """Return a device, an entry of a feed, and a row of each list of the desk, by name."""
    device, _token = devices.add(sharer.patient, name="Watch", days=30)
    feed = Feed.objects.first()
    if feed is None:
        feed, _token = feeds.register(
            name="North Laboratory", institution=people.institution(), kinds=["hl7v2"], by=officer.user
        )
    one = draft(sharer.patient, NOTE)
    with transaction.atomic():
        access.receive(sharer.patient, [one], source=source_signer(feed.source.name))
        born = sharer.patient.birth_date
        twins = [arrivals.expect(name="Twin", birth_date=born, sex="", identifiers=[], source="x") for _ in range(2)]
    broken = repair.keep(
        sharer.patient.pk.bytes, feed=feed, channel="hl7v2", kind="ORU^R01", control_id="1", problems=[]
    )  # fmt: skip
    stray = strays.named_by_patient(sharer.patient, one.logical_id, by=sharer.user, reason="")
    joined = joining.propose(*twins, by=officer.user, reason="one person")
    return {
        "device": device.pk,
        "sent": one.logical_id,
        "rows": {"intake_feed": feed, "intake_broken": broken, "intake_joining": joined, "intake_stray": stray},
    }
