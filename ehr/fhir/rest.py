"""Around every interaction: who asks, how often, in which format; and whatever goes wrong becomes an OperationOutcome.

Source: FHIR R4 http.html.
"""

import logging
from collections.abc import Callable
from functools import wraps

from django.core.exceptions import DisallowedHost, SuspiciousOperation
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from consent.access import AccessDenied, ChangedMeanwhile, KeysLocked
from ehr import clock
from ehr.fhir import asking, outcomes, rates, wire
from ehr.fhir.outcomes import Refusal
from ehr.fhir.query import Asked, asked
from ehr.fhir.wire import Answer, Sent

logger = logging.getLogger(__name__)
View = Callable[..., Answer]
METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})


def interaction(
    *, public: bool = False, alone: bool = False, lines: bool = False, **views: View
) -> Callable[..., HttpResponse]:
    """Return the view of one address from what answers each method: `interaction(GET=read, PUT=update)`.

    Each is called as view(sent, asked, asking, **place), `asking` being None for what is public, and returns an
    Answer or raises Refusal. What is `alone` is no entry of a Bundle; `lines` may be taken as resources one a line.
    """

    @csrf_exempt
    @wraps(next(iter(views.values())))
    def answered(request: HttpRequest, **place: str) -> HttpResponse:
        told = Asked()
        try:
            request.get_host()
            if request.method == "OPTIONS":
                return _preflight(request, views)
            told = asked(request)
            wire.check_accepted(request.headers, told.format, lines=lines)
            answer = _answer(request, told, views, public, place)
        except Exception as problem:  # noqa: BLE001 - the last one there is: no client gets a page of ours
            answer = refused(problem)
        return wire.response(request, answer, pretty=told.pretty)

    answered.views = {} if alone else views  # type: ignore[attr-defined] # for the entries of a Bundle
    return answered


def _answer(request: HttpRequest, told: Asked, views: dict[str, View], public: bool, place: dict) -> Answer:
    method = "GET" if request.method == "HEAD" else str(request.method)
    if public:
        rates.count(request, None)
        who = None
    else:
        who = asking.who(request)
        rates.count(request, who)
        if who is None:
            raise outcomes.who_are_you()
    if method not in views:
        raise outcomes.method_not_here(views)
    try:
        return views[method](Sent(request), told, who, **place)
    finally:
        if who is not None:
            who.forget()


def _preflight(request: HttpRequest, views: dict[str, View]) -> HttpResponse:
    """Return what a browser asks before a script of another page may."""
    headers = {
        "Allow": ", ".join(sorted(views)),
        "Access-Control-Allow-Methods": ", ".join(sorted(views)),
        "Access-Control-Allow-Headers": "Authorization, Content-Type, Accept, If-Match, If-None-Match, If-None-Exist, "
        "If-Modified-Since, Prefer",
        "Access-Control-Max-Age": "600",
    }
    return wire.response(request, Answer(204, None, headers))


# --- When it goes wrong --------------------------------------------------------------------------
def refused(problem: Exception) -> Answer:
    """Return what is said of whatever went wrong."""
    refusal = problem if isinstance(problem, Refusal) else _as_refusal(problem)
    return Answer(refusal.status, refusal.resource, refusal.headers)


def _as_refusal(problem: Exception) -> Refusal:
    match problem:
        case KeysLocked():
            return outcomes.who_are_you(str(problem))
        case AccessDenied():
            return outcomes.not_there()
        case ChangedMeanwhile():
            words = "Somebody wrote the next version first. Nothing was stored; read theirs, then write on top of it."
            return Refusal(409, "conflict", words)
        case clock.ClockUnsure():
            words = "The clocks of this site disagree, so no record is opened. Try again in a minute."
            return Refusal(503, "transient", words, headers={"Retry-After": "60"})
        case DisallowedHost() | SuspiciousOperation():
            return outcomes.not_understood("This server does not answer for that host. Use its own address.")
        case OperationalError() if "locked" in str(problem):
            words = "Too much is written at this moment. Nothing was stored; send it again."
            return Refusal(503, "transient", words, headers={"Retry-After": "1"})
    logger.error("An interaction of the FHIR interface failed", exc_info=problem)
    words = "Something here is broken, and nothing was stored. Those who run this server can see where; tell them when."
    return Refusal(500, "exception", words)
