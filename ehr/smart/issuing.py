"""Codes become tokens, refresh tokens become newer ones, and the keys go along: out under the old, away under the new.

What is shown a second time ends all that hangs from the same authorization: somebody has a copy.
"""

import base64
import hashlib
import hmac
from datetime import datetime, timedelta

from django.db import transaction

from consent.escrow import NotReleased
from ehr import clock
from ehr.accounts.keyrings import CannotOpen, OpenKeyring
from ehr.smart import allowing, backends, bearers, binding, identity, scopes, standing
from ehr.smart.models import App, Authorization, Code, Token
from ehr.smart.scopes import Scopes

# Without a refresh token an app works this long; with one its access tokens are shorter still.
ACCESS_LIFE = timedelta(hours=1)
SHORT_ACCESS_LIFE = timedelta(minutes=15)
SERVICE_LIFE = timedelta(minutes=5)


class Refused(Exception):
    """No token. `error` is OAuth's code (RFC 6749 §5.2), `words` are for the app's makers."""

    def __init__(self, error: str, words: str) -> None:
        self.error, self.words = error, words
        super().__init__(error)


def _gone() -> Refused:
    return Refused("invalid_grant", "This code or token is over, used, or not this app's. Ask the person anew.")


def exchange(app: App, *, code: str, verifier: str, redirect_uri: str) -> dict[str, object]:
    """Return the token response for a code. A code shown twice, or with another verifier, ends what it stood for.

    Raises Refused.
    """
    known = Code.objects.filter(digest=bearers.digest(code), authorization__app=app).first()
    if known is None:
        raise _gone()
    with transaction.atomic():
        authorization = allowing.held(known.authorization_id)
        row = Code.objects.select_for_update().filter(pk=known.pk).first()
        because = _why_not(row, verifier, redirect_uri)
        if row is None or because or row.expires_at <= clock.now() or not standing.lives(authorization, clock.now()):
            if because:
                allowing.stop(authorization, because=because)
            answer = None
        else:
            keyring = _opened(row, code)
            _use(row)
            answer = _answer(authorization, keyring, scopes.read(authorization.scope), nonce=row.nonce)
    if answer is None:
        raise _gone()
    return answer


def _why_not(row: Code | None, verifier: str, redirect_uri: str) -> str:
    """Return why a code that is known is not for whoever shows it; empty where it is."""
    if row is None:
        return ""
    if row.used_at is not None:
        return "code-replayed"
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    if not hmac.compare_digest(challenge, row.challenge) or redirect_uri != row.redirect_uri:
        return "code-misused"
    return ""


def refresh(app: App, *, token: str, scope: str = "") -> dict[str, object]:
    """Return the token response for a refresh token, which is over with that. One shown twice ends everything.

    `scope` may ask for less than was granted, never for more. Raises Refused.
    """
    known = Token.objects.filter(digest=bearers.digest(token), kind=Token.Kind.REFRESH, authorization__app=app).first()
    if known is None:
        raise _gone()
    with transaction.atomic():
        authorization = allowing.held(known.authorization_id)
        row = Token.objects.select_for_update().filter(pk=known.pk).first()
        if row is not None and row.used_at is not None:
            allowing.stop(authorization, because="token-replayed")
            answer = None
        elif row is None or not standing.lives(authorization, clock.now()):
            answer = None
        else:
            granted = scopes.read(row.scope)
            wanted = _narrowed(granted, scope)
            keyring = _opened(row, token)
            _use(row)
            answer = _answer(authorization, keyring, wanted, refreshed=granted)
    if answer is None:
        raise _gone()
    return answer


def _narrowed(granted: Scopes, asked: str) -> Scopes:
    if not asked:
        return granted
    wanted = scopes.read(asked)
    kept = wanted.within(granted)
    if kept != wanted or not kept:
        raise Refused("invalid_scope", "Ask for what was granted, or for less.")
    return kept


