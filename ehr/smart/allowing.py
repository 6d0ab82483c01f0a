"""Letting an app in and stopping it. A patient signs a grant to the app itself; a clinician lends it their own reach.

Both leave a code behind, and the keyring that goes with it encrypted under a key made from the code: whoever comes back
with the code gets it, and nobody else, this server included.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from audit import log
from consent.access import KeysLocked, own_party
from consent.models import Ending, Grant
from consent.sharing import apps, grants
from ehr import clock
from ehr.accounts import keyrings
from ehr.accounts import queries as accounts
from ehr.accounts.keyrings import OpenKeyring
from ehr.accounts.models import Reader, User
from ehr.notices import operations as notices
from ehr.smart import backends, bearers, binding
from ehr.smart.authorizing import Asked
from ehr.smart.models import Authorization, Code, Deposit
from ehr.smart.scopes import OFFLINE, ONLINE, Scopes
from ehr.words import Action, Category
from patients.models import Patient
from providers.queries import party

CODE_LIFE = timedelta(seconds=60)
VISIT = timedelta(hours=1)
# What a stop that nobody asked for is called as the end of a grant.
_CAUSES = {"by-owner": Ending.Cause.PATIENT, "by-app": Ending.Cause.READER}


def actions(scope: Scopes) -> tuple[Action, ...]:
    """Return what scopes let an app do, as a grant names it."""
    reads = any(one.reads for one in scope.resources)
    writes = any(one.writes for one in scope.resources)
    return tuple(action for action, wanted in ((Action.READ, reads), (Action.WRITE, writes)) if wanted)


class AllowedBefore(Exception):
    """This page was answered before; its code went to the app. `message` is for the person."""

    def __init__(self) -> None:
        self.message = _("You answered this before. If the app does not go on, begin again from the app.")
        super().__init__(self.message)


@dataclass(frozen=True)
class Answer:
    """What a person chose on the page: which of the scopes, which parts, until when, in which words."""

    draft: uuid.UUID  # the one time it is answered
    ticket: str  # the page's secret, of which the code is made: the same page sent twice makes one code
    scope: Scopes
    categories: tuple[Category, ...]
    ends: datetime
    sentence: str
    session_key: str = ""
    signed_in_at: datetime | None = None  # when this session began

    @property
    def lives_in_session(self) -> bool:
        return ONLINE in self.scope.plain and OFFLINE not in self.scope.plain


def by_patient(asked: Asked, answer: Answer, patient: Patient, *, keyring: OpenKeyring | None) -> str:
    """Sign the app's own grant, make its keyring, and return the code. Raises KeysLocked, CannotGive, AllowedBefore.

    The same page sent twice makes one grant and returns the same code.
    """
    with transaction.atomic():
        Patient.objects.select_for_update().get(pk=patient.pk)
        if before := _before(answer):
            return before
        own, grant = _connected(asked, answer, patient, keyring) if answer.categories else (None, None)
        authorization = Authorization.objects.create(
            id=answer.draft,
            kind=Authorization.Kind.PATIENT,
            app=asked.app,
            user=patient.user,
            patient=patient,
            grant=grant,
            version_id=own.version_id if own else None,
            **_told(answer, patient.user),
            session_key=answer.session_key if answer.lives_in_session else "",
        )
        return _code(authorization, own, asked, answer)


def service_by_patient(asked: Asked, answer: Answer, patient: Patient, *, keyring: OpenKeyring | None) -> Authorization:
    """Let a service that reads in: sign a grant to its own keyring for this patient, and seal that to the service.

    Raises KeysLocked, CannotGive, KeyExchanged. The same page sent twice lets it in once; letting it in again, with
    other parts, ends what was allowed before.
    """
    with transaction.atomic():
        Patient.objects.select_for_update().get(pk=patient.pk)
        if before := Authorization.objects.filter(pk=answer.draft, patient=patient).first():
            return before
        for former in Authorization.objects.live(clock.now()).filter(app=asked.app, patient=patient):
            stop(former, because="by-owner", by=own_party(patient), keyring=keyring)
        own, grant = _connected(asked, answer, patient, keyring)
        authorization = Authorization.objects.create(
            id=answer.draft,
            kind=Authorization.Kind.PATIENT,
            app=asked.app,
            user=patient.user,
            patient=patient,
            grant=grant,
            version_id=own.version_id,
            **_told(answer, patient.user),
        )
        backends.deposit(authorization, own)
        return authorization


def _connected(
    asked: Asked, answer: Answer, patient: Patient, keyring: OpenKeyring | None
) -> tuple[OpenKeyring, Grant]:
    """Return the app's own keyring, made for this patient alone, and what they signed to it."""
    reader = Reader.objects.create(kind=Reader.Kind.APP, name=asked.app.reader_name)
    own = keyrings.make_carried(reader)
    grant = apps.connect(
        patient,
        keyring=keyring,
        app_reader=reader,
        name=asked.app.reader_name,
        categories=answer.categories,
        actions=actions(answer.scope),
        ends=answer.ends,
        once=answer.draft,
        sentence=answer.sentence,
        client=asked.app.client_id,
    )
    return own, grant


