"""Reads about apps: which somebody let in, which they registered, which wait to be looked at."""

from dataclasses import dataclass
from uuid import UUID

from django.db.models import QuerySet

from ehr import clock
from ehr.accounts.models import User
from ehr.smart import scopes, standing, words
from ehr.smart.models import App, Authorization


@dataclass(frozen=True)
class Connected:
    """One app that somebody let in, and what it may do, in words."""

    authorization: Authorization
    things: tuple[str, ...]
    alone: bool  # it works on while the person is not there


def connected(user: User) -> list[Connected]:
    """Return the apps that a person let in and that may still do something, newest first."""
    at = clock.now()
    rows = Authorization.objects.live(at).filter(user=user).select_related("app", "user", "patient", "grant", "version")
    return [_told(one) for one in rows if standing.lives(one, at)]


def one_of(user: User, authorization_id: UUID) -> Authorization | None:
    """Return what a person allowed an app, also when it is over, or None."""
    rows = Authorization.objects.select_related("app", "user", "patient", "grant", "version")
    return rows.filter(user=user, pk=authorization_id).first()


def registered_by(user: User) -> QuerySet[App]:
    """Return the apps a developer registered."""
    return App.objects.filter(user=user)


def _told(authorization: Authorization) -> Connected:
    granted = scopes.read(authorization.scope)
    things = tuple(words.told(granted, works=authorization.kind == Authorization.Kind.CLINICIAN))
    return Connected(authorization, things, scopes.OFFLINE in granted.plain)
