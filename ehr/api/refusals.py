"""What the floors below refuse, as a problem in JSON (RFC 9457): what happened, and what to do next.

`type` is a word for programs, `detail` a sentence for people, `errors` what to change in which field.
"""

from collections.abc import Mapping

from django.core.exceptions import ValidationError
from django.http import Http404
from rest_framework import exceptions, status
from rest_framework.response import Response

from appointments.availability import NotFree
from appointments.refusals import NotPossible as VisitNotPossible
from appointments.refusals import NotTheirs
from audit.proofs import NothingYet
from consent import emergency
from consent.access import AccessDenied, ChangedMeanwhile, KeysLocked
from consent.escrow import NotReleased
from consent.sharing.proposing import CannotGive
from consent.sharing.requests import CannotAnswer, CannotAsk
from ehr import clock
from ehr.accounts.attempts import TooMany
from ehr.accounts.operations import Refused
from ehr.api import visit_answers
from ehr.frame.drafting import NotFhir
from ehr.frame.proving import NotProven
from providers.rules import NotPossible

# Exception → status, type, title. The message of each is written for people.
_KNOWN: tuple[tuple[type[Exception] | tuple[type[Exception], ...], int, str, str], ...] = (
    (KeysLocked, status.HTTP_423_LOCKED, "keys-locked", "The keys are locked"),
    (AccessDenied, status.HTTP_403_FORBIDDEN, "access-denied", "Not let in"),
    (ChangedMeanwhile, status.HTTP_409_CONFLICT, "changed-meanwhile", "Somebody was first"),
    (TooMany, status.HTTP_429_TOO_MANY_REQUESTS, "too-many", "Too many tries"),
    (NotProven, status.HTTP_403_FORBIDDEN, "not-proven", "Not shown to be you"),
    (
        (CannotGive, CannotAsk, CannotAnswer, emergency.CannotBreak, emergency.NotFound, NotPossible, Refused),
        status.HTTP_409_CONFLICT,
        "cannot",
        "This cannot be done now",
    ),
    ((NotFree, VisitNotPossible), status.HTTP_409_CONFLICT, "not-free", "This cannot be done now"),
    ((clock.ClockUnsure, NothingYet, NotReleased), status.HTTP_503_SERVICE_UNAVAILABLE, "try-again", "Try again soon"),
)
_WORDS = {
    "changed-meanwhile": "Somebody wrote the next version first. Nothing was stored. Read theirs, then write on it.",
    "try-again": "This cannot be answered at this moment. Nothing was done. Try again in a few seconds.",
}
_FRAMEWORK = {
    exceptions.NotAuthenticated: ("sign-in", "Sign in: POST /api/v1/session, then send the token it returns."),
    exceptions.AuthenticationFailed: ("sign-in", "Sign in: POST /api/v1/session, then send the token it returns."),
    exceptions.MethodNotAllowed: ("method", ""),
    exceptions.ParseError: ("body", ""),
    exceptions.UnsupportedMediaType: ("media-type", "Send JSON, with Content-Type: application/json."),
    exceptions.Throttled: ("too-many", ""),
}


class Missing(exceptions.APIException):
    """A step stands between somebody and this address: it is named, and where it is taken."""

    status_code = status.HTTP_403_FORBIDDEN

    def __init__(self, kind: str, words: str) -> None:
        super().__init__(words, code=kind)
        self.kind = kind


def handle(problem: Exception, context: Mapping) -> Response | None:  # noqa: ARG001 - the framework's signature
    """Return the answer to an exception; None for what is nobody's fault but ours."""
    if isinstance(problem, (Http404, NotTheirs)):
        return _answer(404, "not-here", "Not here", "There is nothing at this address for you.")
    if isinstance(problem, ValidationError):
        return _answer(400, "fields", "Some fields do not fit", "Change what is named.", errors=_fields(problem))
    if isinstance(problem, NotFhir):
        told = [str(one) for one in problem.problems]
        return _answer(422, "not-fhir", "Not FHIR R4", told[0], errors={"resource": told})
    for kinds, code, kind, title in _KNOWN:
        if isinstance(problem, kinds):
            words = getattr(problem, "message", "") or str(problem)
            more = {"instead": [visit_answers.slot(one) for one in problem.instead]} if kind == "not-free" else {}
            told = str(_WORDS.get(kind, "") or words)
            return _answer(code, getattr(problem, "because", "") or kind, title, told, **more)
    return _framework(problem) if isinstance(problem, exceptions.APIException) else None


def _framework(problem: exceptions.APIException) -> Response:
    code = problem.status_code
    if isinstance(problem, exceptions.ValidationError):
        return _answer(code, "fields", "Some fields do not fit", "Change what is named.", errors=_plain(problem.detail))
    kind, words = _FRAMEWORK.get(type(problem), (getattr(problem, "kind", "refused"), ""))
    answer = _answer(code, kind, str(problem.default_detail), words or str(problem.detail))
    if header := getattr(problem, "auth_header", ""):
        answer["WWW-Authenticate"] = header
    return answer


def _answer(code: int, kind: str, title: str, detail: str, **more: object) -> Response:
    body = {"type": f"urn:chartseal:problem:{kind}", "title": title, "status": code, "detail": detail, **more}
    return Response(body, status=code, content_type="application/problem+json")


def _fields(problem: ValidationError) -> dict[str, list[str]]:
    if hasattr(problem, "error_dict"):
        return {name: [str(one) for one in words] for name, words in problem.message_dict.items()}
    return {"": [str(one) for one in problem.messages]}


def _plain(detail: object) -> object:
    """Return the framework's own strings as strings."""
    if isinstance(detail, Mapping):
        return {str(name): _plain(one) for name, one in detail.items()}
    return [_plain(one) for one in detail] if isinstance(detail, list) else str(detail)
