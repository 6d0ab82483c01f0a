"""Who shows a code or token: public apps by their name alone, confidential ones by a statement they signed.

There are no shared secrets. Source: SMART App Launch 2.2, "Client Authentication: Asymmetric"; RFC 7523.
"""

from collections.abc import Mapping
from datetime import timedelta

from django.db import IntegrityError, transaction
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from ehr import clock
from ehr.r4 import text
from ehr.smart import bearers, places
from ehr.smart.models import App, Assertion, Token

BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ALGORITHMS = ("RS384", "ES384")
LONGEST_SECONDS = 300
LEEWAY_SECONDS = 30
LONGEST_ASSERTION = 8000


class NotTheApp(Exception):
    """Whoever asks did not prove to be an app that is registered. `words` are for its makers."""

    def __init__(self, words: str) -> None:
        self.words = words
        super().__init__(words)


def authenticate(told: Mapping[str, str], *, proven: bool = False) -> App:
    """Return the app that sent a form to one of the OAuth endpoints. Raises NotTheApp.

    proven asks for a signature, also where the app is a public one: then it is refused.
    """
    if not told.get("client_assertion"):
        app = App.objects.filter(client_id=told.get("client_id", "")[:255], stopped_at=None).first()
        if app is None or not app.is_public or proven:
            raise NotTheApp("Send a client_id that is registered; sign a client_assertion if it has keys.")
        return app
    if told.get("client_assertion_type") != BEARER:
        raise NotTheApp(f"Send client_assertion_type={BEARER}.")
    return _by_assertion(told["client_assertion"], told.get("client_id", ""))


def named(told: Mapping[str, str]) -> dict[str, str]:
    """Return a form with the name of the app that its refresh token is for, where it names none and signs nothing.

    A name proves nothing, and SMART's own library leaves it out; an app with keys still has to sign.
    """
    if told.get("client_id") or told.get("client_assertion"):
        return dict(told)
    row = Token.objects.filter(digest=bearers.digest(told.get("refresh_token", ""))).first()
    return {**told, "client_id": row.authorization.app.client_id if row else ""}


def _by_assertion(assertion: str, client_id: str) -> App:
    if len(assertion) > LONGEST_ASSERTION:
        raise NotTheApp("Send a shorter client_assertion.")
    now = int(clock.now().timestamp())
    app = App.objects.filter(client_id=claimed(assertion), stopped_at=None).select_related("source").first()
    if app is None or app.is_public or client_id not in {"", app.client_id}:
        raise NotTheApp("This client is not registered with keys.")
    try:
        token = jwt.decode(assertion, KeySet.import_key_set(app.jwks), algorithms=list(ALGORITHMS))
        jwt.JWTClaimsRegistry(
            now=now,
            leeway=LEEWAY_SECONDS,
            iss={"essential": True, "value": app.client_id},
            sub={"essential": True, "value": app.client_id},
            aud={"essential": True, "value": places.at("token")},
            exp={"essential": True},
            jti={"essential": True},
        ).validate(token.claims)
    except (JoseError, ValueError, KeyError) as problem:
        raise NotTheApp(
            "The client_assertion is not signed by a registered key, over, or for another server."
        ) from problem
    if not token.header.get("kid"):
        raise NotTheApp("Name the key of the client_assertion by kid.")
    if token.claims["exp"] - now > LONGEST_SECONDS + LEEWAY_SECONDS:
        raise NotTheApp(f"Let a client_assertion live no longer than {LONGEST_SECONDS} seconds.")
    _first_time(app, str(token.claims["jti"]))
    return app


def claimed(assertion: str) -> str:
    """Return whom a statement says it is from, before anything about it is believed; empty where it says nothing, or
    holds what is no text.
    """
    try:
        told = text.loads(jws.extract_compact(assertion.encode()).payload)
    except (JoseError, ValueError):
        return ""
    issuer = told.get("iss") if isinstance(told, dict) else None
    return issuer[:255] if isinstance(issuer, str) and "\x00" not in issuer else ""


def _first_time(app: App, jti: str) -> None:
    """Note that a statement was shown. Raises NotTheApp for one that was shown before."""
    lasting = timedelta(seconds=LONGEST_SECONDS + 2 * LEEWAY_SECONDS)
    try:
        with transaction.atomic():
            Assertion.objects.create(app=app, digest=bearers.digest(jti), expires_at=clock.now() + lasting)
    except IntegrityError as problem:
        raise NotTheApp("This client_assertion was used before. Sign another, with another jti.") from problem
