"""How the schema (OpenAPI 3) names what the framework cannot know: the token, and that every refusal is a problem."""

from drf_spectacular.extensions import OpenApiAuthenticationExtension

PROBLEM = {
    "type": "object",
    "description": "What happened, and what to do next (RFC 9457).",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "format": "uri", "description": "A word for programs, as a URN."},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "A sentence for people."},
        "errors": {"type": "object", "description": "What does not fit, by field.", "additionalProperties": True},
    },
    "additionalProperties": True,
}
REFUSALS = {
    "400": "A field, a parameter or the body does not fit.",
    "401": "No token, or it is over: sign in again.",
    "403": "Not let in, or a step is missing.",
    "404": "There is nothing at this address for you.",
    "409": "It cannot be done now, or somebody was first.",
    "422": "The resource is not FHIR R4.",
    "423": "The keys are locked: POST session/unlock.",
    "429": "Too many tries.",
    "default": "Every other refusal is a problem, too.",
}
OF_BODIES = frozenset({"422"})


class BearerScheme(OpenApiAuthenticationExtension):
    """The token that `POST session` returns."""

    target_class = "ehr.api.bearer.Bearer"
    name = "token"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:  # noqa: ARG002 - the framework's signature
        return {"type": "http", "scheme": "bearer", "description": "The token that POST /api/v1/session returns."}


def with_refusals(result: dict, **_: object) -> dict:
    """Return the document with what every operation answers where it does not do what was asked."""
    result["components"]["schemas"]["Problem"] = PROBLEM
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for operations in result["paths"].values():
        for operation in operations.values():
            for code, words in REFUSALS.items():
                if code not in OF_BODIES or "requestBody" in operation:
                    operation["responses"].setdefault(code, {"description": words, "content": content})
    return result
