"""Keys of apps, and the statements they sign."""

import uuid
from functools import cache

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from ehr import clock
from ehr.smart import clients, places


@cache
def key(kind: str = "ES384") -> ECKey | RSAKey:
    """Return a private key of an app, made once."""
    made = ECKey.generate_key("P-384") if kind == "ES384" else RSAKey.generate_key(2048)
    return type(made).import_key(made.as_dict(private=True) | {"kid": f"k-{kind}", "alg": kind, "use": "sig"})


def jwks(*kinds: str) -> dict:
    """Return the public halves as an app registers them."""
    return {"keys": [key(kind).as_dict(private=False) for kind in kinds or ("ES384",)]}


def statement(client_id: str, *, kind: str = "ES384", header: dict | None = None, **instead) -> str:
    """Return a client_assertion; None leaves a claim out."""
    now = int(clock.now().timestamp())
    claims = {
        "iss": client_id,
        "sub": client_id,
        "aud": places.at("token"),
        "exp": now + 240,
        "jti": str(uuid.uuid4()),
    } | instead
    told = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(
        {"alg": kind, "kid": f"k-{kind}"} | (header or {}), told, key(kind), algorithms=["ES384", "RS384"]
    )


def proof(client_id: str, **instead) -> dict[str, str]:
    """Return the two fields by which a confidential app proves itself."""
    return {"client_assertion_type": clients.BEARER, "client_assertion": statement(client_id, **instead)}
