"""What happens around every request: time-outs, the open keyring, the reader's zone, nothing cached, plain refusals."""

import zoneinfo
from datetime import timedelta

from django.conf import settings
from django.contrib import messages
from django.shortcuts import redirect
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from audit import log
from consent.access import AccessDenied, KeysLocked
from ehr import clock
from ehr.accounts import queries
from ehr.frame import refusals, roles, sessions
from ehr.frame.drafting import NotFhir

# A session's last use is written down this often, not at every request; an idle limit may end this much early.
SEEN_EVERY_SECONDS = 20


class SessionLimits:
    """Ends a session that was idle, or has lasted, longer than its role allows."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        if request.user.is_authenticated:
            try:
                self._measure(request)
            except clock.ClockUnsure:
                return refusals.clock_unsure(request)
        return self.get_response(request)

    def _measure(self, request):
        now = clock.now().timestamp()
        idle, absolute = _limits(request)
        began = request.session.setdefault(sessions.BEGAN, now)
        seen = request.session.setdefault(sessions.SEEN, now)
        if now - began > absolute.total_seconds():
            self._over(request, "absolute", absolute)
        elif now - seen > idle.total_seconds():
            self._over(request, "idle", idle)
        elif now - seen > SEEN_EVERY_SECONDS:
            request.session[sessions.SEEN] = now

    def _over(self, request, because, limit):
        log.record(
            "account.timed-out", actor=queries.party(request.user), subject=None, outcome="done", because=because
        )
        sessions.drop(request)
        messages.info(request, _over_message(because, limit))


def _limits(request) -> tuple[timedelta, timedelta]:
    """Return idle and absolute limit: the session's own role's, and never laxer than the staff's for staff."""
    role = "staff" if request.user.is_staff else request.session.get(sessions.LIMITS, "patient")
    return settings.SESSION_LIMITS.get(role, settings.SESSION_LIMITS["staff"])


def _over_message(because: str, limit: timedelta) -> str:
    minutes = int(limit.total_seconds() // 60)
    if because == "absolute":
        hours = minutes // 60
        told = ngettext(
            "You were signed in for %(hours)d hour, so you were signed out. Sign in again to go on.",
            "You were signed in for %(hours)d hours, so you were signed out. Sign in again to go on.",
            hours,
        )
        return told % {"hours": hours}
    return _("Nothing happened for %(minutes)d minutes, so you were signed out. Sign in again to go on.") % {
        "minutes": minutes
    }


class UnlockedKeyring:
    """Sets `request.keyring`: the open keyring of whoever is signed in, or None while it is locked."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        request.keyring = sessions.keyring_of(request)
        response = self.get_response(request)
        sessions.write_cookie(request, response)
        return response


class ReadersZone:
    """Times in the reader's own zone, words in their language."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        if not request.user.is_authenticated:
            with timezone.override(None):
                return self.get_response(request)
        with timezone.override(_zone(request.user.time_zone)), translation.override(request.user.language):
            response = self.get_response(request)
            response.setdefault("Content-Language", translation.get_language())
            return response


def _zone(name: str) -> zoneinfo.ZoneInfo:
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        return zoneinfo.ZoneInfo("UTC")


class NoStore:
    """Nothing stays in a browser's or a proxy's cache, but what says that it may and is shown to everybody."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        response = self.get_response(request)
        if request.user.is_authenticated or not response.has_header("Cache-Control"):
            response["Cache-Control"] = "no-store"
        return response


class PlainRefusals:
    """Turns what the floors below refuse into a page that says why and what next."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        return self.get_response(request)

    def process_exception(self, request, exception):
        match exception:
            case clock.ClockUnsure():
                return refusals.clock_unsure(request)
            case KeysLocked():
                return redirect(roles.step(request, "front:unlock"))
            case AccessDenied():
                return refusals.page(request, str(exception))
            case NotFhir():
                return refusals.page(request, refusals.unwritable(), status=422)
        return None
