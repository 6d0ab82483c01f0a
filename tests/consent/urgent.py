"""An emergency, begun as a page begins it: by somebody who may, in one session, with words that say why."""

import uuid

from consent import access, emergency
from consent.access import Presence
from consent.models import Emergency, EscrowUse
from ehr.desk.roles import DeskRole, ensure_desk_roles
from ehr.words import Purpose
from tests import people

BTG = Purpose.BTG
SESSION = b"one session of one browser......"
ANOTHER = b"another session of the same....."
WORDS = "Found unconscious; looking for blood thinners."


def officer(name="Petra Ok"):
    """A privacy officer, who answers questions and reviews emergencies."""
    made = people.account(name, staff=True)
    made.user.groups.add(ensure_desk_roles()[DeskRole.PRIVACY])
    return made


def asked(**changed):
    """What a form and its page hand over."""
    return {
        "reason": "unconscious",
        "words": WORDS,
        "attested": True,
        "session_digest": SESSION,
        "proven_by": ["passphrase"],
        "once": uuid.uuid4(),
    } | changed


def opened(patient, doctor, **changed):
    """Break the glass; return what came of it and what the session keeps."""
    return emergency.break_glass(patient, reader=doctor.user, keyring=doctor.keyring, **asked(**changed))


def presence(came, doctor, *, session=SESSION, keyring=None, place=""):
    """Where a reader stands at a later request of a session that keeps this."""
    kept = {str(came.emergency.pk): came.keep}
    held = emergency.held(kept, keyring=keyring or doctor.keyring, session_digest=session, user_id=doctor.user.pk)
    return Presence(place=place, urgent=held)


def read(patient, doctor, here, **more):
    """Open a chart in an emergency."""
    return access.open_chart(patient, reader=doctor.user, keyring=doctor.keyring, purpose=BTG, presence=here, **more)


def nothing_opened(patient):
    return not Emergency.objects.filter(patient=patient).exists() and not EscrowUse.objects.exists()
