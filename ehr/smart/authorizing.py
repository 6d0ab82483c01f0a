"""Reading a request to be let in: what is wrong with it is said to the person, or sent back to the app.

Nothing is sent back before app and return address are known to belong together (RFC 6749 §4.1.2.1, RFC 9700 §2.1).
"""

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import urlencode, urlsplit

from django.http import HttpResponse, QueryDict
from django.utils.translation import gettext as _
from oauth2_provider.http import OAuth2ResponseRedirect
from oauth2_provider.models import redirect_to_uri_allowed

from ehr import clock
from ehr.smart import backends, places, scopes
from ehr.smart.models import App
from ehr.smart.scopes import Scopes

_AGE = re.compile(r"[0-9]{1,9}", re.ASCII)
_SIGN_IN_ANEW = frozenset({"login", "select_account"})
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_LOOPBACK = ("http://127.0.0.1", "http://[::1]")
LONGEST_STATE = 2000
LONGEST_NONCE = 255
_READ = (
    "response_type", "response_mode", "client_id", "redirect_uri", "scope", "state", "aud", "code_challenge",
    "code_challenge_method", "nonce", "launch", "prompt", "max_age", "request", "request_uri",
)  # fmt: skip


class NotAnApp(Exception):
    """Nobody knows where to send this back to. `message` is for the person who is looking at it."""

    def __init__(self) -> None:
        self.message = _(
            "The app that sent you here is not registered with us, or asked to be answered at an address that is not "
            "its own. Nothing was shared. Tell the makers of the app."
        )
        super().__init__(self.message)


@dataclass(frozen=True)
class Asked:
    """What an app asks for, checked: it may be asked of a person now."""

    app: App
    redirect_uri: str
    state: str
    scope: Scopes
    challenge: str
    nonce: str = ""
    launch: str = field(default="", repr=False)
    quiet: bool = False  # it asks not to show anything
    oldest: timedelta | None = None  # how long ago a person may have signed in; None leaves it to us

    def signed_in_too_long_ago(self, began: datetime) -> bool:
        """Tell whether a session is older than the app will have it."""
        return self.oldest is not None and clock.now() - began > self.oldest


class SendBack(Exception):
    """It cannot be asked. The app is told by an OAuth error code and a sentence for its makers."""

    def __init__(self, error: str, words: str, *, redirect_uri: str, state: str) -> None:
        self.error, self.words = error, words
        self.redirect_uri, self.state = redirect_uri, state
        super().__init__(error)


def read(params: QueryDict) -> Asked:
    """Return what an authorization request asks for. Raises NotAnApp and SendBack."""
    told = {name: params.get(name, "") for name in _READ}
    once = all(len(params.getlist(name)) <= 1 for name in _READ)
    app = App.objects.filter(client_id=told["client_id"][:255], stopped_at=None).first()
    if app is None or app.is_service or not once:
        raise NotAnApp
    if not _is_registered(told["redirect_uri"], app.redirect_uris.split()):
        raise NotAnApp
    state = told["state"][:LONGEST_STATE]
    if problem := _problem(told):
        raise SendBack(*problem, redirect_uri=told["redirect_uri"], state=state)
    scope = scopes.read(told["scope"]).within(scopes.read(app.scope)).of("patient", "user")
    if not told["launch"]:
        # Apps ask for all they may need at once; without a launch value there is none to be bound to.
        scope = Scopes(scope.plain - {scopes.LAUNCH}, scope.resources)
    if not scope.resources and scopes.OPENID not in scope.plain:
        words = "None of these scopes may be asked for by this app."
        raise SendBack("invalid_scope", words, redirect_uri=told["redirect_uri"], state=state)
    return Asked(
        app=app,
        redirect_uri=told["redirect_uri"],
        state=state,
        scope=scope,
        challenge=told["code_challenge"],
        nonce=told["nonce"],
        launch=told["launch"],
        quiet="none" in told["prompt"].split(),
        oldest=_oldest(told),
    )


def after_signing_in(params: QueryDict) -> QueryDict:
    """Return a request as it stands once the person signed in for it: that wish is met, the others stay."""
    left = params.copy()
    left.pop("max_age", None)
    left["prompt"] = " ".join(word for word in params.get("prompt", "").split() if word not in _SIGN_IN_ANEW)
    if not left["prompt"]:
        del left["prompt"]
    return left


def _oldest(told: dict[str, str]) -> timedelta | None:
    """Return how old a session may be. Source: OpenID Connect Core 1.0 §3.1.2.1, prompt and max_age."""
    if _SIGN_IN_ANEW & set(told["prompt"].split()):
        return timedelta(0)
    return timedelta(seconds=int(told["max_age"])) if told["max_age"] else None


def _is_registered(address: str, registered: list[str]) -> bool:
    """Tell whether an app registered an address, sign by sign; on the person's own machine its port may be another.

    Whoever takes addresses apart passes over spaces, line ends and capitals. Source: RFC 9700, 2.1; RFC 8252, 7.3.
    """
    if address in registered:
        return True
    is_address = address.isprintable() and " " not in address
    return is_address and address.startswith(_LOOPBACK) and redirect_to_uri_allowed(address, registered)


def of_service(client_id: str) -> Asked:
    """Return what a service that reads asks of every patient alike. Raises NotAnApp where it may not be let in."""
    app = backends.find(client_id)
    if app is None:
        raise NotAnApp
    # It works while nobody is there: that is what it is for.
    scope = Scopes(frozenset({scopes.OFFLINE}), scopes.read(app.scope).resources)
    return Asked(app=app, redirect_uri="", state="", scope=scope, challenge="")


def _problem(told: dict[str, str]) -> tuple[str, str] | None:
    """Return what an app did wrong, as (OAuth error, words for its makers), or None."""
    rules = (
        (told["request"] or told["request_uri"], "request_not_supported", "Send the parameters themselves."),
        (told["response_type"] != "code", "unsupported_response_type", "Only response_type=code is answered."),
        (told["response_mode"] not in {"", "query"}, "invalid_request", "Only response_mode=query is answered."),
        (not told["state"], "invalid_request", "Send a state of at least 122 random bits."),
        (len(told["state"]) > LONGEST_STATE, "invalid_request", "Send a shorter state."),
        (len(told["nonce"]) > LONGEST_NONCE, "invalid_request", "Send a shorter nonce."),
        ("none" in told["prompt"] and told["prompt"] != "none", "invalid_request", "Send prompt=none by itself."),
        (told["max_age"] and not _AGE.fullmatch(told["max_age"]), "invalid_request", "Send max_age in seconds."),
        (told["code_challenge_method"] != "S256", "invalid_request", "Send code_challenge_method=S256."),
        (not _CHALLENGE.fullmatch(told["code_challenge"]), "invalid_request", "Send a code_challenge of S256."),
        (told["aud"].rstrip("/") != places.base(), "invalid_request", f"Send aud={places.base()}."),
    )
    return next(((error, words) for wrong, error, words in rules if wrong), None)


def send_back(redirect_uri: str, state: str, **told: str) -> HttpResponse:
    """Return the redirect that answers an app; it names who answers, so that no other server's answer passes for it."""
    query = urlencode({**told, "state": state, "iss": places.base()})
    joined = f"{redirect_uri}{'&' if '?' in redirect_uri else '?'}{query}"
    response = OAuth2ResponseRedirect(joined, allowed_schemes=[urlsplit(redirect_uri).scheme])
    response.status_code = 303
    response["Cache-Control"] = "no-store"
    response["Referrer-Policy"] = "no-referrer"
    return response
