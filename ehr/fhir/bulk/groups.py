"""The one group there is: those who let whoever asks read now. Its name is the same for everybody, so it tells nothing.

Source: FHIR R4 group.html.
"""

from collections.abc import Sequence

from audit import log
from ehr import clock
from ehr.fhir import naming, outcomes, records
from ehr.fhir.asking import Asking
from ehr.fhir.query import Asked
from ehr.fhir.shaping import shaped
from ehr.fhir.wire import Answer, Sent
from patients.models import Patient

MINE = "mine"


def members(asking: Asking, group_id: str) -> list[Patient]:
    """Return whom a group holds at this moment. Raises Refusal 404 for any group but one's own."""
    if group_id != MINE:
        raise outcomes.not_there()
    return records.patients_of(asking)


def read(_sent: Sent, told: Asked, asking: Asking) -> Answer:
    """Return one's own group, each member with a line on their list."""
    if not (asking.allow("Group", "read") or asking.allow("Patient", "read")):
        raise outcomes.beyond_scope("Group")
    found = members(asking, MINE)
    _name(asking, found)
    return Answer(200, shaped(_group(found), told))


def _name(asking: Asking, patients: Sequence[Patient]) -> None:
    """Commit one line for each who is about to be told of."""
    caller = asking.caller
    if patients:
        log.record_page(
            "chart.listed",
            actor=asking.party,
            subjects=[one.pk for one in patients],
            purpose=str(caller.purpose),
            details=caller.told,
        )


def _group(patients: Sequence[Patient]) -> dict:
    group: dict[str, object] = {
        "resourceType": "Group",
        "id": MINE,
        "meta": {"lastUpdated": naming.instant(clock.now())},
        "active": True,
        "type": "person",
        "actual": True,
        "name": "Patients who let you read something of their record now",
        "quantity": len(patients),
    }
    if patients:
        group["member"] = [{"entity": {"reference": f"Patient/{one.pk}"}} for one in patients]
    return group