def by_clinician(
    asked: Asked, answer: Answer, user: User, *, patient: Patient | None, keyring: OpenKeyring | None
) -> str:
    """Let an app work as a clinician, within its scopes and no longer than their session, and return the code.

    With offline_access it works on after they signed out, some hours at most. Raises KeysLocked, AllowedBefore.
    """
    if keyring is None or not accounts.is_theirs(keyring, user.pk):
        raise KeysLocked(
            _("Your keys are locked. Unlock them with your passphrase, then allow it again."), because="locked"
        )
    with transaction.atomic():
        User.objects.select_for_update().get(pk=user.pk)
        if before := _before(answer):
            return before
        authorization = Authorization.objects.create(
            id=answer.draft,
            kind=Authorization.Kind.CLINICIAN,
            app=asked.app,
            user=user,
            patient=patient,
            version_id=keyring.version_id,
            **_told(answer, user),
            session_key="" if OFFLINE in answer.scope.plain else answer.session_key,
        )
        log.append(
            "app.connected",
            actor=party(user),
            subject=patient.pk if patient else None,
            outcome="done",
            categories=[str(part) for part in answer.categories],
            details=_about(authorization),
        )
        return _code(authorization, keyring, asked, answer)


def longest_for_clinicians() -> timedelta:
    """Return how long an app of a clinician may go on before they are asked again."""
    return timedelta(hours=settings.CLINICIAN_APP_HOURS)


def held(authorization_id: uuid.UUID) -> Authorization:
    """Return an authorization, its patient's row and its own held, so that using and stopping come one after another.

    Call it inside a transaction.
    """
    found = Authorization.objects.get(pk=authorization_id)
    if found.kind == Authorization.Kind.PATIENT:
        Patient.objects.select_for_update().get(pk=found.patient_id)
    rows = Authorization.objects.select_for_update(of=("self",))
    return rows.select_related("app", "user", "patient", "grant", "version").get(pk=authorization_id)


def stop(
    authorization: Authorization, *, because: str, by: log.Party = log.SYSTEM, keyring: OpenKeyring | None = None
) -> None:
    """End all that an app was allowed here: its next request finds nothing. Stopping twice changes nothing.

    `because`: "by-owner", "by-app", "code-replayed", "code-misused", "token-replayed". Never needs an unlocked keyring;
    with the patient's at hand a new epoch begins at once. Whose key somebody else showed is told so.
    """
    with transaction.atomic():
        authorization = held(authorization.pk)
        if authorization.stopped_at is not None:
            return
        authorization.stopped_at, authorization.stopped_because = clock.now(), because
        authorization.save(update_fields=["stopped_at", "stopped_because"])
        authorization.tokens.all().delete()
        Code.objects.filter(authorization=authorization).delete()
        Deposit.objects.filter(authorization=authorization).delete()
        log.append(
            "app.stopped",
            actor=by,
            subject=authorization.patient_id,
            outcome="done",
            because=because,
            details=_about(authorization),
        )
        if authorization.user is not None and because not in _CAUSES:
            key = f"app-cut-off:{authorization.pk}"
            notices.notify(authorization.user, "app-cut-off", about=authorization.pk, key=key)
        if authorization.grant is not None:
            cause = _CAUSES.get(because, Ending.Cause.STANDING)
            grants.end(authorization.grant, keyring=keyring, cause=cause, by=by)


def stopped_by_owner(authorization: Authorization, *, keyring: OpenKeyring | None) -> None:
    """End an app by whoever allowed it."""
    patient = authorization.patient if authorization.kind == Authorization.Kind.PATIENT else None
    by = own_party(patient) if patient else party(authorization.user)
    stop(authorization, because="by-owner", by=by, keyring=keyring)


def _before(answer: Answer) -> str:
    """Return the code this very page made before, while it waits to be used; empty where it was not answered.

    Raises AllowedBefore where another copy of the page was, or the code was used.
    """
    authorization = Authorization.objects.filter(pk=answer.draft).first()
    if authorization is None:
        return ""
    code = bearers.CODE + answer.ticket
    waiting = Code.objects.filter(authorization=authorization, used_at=None, expires_at__gt=clock.now())
    if not waiting.filter(digest=bearers.digest(code)).exists():
        raise AllowedBefore
    return code


def _told(answer: Answer, user: User) -> dict[str, object]:
    return {
        "scope": str(answer.scope),
        "categories": [str(part) for part in answer.categories],
        "session_epoch": user.session_epoch,
        "sentence": answer.sentence,
        "signed_in_at": answer.signed_in_at,
        "ends_at": answer.ends.replace(microsecond=0),
    }


def _about(authorization: Authorization) -> dict[str, Sequence[str] | str]:
    return {"reader_name": authorization.app.name, "app": authorization.app.client_id, "scope": authorization.scope}


def _code(authorization: Authorization, keyring: OpenKeyring | None, asked: Asked, answer: Answer) -> str:
    """Return the code that the page's ticket makes, once the keyring is put away under it."""
    code, ends = bearers.CODE + answer.ticket, clock.now() + CODE_LIFE
    Code.objects.create(
        authorization=authorization,
        digest=bearers.digest(code),
        keys=binding.put_away(authorization, keyring, code, authorization.scope, ends),
        redirect_uri=asked.redirect_uri,
        challenge=asked.challenge,
        nonce=asked.nonce,
        expires_at=ends,
    )
    return code
