"""Whom a session found in an emergency, until that is forgotten again."""

from uuid import UUID

from django.http import HttpRequest

from consent import emergency
from ehr import clock
from patients.models import Patient

FOUND = "found-in-emergency"  # in the session: when a find of a patient is forgotten, by their id


def remember(request: HttpRequest, patient: Patient) -> None:
    """Let this session ask to open the record of somebody it has just found."""
    until = (clock.now() + emergency.FOUND_FOR).timestamp()
    before = {str(pk): request.session[FOUND][str(pk)] for pk in lately(request)}
    request.session[FOUND] = before | {str(patient.pk): until}


def lately(request: HttpRequest) -> list[UUID]:
    """Return whom this session found, and has not forgotten."""
    at = clock.now().timestamp()
    return [UUID(pk) for pk, until in request.session.get(FOUND, {}).items() if until > at]
