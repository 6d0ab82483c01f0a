"""Why somebody comes: an entry of their record, sealed like any other, and a salted commitment in clear.

Who holds the commitment alone, such as the escrow contract, learns nothing: the salt is in the sealed entry.
"""

import base64
import secrets
from hashlib import sha256
from uuid import UUID, uuid4

from django.db import transaction
from django.utils.translation import gettext as _

from appointments.booking.changing import locked, problem
from appointments.models import Appointment
from appointments.refusals import NotPossible
from appointments.rules import LIVE
from appointments.standing import acting
from consent import access
from consent.access import Draft
from ehr import clock
from ehr.accounts import queries as accounts
from ehr.accounts.keyrings import OpenKeyring
from ehr.crypto.digests import joined
from ehr.r4 import labels, search, text, validate

MOST_WORDS = 1_000
# Where the entry keeps the commitment's salt, 32 bytes in base64.
SALT = "https://chartseal.org/fhir/StructureDefinition/commitment-salt"


def add_reason(appointment: Appointment, words: str, *, keyring: OpenKeyring | None) -> Appointment:
    """Seal why a patient comes, with their own keys, and keep its id and a commitment beside the visit.

    Said again before the visit, a new entry takes the place of the one before, which stays in the record. Who may read
    the patient's treatment reads it. Raises NotPossible, KeysLocked, NotTheirs.
    """
    words = words.strip()
    if not words or len(words) > MOST_WORDS:
        raise NotPossible(_("Say in a few words why you come: at most 1000 characters."), because="too-long")
    patient = appointment.patient
    if patient.user is None:
        raise NotPossible(_("Only the patient says why they come, with their own keys."), because="not-by-you")
    acting(patient.user, patient=patient, schedule=appointment.schedule)
    salt, logical_id = secrets.token_bytes(32), uuid4()
    drafts = [_draft(appointment, words, salt, logical_id)]
    if not accounts.is_theirs(keyring, patient.user_id):
        # The door refuses, and its line outlives the refusal: so no transaction of ours is around it.
        access.add_own(patient, drafts, keyring=keyring)
    with transaction.atomic():
        visit = locked(appointment)
        if visit.status not in LIVE:
            raise problem("not-from-here", visit.status)
        access.add_own(patient, drafts, keyring=keyring)
        visit.reason, visit.reason_commitment = logical_id, commitment(salt, words)
        visit.save(update_fields=["reason", "reason_commitment"])
    return visit


def commitment(salt: bytes, words: str) -> bytes:
    """Return SHA-256 over salt and words, each with its length in front, 32 bytes."""
    return sha256(joined(b"visit-reason/v1", salt, words.encode())).digest()


def opens(appointment: Appointment, resource: dict) -> bool:
    """Tell whether an opened entry is the reason that a visit was committed to."""
    salts = [one["valueBase64Binary"] for one in resource.get("extension", ()) if one.get("url") == SALT]
    words = "".join(one.get("text", "") for one in resource.get("reasonCode", ())[:1])
    found = [commitment(base64.b64decode(salt), words) for salt in salts]
    return found == [bytes(appointment.reason_commitment)]


def _draft(appointment: Appointment, words: str, salt: bytes, logical_id: UUID) -> Draft:
    """Return the patient's own proposal to be seen, as a ServiceRequest: FHIR's Appointment is based on such."""
    whose = {"reference": f"Patient/{appointment.patient_id}"}
    whole = {
        "resourceType": "ServiceRequest",
        "id": str(logical_id),
        "extension": [{"url": SALT, "valueBase64Binary": base64.b64encode(salt).decode()}],
        "status": "active",
        "intent": "proposal",
        "subject": whose,
        "requester": whose,
        "authoredOn": clock.now().isoformat(timespec="seconds"),
        "code": {"text": _("Visit")},
        "reasonCode": [{"text": words}],
    }
    found = labels.label(whole)
    stamped = labels.stamp(whole, found)
    if problems := validate.check(stamped):
        raise ValueError(f"{problems[0].path} of the reason for a visit is not FHIR R4.")
    return Draft(
        resource=text.dumps(stamped),
        parts=tuple(str(part) for part in found.categories),
        search=text.dumps(search.values(stamped)),
        logical_id=logical_id,
    )
