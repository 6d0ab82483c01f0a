"""What one session keeps of an emergency: the keys it was given, closed so that only its owner's keyring reads them.

That keyring is open in no session but with its cookie. Signing out deletes what was kept, with the session's row.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from uuid import UUID

from consent.access import Presence, Urgent
from consent.models import Emergency
from ehr.accounts.keyrings import CannotOpen, OpenKeyring
from patients.models import Lockbox, Patient


def put_away(secrets: Mapping[tuple[str, int], bytes], *, emergency_id: UUID, keyring: OpenKeyring) -> str:
    """Return the lockboxes' keys as text for a session's store."""
    listed = [[part, epoch, base64.b64encode(secret).decode()] for (part, epoch), secret in secrets.items()]
    closed = keyring.keep(json.dumps(listed).encode(), label=_label(emergency_id))
    return base64.b64encode(closed).decode()


def take_out(text: str, *, emergency_id: UUID, keyring: OpenKeyring) -> dict[tuple[str, int], bytes]:
    """Return what `put_away` closed; nothing where it is another's, another emergency's, or was changed."""
    try:
        listed = json.loads(keyring.kept(base64.b64decode(text), label=_label(emergency_id)))
    except (CannotOpen, ValueError, binascii.Error):
        return {}
    return {(part, epoch): base64.b64decode(secret) for part, epoch, secret in listed}


def held(
    kept: Mapping[str, str], *, keyring: OpenKeyring | None, session_digest: bytes, user_id: UUID
) -> dict[UUID, Urgent]:
    """Return the emergencies of one session by patient, from what it keeps by emergency's id.

    One that was opened in another session, or by somebody else, is none of this session's. While the keyring is locked
    they are known and hold no key. Those that are over are still told of, so that a refusal can say so.
    """
    rows = Emergency.objects.filter(pk__in=list(kept), reader__user=user_id).order_by("opened_at")
    return {
        row.patient_id: Urgent(
            row.pk, take_out(kept[str(row.pk)], emergency_id=row.pk, keyring=keyring) if keyring else {}
        )
        for row in rows
        if bytes(row.session_digest) == session_digest
    }


def patient_held(presence: Presence, patient_id: UUID) -> Patient | None:
    """Return a patient whose record this session has opened in an emergency, or None."""
    return Patient.objects.filter(pk=patient_id).first() if patient_id in presence.urgent else None


def shut_again(presence: Presence, patient: Patient) -> tuple[str, ...]:
    """Return the parts of an emergency that the patient locked anew since: what was let go opens them no more."""
    urgent = presence.urgent.get(patient.pk)
    if urgent is None or not urgent.secrets:
        return ()
    parts = [part for part, _epoch in urgent.secrets]
    now = dict(Lockbox.objects.of(patient, parts).current().values_list("part", "epoch"))
    return tuple(part for part, epoch in urgent.secrets if now.get(part) != epoch)


def _label(emergency_id: UUID) -> str:
    return f"emergency/{emergency_id}"
