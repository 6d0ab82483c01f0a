"""A session without a browser: its two halves travel in one `Authorization` header, and cookies count for nothing.

A program signs in as a person does, and gets a token of two halves: which session, and the key to the keyring that the
session keeps as ciphertext. Whatever holds for a browser's session (time limits, second step, sign-out everywhere)
holds for this one, for it is one. A page of another site can send no such header, so no form token is needed.
"""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from ehr.accounts.models import User

PREFIX = "/api/"
_SCHEME, _VERSION = "Bearer", "cs1"


class BearerSession:
    """Hands the halves of a token to the middleware that reads a browser's; lets no cookie in, and none out."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path.startswith(PREFIX):
            return self.get_response(request)
        request.COOKIES = _halves(request.headers.get("Authorization", ""))
        response = self.get_response(request)
        response.cookies.clear()
        return response


def _halves(header: str) -> dict[str, str]:
    scheme, _, token = header.partition(" ")
    version, _, halves = token.strip().partition(".")
    session, _, key = halves.partition(".")
    if scheme != _SCHEME or version != _VERSION or not session:
        return {}
    return {settings.SESSION_COOKIE_NAME: session, settings.KEYRING_COOKIE_NAME: key}


def token(request: HttpRequest) -> str:
    """Return the token of a session that has just begun or been unlocked. It is shown this once, and kept nowhere."""
    if request.session.session_key is None:
        request.session.create()
    return ".".join([_VERSION, request.session.session_key, getattr(request, "keyring_cookie", "")])


class Bearer(BaseAuthentication):
    """Tells the framework who the session says it is."""

    def authenticate(self, request: Request) -> tuple[User, None] | None:
        user = request._request.user
        return (user, None) if user.is_authenticated else None

    def authenticate_header(self, request: Request) -> str:  # noqa: ARG002 - the framework's signature
        return _SCHEME
