"""The life of a session: begun by a passphrase, perhaps a second step, ended by its owner or by time."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from uuid import UUID

import django_otp
from django.conf import settings
from django.contrib import auth
from django.http import HttpRequest, HttpResponse
from django_otp.models import Device

from consent import places
from ehr import clock
from ehr.accounts import keyrings, operations, queries
from ehr.accounts.keyrings import OpenKeyring
from ehr.accounts.models import User
from ehr.accounts.operations import SignedIn

BACKEND = "ehr.accounts.backends.Passphrase"
HALF = "half-signed-in"
HALF_LIFE = timedelta(minutes=10)
BEGAN, SEEN, LIMITS = "began", "seen", "limits"


def address(request: HttpRequest) -> str:
    """Return where a request came from, by IP address: the peer's, or what the outermost trusted proxy saw.

    Each proxy adds at the end of X-Forwarded-For whom it answered, so of `TRUST_PROXY` proxies the outermost wrote the
    entry that many from the right. What stands further left a client may have made up. Empty where nobody can know.
    """
    if not settings.TRUST_PROXY:
        return _plain(request.META.get("REMOTE_ADDR", ""))
    told = request.headers.get("X-Forwarded-For", "").split(",")
    return _plain(told[-settings.TRUST_PROXY]) if len(told) >= settings.TRUST_PROXY else ""


def place(request: HttpRequest) -> str:
    """Return the ISO code of the country a request came from, by its address; empty when unknown."""
    return places.country_of(address(request))


def _plain(told: str) -> str:
    """Return an IP address without the port that some proxies add; empty for anything else."""
    told = told.strip()
    if told.startswith("["):
        told = told[1:].partition("]")[0]
    elif told.count(":") == 1:
        told = told.partition(":")[0]
    try:
        return str(ip_address(told))
    except ValueError:
        return ""


def begin(request: HttpRequest, signed_in: SignedIn, *, limits: str, device: Device | None = None) -> None:
    """Begin a full session under the limits of a role. Whatever the browser's session held before is gone."""
    request.session.flush()
    auth.login(request, signed_in.user, backend=BACKEND)
    now = clock.now().timestamp()
    request.session.update({BEGAN: now, SEEN: now, LIMITS: limits})
    if device is not None:
        django_otp.login(request, device)
    if signed_in.keyring is not None:
        unlock(request, signed_in.keyring)


def began(request: HttpRequest) -> datetime:
    """Return when whoever is signed in proved who they are."""
    return datetime.fromtimestamp(request.session.get(BEGAN, 0), UTC)


def begin_half(request: HttpRequest, signed_in: SignedIn) -> None:
    """Remember that the passphrase was right while the second step is asked for. Nobody is signed in yet."""
    request.session.flush()
    user = signed_in.user
    request.session[HALF] = {
        "user": str(user.id),
        "until": (clock.now() + HALF_LIFE).timestamp(),
        "passphrase": user.get_session_auth_hash(),
    }
    if signed_in.keyring is not None:
        unlock(request, signed_in.keyring)


def half(request: HttpRequest) -> SignedIn | None:
    """Return whose passphrase was right, while the second step may still follow."""
    told = request.session.get(HALF)
    if told is None or clock.now().timestamp() > told["until"]:
        return None
    user = User.objects.filter(pk=UUID(told["user"]), is_active=True).first()
    if user is None or user.get_session_auth_hash() != told["passphrase"]:
        return None
    return SignedIn(user, keyrings.from_session(request.session, _cookie(request)))


def unlock(request: HttpRequest, keyring: OpenKeyring) -> None:
    """Keep a keyring open for this session: ciphertext in the store, its key in the cookie that goes out."""
    request.keyring_cookie = keyrings.to_session(request.session, keyring)
    request.keyring = keyring


def keyring_of(request: HttpRequest) -> OpenKeyring | None:
    """Return the open keyring of whoever is signed in: theirs and nobody else's. Half signed in is not signed in."""
    if not _cookie(request) or auth.SESSION_KEY not in request.session or not request.user.is_authenticated:
        return None
    keyring = keyrings.from_session(request.session, _cookie(request))
    return keyring if queries.is_theirs(keyring, request.user.pk) else None


def changed_passphrase(request: HttpRequest, keyring: OpenKeyring | None) -> None:
    """Keep this session after a change that ends every other one."""
    auth.update_session_auth_hash(request, request.user)
    if keyring is not None:
        unlock(request, keyring)


def end(request: HttpRequest) -> None:
    """Sign out: the session row goes, and the cookie with it."""
    if request.user.is_authenticated:
        operations.sign_out(user=request.user)
    drop(request)


def drop(request: HttpRequest) -> None:
    """End a session without a word."""
    auth.logout(request)
    request.keyring = None


def write_cookie(request: HttpRequest, response: HttpResponse) -> None:
    """Let the browser keep the key while its session holds the ciphertext, and no longer."""
    name = settings.KEYRING_COOKIE_NAME
    if keyrings.SESSION_KEY not in request.session:
        if name in request.COOKIES:
            response.delete_cookie(name, path="/", samesite="Lax")
            response.cookies[name]["secure"] = True
    elif fresh := getattr(request, "keyring_cookie", ""):
        response.set_cookie(name, fresh, path="/", secure=True, httponly=True, samesite="Lax")


def _cookie(request: HttpRequest) -> str:
    return request.COOKIES.get(settings.KEYRING_COOKIE_NAME, "")
