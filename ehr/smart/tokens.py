"""A token that is shown: whose keys it opens, what it may do, whether it still holds. Asked anew at every request."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Q, QuerySet
from django.http import HttpRequest

from consent.access import Presence
from consent.access.callers import Caller
from ehr import clock
from ehr.accounts.keyrings import CannotOpen
from ehr.frame import sessions
from ehr.smart import bearers, binding, scopes, standing
from ehr.smart.models import App, Authorization, Token
from ehr.smart.scopes import Scopes
from ehr.statements import Statement
from ehr.words import Category, Purpose
from patients.models import Patient, Source

NOTED_EVERY = timedelta(minutes=5)  # an app's last use is written down this often, not at every request
PERSONS = ("patient", "user")
_NONE = Scopes(frozenset(), ())


@dataclass(frozen=True)
class SmartCaller(Caller):
    """Who asks with an app's token: whoever allowed it, the app's own keys or theirs, and what the token is for.

    `patient` is whose record the app was begun with, None where with nobody's.
    """

    scopes: Scopes = _NONE
    patient: Patient | None = None
    client_id: str = ""
    authorization_id: UUID | None = None

    def allows(
        self,
        kind: str,
        interaction: str,
        index: Mapping[str, object] | None = None,
        *,
        patient: Patient | None = None,
    ) -> bool:
        """Tell whether the token's scopes let something be done with a type of resource, by FHIR's interaction code.

        With the search values of one resource, also whether it is in a category they name: ask for each that is shown
        or written. Without, whether there may be such ones: ask before anything is opened. `patient` is whose record;
        without one, whoever's the app was begun with.
        """
        return self.scopes.allow(kind, interaction, index, *self._levels(patient))

    def reaches(self, patient: Patient) -> bool:
        """Tell whether the token is for this patient's record at all; what opens there, the door decides."""
        return any(scope.level in self._levels(patient) for scope in self.scopes.resources)

    def _levels(self, patient: Patient | None) -> tuple[str, ...]:
        about = patient or self.patient
        if about is None or (about is not self.patient and (self.patient is None or about.pk != self.patient.pk)):
            return ("user",) if self.app is None else ()
        return PERSONS


@dataclass(frozen=True)
class Feed:
    """A service that sends records with a token of its own. It reads nothing and has no keys."""

    source: Source
    scopes: Scopes
    app: App = field(repr=False)

    def allows(self, kind: str, interaction: str, index: Mapping[str, object] | None = None) -> bool:
        """Tell whether the token lets a type be written, by FHIR's interaction code."""
        return self.scopes.allow(kind, interaction, index, "system")


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
    about = ("app__source", "user", "patient", "grant", "version__reader")
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
