"""How the schema (OpenAPI 3) names what the framework cannot know."""

from drf_spectacular.extensions import OpenApiAuthenticationExtension


class BearerScheme(OpenApiAuthenticationExtension):
    """The token that `POST session` returns."""

    target_class = "ehr.api.bearer.Bearer"
    name = "token"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:  # noqa: ARG002 - the framework's signature
        return {"type": "http", "scheme": "bearer", "description": "The token that POST /api/v1/session returns."}
