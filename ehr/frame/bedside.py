"""A patient answers one request on somebody else's tablet: five minutes, that one page, and nothing stays behind.

Whoever hands it over is signed out first. A signed cookie of five minutes says which request it is about; it opens
nothing. When the request is answered, or the time is over, the session ends and the browser is told to forget all.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from consent.sharing import bedside
from ehr import clock
from ehr.frame import sessions

COOKIE = "__Host-bedside"
LASTS = timedelta(minutes=5)
MARK = "began-at-the-bedside"
_SALT = "ehr.frame.bedside"
# What of the patient's pages answers a request. Each names it as "asking", or as the draft of its answer.
_ANSWERING = frozenset({"answer", "answer-confirm", "decline", "why", "share-narrow", "share-entries"})
_ENTERING = frozenset({"front:bedside", "front:second-factor"})


@dataclass(frozen=True)
class Bedside:
    """Which request this browser is handed over for, and until when."""

    asking: UUID
    until: datetime


def begin(request: HttpRequest, asking: UUID) -> HttpResponse:
    """Sign out whoever hands the tablet over, and return the page on which the patient signs in."""
    sessions.end(request)
    until = clock.now() + LASTS
    response = redirect("front:bedside")
    told = signing.dumps({"asking": str(asking), "until": until.timestamp()}, salt=_SALT)
    response.set_cookie(COOKIE, told, path="/", secure=True, httponly=True, samesite="Lax")
    return response


def _held(request: HttpRequest) -> Bedside | None:
    try:
        told = signing.loads(request.COOKIES[COOKIE], salt=_SALT)
    except signing.BadSignature:
        return None
    until = datetime.fromtimestamp(told["until"], UTC)
    return Bedside(UUID(told["asking"]), until) if clock.now() < until else None


class AtTheBedside:
    """Sets `request.bedside`, and keeps such a browser to the one thing it was handed over for."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.bedside = None
        if COOKIE not in request.COOKIES:
            # A session that began at the bedside is over with its cookie, however that went.
            return over(request) if MARK in request.session else self.get_response(request)
        request.bedside = _held(request)
        if request.bedside is None or not self._may_go_on(request):
            return over(request)
        response = self.get_response(request)
        if not self._may_go_on(request):
            return over(request)
        if request.user.is_authenticated:
            request.session[MARK] = True
        # A page that nobody touches goes by itself when the time is over.
        seconds = max(1, int((request.bedside.until - clock.now()).total_seconds()) + 1)
        response["Refresh"] = f"{seconds}; url={request.path}"
        return response

    def _may_go_on(self, request: HttpRequest) -> bool:
        return not request.user.is_authenticated or bedside.is_for(request.user, request.bedside.asking)

    def process_view(self, request: HttpRequest, _view, _args, kwargs) -> HttpResponse | None:
        """Send every other page back to the one that matters; signing out, or a step that is missing, ends it."""
        if request.bedside is None:
            return None
        match, asking = request.resolver_match, request.bedside.asking
        name = match.view_name
        if not request.user.is_authenticated:
            return None if name in _ENTERING else redirect("front:bedside")
        if name in {"front:sign-out", "front:enrol", "front:check-mail"}:
            return over(request)
        about_it = match.namespace == "patient" and match.url_name in _ANSWERING and asking in kwargs.values()
        if about_it or name in {"front:second-factor", "front:unlock"}:
            return None
        return redirect("patient:answer", asking)


def over(request: HttpRequest) -> HttpResponse:
    """End the session if there is one, and return a page that leaves nothing in the browser."""
    if request.user.is_authenticated:
        sessions.end(request)
    else:
        request.session.flush()
    request.bedside = None
    response = render(request, "parts/bedside_over.html")
    response["Clear-Site-Data"] = '"cache", "cookies", "storage"'
    response["Cache-Control"] = "no-store"
    response.delete_cookie(COOKIE, path="/", samesite="Lax")
    response.cookies[COOKIE]["secure"] = True
    return response
