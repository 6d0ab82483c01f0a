"""What a pharmacist may write: that something was handed out for one prescription, or that this was put down wrongly.

Pure: drafts in, an answer out. Who is a pharmacist, and what they were let in to, is decided elsewhere.
"""

import json
import uuid
from collections.abc import Sequence
from typing import Protocol

MOST = 50  # dispensings under one permission
PRESCRIPTION = "MedicationRequest"
DISPENSING = "MedicationDispense"
TAKEN_BACK = "entered-in-error"
# What a new version may say: that it never was, or that it was otherwise.
CORRECTED = frozenset({TAKEN_BACK, "completed"})


class Draft(Protocol):
    """What is to be written: the resource's JSON and its version."""

    @property
    def resource(self) -> bytes: ...

    @property
    def version(self) -> int: ...


def filled_by(drafts: Sequence[Draft]) -> str:
    """Return the FHIR id of the one prescription that all drafts were handed out for; "" where they are anything else.

    A new version is a correction: whose the entry is that it follows, the door looks at.
    """
    found = {_filled(one) for one in drafts}
    return found.pop() if len(found) == 1 else ""


def _filled(draft: Draft) -> str:
    resource = json.loads(draft.resource)
    named = resource.get("authorizingPrescription")
    if resource.get("resourceType") != DISPENSING or not isinstance(named, list):
        return ""
    if draft.version > 1 and resource.get("status") not in CORRECTED:
        return ""
    kind, _, logical_id = str(named[0].get("reference", "") if len(named) == 1 else "").partition("/")
    return logical_id if kind == PRESCRIPTION else ""


def correction(drafts: Sequence[Draft]) -> str:
    """Return why the log says that dispensings were written anew: "taken-back" or "put-right"; "" where none was."""
    said = {json.loads(one.resource).get("status") == TAKEN_BACK for one in drafts if one.version > 1}
    return "" if not said else "taken-back" if said == {True} else "put-right"


def id_of(grant_id: uuid.UUID, number: int) -> uuid.UUID:
    """Return the FHIR id of the first, second, … dispensing under a grant, so that one sent twice is one."""
    return uuid.uuid5(grant_id, f"dispensing {number}")


def ids(grant_id: uuid.UUID) -> list[uuid.UUID]:
    """Return the FHIR ids of all dispensings that there can be under a grant, the first one first."""
    return [id_of(grant_id, number) for number in range(1, MOST + 1)]
