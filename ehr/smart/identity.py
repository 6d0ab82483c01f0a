"""Who signed in, as an app is told: a signed statement by OpenID Connect, and the key that checks it."""

from datetime import datetime, timedelta
from functools import cache

from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import settings
from joserfc import jwt
from joserfc.jwk import ECKey

from ehr.accounts import stored
from ehr.crypto import passphrases
from ehr.smart import places, scopes
from ehr.smart.models import Authorization
from ehr.smart.scopes import Scopes

ALGORITHM = "ES256"
LIFE = timedelta(minutes=5)
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # P-256, FIPS 186-5


@cache
def _key(seed: bytes) -> ECKey:
    """Return the P-256 key that a secret of the deployment makes: the same in every process."""
    number = int.from_bytes(passphrases.derive(seed, "smart-signing"), "big") % (_ORDER - 1) + 1
    key = ECKey.import_key(ec.derive_private_key(number, ec.SECP256R1()))
    return ECKey.import_key(key.as_dict(private=True) | {"kid": key.thumbprint(), "alg": ALGORITHM, "use": "sig"})


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
        "auth_time": int(authorization.made_at.timestamp()),
    }
    if nonce:
        claims["nonce"] = nonce
    if scopes.FHIR_USER in scope.plain:
        claims["fhirUser"] = fhir_user(authorization)
    return jwt.encode({"alg": ALGORITHM, "kid": key.as_dict(private=False)["kid"]}, claims, key)
