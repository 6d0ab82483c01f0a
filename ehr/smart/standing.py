"""Whether what was allowed to an app still holds: asked anew at every use of a code or token, and nowhere kept."""

from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore
from django.db.models import QuerySet

from consent.models import Grant
from ehr.accounts.models import Keyring
from ehr.frame import sessions
from ehr.smart.models import App, Authorization
from ehr.statements import Statement
from providers.queries import stands


def lives(authorization: Authorization, at: datetime) -> bool:
    """Tell whether an authorization holds: itself, its app, its person, their keys, session and permission."""
    if authorization.stopped_at or authorization.ends_at <= at or authorization.app.stopped_at:
        return False
    app = authorization.app
    if authorization.kind == Authorization.Kind.SERVICE:
        return _institution_stands(app, at) if app.is_reading else app.source_id is not None
    if app.is_service:
        return _let_in(authorization, at)
    return (
        _person_lives(authorization) and _session_lives(authorization.session_key, at) and _granted(authorization, at)
    )


def _let_in(authorization: Authorization, at: datetime) -> bool:
    """Tell whether a service may read of a patient who let it in. It needs no session of theirs, nor their passphrase's
    consent: like a clinician's, its permission goes on when they sign out everywhere.
    """
    person = authorization.user
    active = person is not None and person.is_active
    return active and _institution_stands(authorization.app, at) and _granted(authorization, at)


def _institution_stands(app: App, at: datetime) -> bool:
    return app.institution is not None and stands(app.institution, at)


def _person_lives(authorization: Authorization) -> bool:
    """Tell whether the person has an account, ended no sessions everywhere since, and the keys are the present ones."""
    person = authorization.user
    return (
        person is not None
        and person.is_active
        and person.session_epoch == authorization.session_epoch
        and (authorization.version_id is None or bool(_PRESENT.rows(version=authorization.version_id)))
    )


def _session_lives(key: str, at: datetime) -> bool:
    """Tell whether the one session that an authorization lives in goes on. One that lives in none is not asked."""
    if not key:
        return True
    kept = SessionStore(session_key=key).load()
    _idle, longest = settings.SESSION_LIMITS.get(kept.get(sessions.LIMITS, "patient"), (None, timedelta()))
    return bool(kept) and at.timestamp() - kept.get(sessions.BEGAN, 0) <= longest.total_seconds()


def _granted(authorization: Authorization, at: datetime) -> bool:
    """Tell whether the patient's permission to their app holds. What a clinician may, the door decides at each use."""
    grant = authorization.grant_id
    return grant is None or bool(_ACTIVE.rows(grant=grant, at=at))


def _present(version: int) -> QuerySet[Keyring, tuple]:
    return Keyring.objects.filter(version_id=version).values_list("pk")


def _active(grant: UUID, at: datetime) -> QuerySet[Grant, tuple]:
    return Grant.objects.active(at).filter(pk=grant).values_list("pk")


_PRESENT, _ACTIVE = Statement(_present), Statement(_active)  # asked at each request of an app
