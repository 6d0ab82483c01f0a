"""A token that is shown: whose keys it opens, what it may do, whether it still holds. Asked anew at every request."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet
from django.http import HttpRequest

from consent.access import Presence
from ehr import clock
from ehr.accounts.keyrings import CannotOpen
from ehr.frame import sessions
from ehr.smart import backends, bearers, binding, scopes, standing
from ehr.smart.callers import SmartCaller
from ehr.smart.models import App, Authorization, Token
from ehr.smart.scopes import Scopes
from ehr.statements import Statement
from ehr.words import Category, Purpose
from patients.models import Source

NOTED_EVERY = timedelta(minutes=5)  # an app's last use is written down this often, not at every request


@dataclass(frozen=True)
class Feed:
    """A service that sends records with a token of its own. It reads nothing and has no keys."""

    source: Source
    scopes: Scopes
    app: App = field(repr=False)

    def allows(self, kind: str, interaction: str, index: Mapping[str, object] | None = None) -> bool:
        """Tell whether the token lets a type be written, by FHIR's interaction code."""
        return self.scopes.allow(kind, interaction, index, "system")

    @property
    def sends_anything(self) -> bool:
        """Tell whether the token lets every type be written, of every category."""
        every = (one for one in self.scopes.resources if one.level == "system" and one.kind == "*")
        return any("c" in one.verbs and not one.category for one in every)


def caller_of(request: HttpRequest) -> SmartCaller | None:
    """Return who asks, by the token in a request's header, or None: then it is 401, whatever the reason.

    The token's keys are opened here, for the length of the request. Tokens in addresses or forms are not looked at.
    """
    shown = _shown(request)
    row = _live(shown) if shown else None
    if row is None or row.authorization.version is None:
        return None
    authorization = row.authorization
    try:
        keyring = binding.opened(row, shown)
    except CannotOpen:
        return None
    if keyring is None:
        return None
    _note(authorization)
    granted = scopes.read(row.scope)
    if authorization.kind == Authorization.Kind.SERVICE:
        return backends.caller(authorization, keyring, scope=granted, presence=Presence(place=sessions.place(request)))
    own = authorization.kind == Authorization.Kind.PATIENT
    parts = frozenset(map(Category, authorization.categories))
    return SmartCaller(
        user=authorization.user,
        keyring=keyring,
        app=authorization.version.reader if own else None,
        parts=parts if any(one.reads for one in granted.resources) else frozenset(),
        writes=parts if any(one.writes for one in granted.resources) else frozenset(),
        purpose=Purpose.PATRQT if own else Purpose.TREAT,
        presence=Presence(place=sessions.place(request)),
        via=authorization.app.name,
        scopes=granted,
        patient=authorization.patient,
        client_id=authorization.app.client_id,
        authorization_id=authorization.pk,
    )


def feed_of(request: HttpRequest) -> Feed | None:
    """Return the service that asks, by the token in a request's header, or None."""
    shown = _shown(request)
    row = _live(shown) if shown else None
    if row is None or row.authorization.kind != Authorization.Kind.SERVICE or not binding.holds(row, shown):
        return None
    app = row.authorization.app
    _note(row.authorization)
    return Feed(app.source, scopes.read(row.scope), app) if app.source else None


def find(shown: str) -> Token | None:
    """Return the row of a token that holds now, access or refresh, by what was shown; None for any other."""
    row = _found(shown)
    return row if row and binding.holds(row, shown) else None


def _found(shown: str) -> Token | None:
    if not shown.startswith((bearers.ACCESS, bearers.REFRESH)):
        return None
    at = clock.now()
    row = next(iter(_SHOWN.rows(digest=bearers.digest(shown), at=at)), None)
    return row if row and standing.lives(row.authorization, at) else None


def _unused(digest: bytes, at: datetime) -> QuerySet[Token]:
    about = ("app__source", "app__institution", "app__user", "user", "patient", "grant", "version__reader")
    rows = Token.objects.select_related(*(f"authorization__{name}" for name in about))
    return rows.filter(digest=digest, expires_at__gt=at, used_at=None)


_SHOWN = Statement(_unused)  # asked at each request, so its text is kept


def _live(shown: str) -> Token | None:
    row = _found(shown)
    return row if row and row.kind == Token.Kind.ACCESS else None


def _shown(request: HttpRequest) -> str:
    """Return the token in the Authorization header (RFC 6750 §2.1); empty for none."""
    scheme, _space, shown = request.headers.get("Authorization", "").partition(" ")
    return shown.strip() if scheme.casefold() == "bearer" else ""


def _note(authorization: Authorization) -> None:
    at = clock.now()
    lately = Q(used_at=None) | Q(used_at__lt=at - NOTED_EVERY)
    if authorization.used_at is None or authorization.used_at < at - NOTED_EVERY:
        Authorization.objects.filter(lately, pk=authorization.pk).update(used_at=at)
