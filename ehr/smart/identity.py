"""Who signed in, as an app is told: a signed statement by OpenID Connect, and the key that checks it."""

from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.conf import settings
from django.db import transaction
from joserfc import jwt
from joserfc.jwk import RSAKey

from ehr.accounts import stored
from ehr.crypto import digests
from ehr.smart import places, scopes
from ehr.smart.models import Authorization, SigningKey
from ehr.smart.scopes import Scopes

# What every OpenID client must be able to check, and what SMART asks for. Source: OpenID Connect Core 1.0 §15.1.
ALGORITHM = "RS256"
LIFE = timedelta(minutes=5)
_BITS = 2048
_LABEL = "smart-signing"
_known: dict[bytes, RSAKey] = {}  # by the secret; only what was committed, for every process must have the same


class CannotSign(Exception):
    """The stored key was changed, so that SMART_SIGNING_KEY no longer opens it."""


def _key(secret: bytes) -> RSAKey:
    """Return the key that belongs to a secret of the deployment; who needs it first makes it. Raises CannotSign."""
    if (key := _known.get(secret)) is None:
        mark = digests.keyed(secret, _LABEL, "")
        row = SigningKey.objects.filter(mark=mark).first()
        if row is None:
            # Two at once make two keys and keep one.
            closed = stored.put_away(_made(), about=mark, label=_LABEL, root=secret)
            row = SigningKey.objects.get_or_create(mark=mark, defaults={"closed": closed})[0]
        key = _opened(secret, mark, bytes(row.closed))
        transaction.on_commit(lambda: _known.setdefault(secret, key))
    return key


def _made() -> bytes:
    """Return a new key in PKCS #8."""
    fresh = rsa.generate_private_key(public_exponent=65537, key_size=_BITS)
    return fresh.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def _opened(secret: bytes, mark: bytes, closed: bytes) -> RSAKey:
    try:
        plain = stored.take_out(closed, about=mark, label=_LABEL, root=secret)
    except stored.NotOurs as problem:
        raise CannotSign(
            "The stored key for signing was changed. Delete its row in smart_signingkey: another is made."
        ) from problem
    key = RSAKey.import_key(plain)
    told = {"kid": key.thumbprint(), "alg": ALGORITHM, "use": "sig"}
    return RSAKey.import_key(key.as_dict(private=True) | told)


def public_keys() -> dict[str, list[dict]]:
    """Return the JSON Web Key Set by which apps check what was signed."""
    return {"keys": [_key(settings.SMART_SIGNING_KEY).as_dict(private=False)]}


def subject(authorization: Authorization) -> str:
    """Return what a person is called towards one app, and towards no other."""
    return stored.index("smart-subject", f"{authorization.app_id}:{authorization.user_id}").hex()


def fhir_user(authorization: Authorization) -> str:
    """Return the address of the person as a FHIR resource: a patient by their record, a clinician by their account."""
    if authorization.kind == Authorization.Kind.PATIENT:
        return f"{places.base()}/Patient/{authorization.patient_id}"
    return f"{places.base()}/Practitioner/{authorization.user_id}"


def id_token(authorization: Authorization, scope: Scopes, *, nonce: str, at: datetime) -> str:
    """Return the signed statement of who allowed this. Source: OpenID Connect Core 1.0 §2, SMART App Launch 2.2."""
    key, now = _key(settings.SMART_SIGNING_KEY), int(at.timestamp())
    claims: dict[str, object] = {
        "iss": places.base(),
        "sub": subject(authorization),
        "aud": authorization.app.client_id,
        "iat": now,
        "exp": now + int(LIFE.total_seconds()),
    }
    if authorization.signed_in_at:
        claims["auth_time"] = int(authorization.signed_in_at.timestamp())
    if nonce:
        claims["nonce"] = nonce
    if scopes.FHIR_USER in scope.plain:
        claims["fhirUser"] = fhir_user(authorization)
    return jwt.encode({"alg": ALGORITHM, "kid": key.as_dict(private=False)["kid"]}, claims, key)
