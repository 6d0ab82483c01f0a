"""JSON in and out with every number as it was written: 1.50 stays 1.50, as in the record."""

from collections.abc import Mapping
from typing import Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer

from ehr.r4 import text


class ExactParser(BaseParser):
    """Reads JSON; what is not JSON is refused with words."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping | None = None) -> object:  # noqa: ARG002
        try:
            told = text.loads(stream.read())
        except (ValueError, RecursionError) as problem:
            raise ParseError(
                "The body is not JSON. Send an object in UTF-8, with Content-Type: application/json."
            ) from problem
        if not isinstance(told, dict):
            raise ParseError("The body is JSON, but not an object. Send {…}.")
        return told


class ExactRenderer(BaseRenderer):
    """Writes JSON; nothing is an empty body."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(self, data: Any, *_negotiated: object) -> bytes:
        return b"" if data is None else text.dumps(data)


class ProblemRenderer(ExactRenderer):
    """The same, as a problem (RFC 9457)."""

    media_type = "application/problem+json"
    format = "problem"
