"""Where a reader stands when they come to the door, as a request tells it; and what their session holds."""

from collections.abc import Mapping
from uuid import UUID

from django.http import HttpRequest

from consent import emergency
from consent.access import Presence, Urgent
from consent.models import Emergency
from ehr.accounts import stored
from ehr.accounts.keyrings import OpenKeyring
from ehr.frame import sessions
from ehr.words import Purpose

URGENT = "urgent"  # in the session: what it keeps of emergencies, by the emergency's id
MOST_HELD = 8  # further ones push out the oldest


def presence(request: HttpRequest) -> Presence:
    """Return what the door is told of a request beside who asks: the country it came from, empty when unknown, and the
    emergencies that its session holds.

    Every page that calls the door hands this on, so whatever else a session holds is added here and nowhere else.
    """
    return Presence(place=sessions.place(request), urgent=_urgent(request))


def _urgent(request: HttpRequest) -> Mapping[UUID, Urgent]:
    kept = request.session.get(URGENT)
    if not kept or not request.user.is_authenticated:
        return {}
    if not hasattr(request, "urgent"):
        request.urgent = emergency.held(
            kept, keyring=request.keyring, session_digest=session_digest(request), user_id=request.user.pk
        )
    return request.urgent


def session_digest(request: HttpRequest) -> bytes:
    """Return by what an emergency knows the one session it holds in; the session's own key does not follow from it."""
    if request.session.session_key is None:
        request.session.create()
    return stored.index("emergency-session", request.session.session_key)


def hold(request: HttpRequest, opened: emergency.Opened, *, keyring: OpenKeyring) -> None:
    """Keep what an emergency was given in this session, with the keyring that reads it; signing out deletes both."""
    if not opened.keep:
        return
    if request.keyring is None:
        sessions.unlock(request, keyring)
    before = list(request.session.get(URGENT, {}).items())[-(MOST_HELD - 1) :]
    request.session[URGENT] = dict(before) | {str(opened.emergency.pk): opened.keep}
    request.__dict__.pop("urgent", None)


def let_go(request: HttpRequest, emergency_id: UUID) -> None:
    """Delete what this session keeps of an emergency."""
    kept = request.session.get(URGENT, {})
    request.session[URGENT] = {pk: one for pk, one in kept.items() if pk != str(emergency_id)}
    request.__dict__.pop("urgent", None)


def held(request: HttpRequest, patient_id: UUID) -> Emergency | None:
    """Return the emergency with a patient that this session holds, also when it is over; None where there is none."""
    urgent = _urgent(request).get(patient_id)
    return emergency.by_reader(request.user, patient_id).filter(pk=urgent.emergency_id).first() if urgent else None


def purpose(request: HttpRequest, patient_id: UUID) -> Purpose:
    """Return what for a chart is read: by an emergency where this session holds one, else to treat."""
    return Purpose.BTG if patient_id in _urgent(request) else Purpose.TREAT