def for_service(app: App, *, scope: str) -> dict[str, object]:
    """Return the token response for a feed: a token that only writes, and carries no keys. Raises Refused."""
    allowed = scopes.read(app.scope).of("system")
    wanted = scopes.read(scope).within(allowed).of("system")
    wanted = Scopes(frozenset(), tuple(one for one in wanted.resources if set(one.verbs) == {"c"}))
    if app.source_id is None or not wanted:
        raise Refused("invalid_scope", "This service may ask for system/….c of what it was registered for.")
    with transaction.atomic():
        authorization = Authorization.objects.create(
            kind=Authorization.Kind.SERVICE, app=app, scope=str(wanted), ends_at=clock.now() + SERVICE_LIFE
        )
        return _answer(authorization, None, wanted)


def for_reading_service(app: App, *, scope: str, statement: str) -> dict[str, object]:
    """Return the token response for a service that reads, its keyring under the token. Raises Refused.

    `statement` is the client_assertion by which it proved itself: for that, and once, the keyholder hands out its keys.
    """
    wanted = scopes.read(scope).of("system").reading().within(scopes.read(app.scope).of("system"))
    if not wanted.resources:
        raise Refused("invalid_scope", "This service may ask for system/….rs of what it was registered for.")
    try:
        keyring = backends.admitted(app, statement, scope=str(wanted))
    except (NotReleased, backends.KeyExchanged) as problem:
        words = "Its keys are not to be had now. Sign another statement in a minute, or tell those who run this server."
        raise Refused("temporarily_unavailable", words) from problem
    wanted = Scopes(frozenset(), wanted.resources)
    with transaction.atomic():
        authorization = Authorization.objects.create(
            kind=Authorization.Kind.SERVICE,
            app=app,
            scope=str(wanted),
            version_id=keyring.version_id,
            ends_at=clock.now() + SERVICE_LIFE,
        )
        return _answer(authorization, keyring, wanted)


def _opened(row: Code | Token, secret: str) -> OpenKeyring | None:
    """Return the keyring that goes along, None with an app that only learns who somebody is. Raises Refused."""
    try:
        return binding.opened(row, secret)
    except CannotOpen as problem:
        raise _gone() from problem


def _use(row: Code | Token) -> None:
    """Note that a code or refresh token was used, and let go of what it opened. The row stays, to know it again."""
    row.used_at, row.keys = clock.now(), b""
    row.save(update_fields=["used_at", "keys"])


def _answer(
    authorization: Authorization,
    keyring: OpenKeyring | None,
    scope: Scopes,
    *,
    nonce: str | None = None,
    refreshed: Scopes | None = None,
) -> dict[str, object]:
    """Return a token response, once its tokens are written down by digest. `nonce` is told at a first exchange only."""
    now, service = clock.now(), authorization.kind == Authorization.Kind.SERVICE
    refreshes = (refreshed or scope).refreshes and not service
    life = SERVICE_LIFE if service else SHORT_ACCESS_LIFE if refreshes else ACCESS_LIFE
    ends = min(now + life, authorization.ends_at)
    answer: dict[str, object] = {
        "access_token": _issue(authorization, Token.Kind.ACCESS, keyring, scope, ends),
        "token_type": "Bearer",
        "expires_in": int((ends - now).total_seconds()),
        "scope": str(scope),
    }
    if refreshes:
        kept = refreshed or scope
        answer["refresh_token"] = _issue(authorization, Token.Kind.REFRESH, keyring, kept, authorization.ends_at)
    if authorization.patient_id is not None:
        answer["patient"] = str(authorization.patient_id)
        answer["need_patient_banner"] = True
    if nonce is not None and scopes.OPENID in scope.plain:
        answer["id_token"] = identity.id_token(authorization, scope, nonce=nonce, at=now)
    return answer


def _issue(authorization: Authorization, kind: str, keyring: OpenKeyring | None, scope: Scopes, ends: datetime) -> str:
    secret = bearers.new(bearers.ACCESS if kind == Token.Kind.ACCESS else bearers.REFRESH)
    Token.objects.create(
        authorization=authorization,
        kind=kind,
        digest=bearers.digest(secret),
        keys=binding.put_away(authorization, keyring, secret, str(scope), ends),
        scope=str(scope),
        expires_at=ends,
    )
    return secret
