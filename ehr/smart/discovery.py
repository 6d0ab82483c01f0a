"""What this server tells apps about itself before anything else. Source: SMART App Launch 2.2, OpenID Discovery 1.0."""

from ehr.smart import clients, identity, places, scopes

CAPABILITIES = [
    "launch-ehr",
    "launch-standalone",
    "client-public",
    "client-confidential-asymmetric",
    "sso-openid-connect",
    "context-banner",
    "context-ehr-patient",
    "context-standalone-patient",
    "permission-offline",
    "permission-online",
    "permission-patient",
    "permission-user",
    "permission-v1",
    "permission-v2",
]
SCOPES = [
    *sorted(scopes.PLAIN),
    "patient/*.cruds",
    "patient/Observation.rs?category=http://terminology.hl7.org/CodeSystem/observation-category|laboratory",
    "patient/AuditEvent.rs",
    "patient/Consent.rs",
    "patient/Appointment.rs",
    "patient/ResearchStudy.rs",
    "patient/ResearchSubject.rs",
    "user/*.cruds",
    "user/Appointment.rs",
    "user/Schedule.rs",
    "user/Slot.rs",
    "system/*.rs",
    "system/*.c",
]


def smart_configuration() -> dict[str, object]:
    """Return /.well-known/smart-configuration."""
    return {
        "issuer": places.base(),
        "jwks_uri": places.at("keys"),
        "authorization_endpoint": places.at("authorize"),
        "token_endpoint": places.at("token"),
        "introspection_endpoint": places.at("introspect"),
        "revocation_endpoint": places.at("revoke"),
        "management_endpoint": places.at("connected"),
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
        "response_types_supported": ["code"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["none", "private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": list(clients.ALGORITHMS),
        "scopes_supported": SCOPES,
        "capabilities": CAPABILITIES,
        "authorization_response_iss_parameter_supported": True,
    }


def openid_configuration() -> dict[str, object]:
    """Return /.well-known/openid-configuration."""
    return {
        **{name: value for name, value in smart_configuration().items() if name != "capabilities"},
        "response_modes_supported": ["query"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": [identity.ALGORITHM],
        "claims_supported": ["iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "fhirUser"],
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "claims_parameter_supported": False,
    }
