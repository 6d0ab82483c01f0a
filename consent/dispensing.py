"""What a pharmacist may write: that something was handed out for one prescription, as a new entry, and nothing else.

Pure: drafts in, an answer out. Who is a pharmacist, and what they were let in to, is decided elsewhere.
"""

import json
import uuid
from collections.abc import Sequence
from typing import Protocol

PRESCRIPTION = "MedicationRequest"
DISPENSING = "MedicationDispense"


class Draft(Protocol):
    """What is to be written: the resource's JSON and its version."""

    @property
    def resource(self) -> bytes: ...

    @property
    def version(self) -> int: ...


def filled_by(drafts: Sequence[Draft]) -> str:
    """Return the FHIR id of the one prescription that all drafts were handed out for; "" where they are anything else.

    A new version of an entry is none: what was handed out is not unsaid by who handed it out.
    """
    found = {_filled(one) for one in drafts}
    return found.pop() if len(found) == 1 else ""


def _filled(draft: Draft) -> str:
    resource = json.loads(draft.resource)
    named = resource.get("authorizingPrescription")
    if draft.version != 1 or resource.get("resourceType") != DISPENSING or not isinstance(named, list):
        return ""
    kind, _, logical_id = str(named[0].get("reference", "") if len(named) == 1 else "").partition("/")
    return logical_id if kind == PRESCRIPTION else ""


def id_of(grant_id: uuid.UUID, number: int) -> uuid.UUID:
    """Return the FHIR id of the first, second, … dispensing under a grant, so that one sent twice is one."""
    return uuid.uuid5(grant_id, f"dispensing {number}")
