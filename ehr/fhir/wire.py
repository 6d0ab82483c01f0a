"""What goes over the line: bodies with a bound on their size, packed or not, and answers in the one format there is.

Source: FHIR R4 http.html; RFC 9110.
"""

import gzip
import secrets
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime

import orjson
from django.conf import settings
from django.http import HttpRequest, HttpResponse

from ehr.fhir import outcomes
from ehr.r4 import text

FHIR_JSON = "application/fhir+json; fhirVersion=4.0; charset=utf-8"
LINES = "application/fhir+ndjson"
LINE_TYPES = frozenset({LINES, "application/ndjson", "application/x-ndjson", "text/plain"})
JSON_TYPES = frozenset({"application/fhir+json", "application/json", "json", "application/json+fhir"})
PATCH_TYPE = "application/json-patch+json"
FORM_TYPE = "application/x-www-form-urlencoded"
ANYTHING = frozenset({"*/*", "application/*", ""})
SMALLEST_PACKED = 860  # bytes; below it packing makes an answer larger
_XML = frozenset({"application/fhir+xml", "application/xml", "text/xml", "xml", "application/xml+fhir"})


@dataclass
class Answer:
    """What a view returns: a status, a resource (or none), and headers."""

    status: int
    resource: dict | None = None
    headers: dict[str, str] = field(default_factory=dict)
    written_at: str = ""  # of a resource, to the millisecond, where a Bundle says it
    lines: bytes | None = None  # resources, one a line, in the place of one


# --- What comes in -------------------------------------------------------------------------------
def body_of(request: HttpRequest) -> bytes:
    """Return a request's body, unpacked. Raises Refusal 413 beyond `FHIR_BODY_BYTES`, 415 for another packing."""
    most = settings.FHIR_BODY_BYTES
    if int(request.META.get("CONTENT_LENGTH") or 0) > most:
        raise _too_long()
    content = request.read(most + 1)
    if len(content) > most:
        raise _too_long()
    packing = request.headers.get("Content-Encoding", "identity").strip().lower()
    if packing == "gzip":
        return _unpacked(content, most)
    if packing != "identity":
        raise outcomes.Refusal(415, "not-supported", "Bodies are read plain or packed with gzip, in no other packing.")
    return content


def _unpacked(content: bytes, most: int) -> bytes:
    """Return what gzip holds, never more than may be sent plain: a bomb stops at the bound."""
    reader = zlib.decompressobj(wbits=31)
    try:
        plain = reader.decompress(content, most + 1)
    except zlib.error:
        raise outcomes.not_understood("This body says that it is packed with gzip, and is not.") from None
    if len(plain) > most or reader.unconsumed_tail:
        raise _too_long()
    if not reader.eof or reader.unused_data:
        raise outcomes.not_understood("This gzip body is damaged, or cut short. Send it again.")
    return plain


def _too_long() -> outcomes.Refusal:
    megabytes = settings.FHIR_BODY_BYTES // 1024**2
    words = f"This body is larger than the {megabytes} MB that are read at once. Send it in several parts."
    return outcomes.Refusal(413, "too-long", words)


def media_type(request: HttpRequest) -> str:
    """Return a body's media type without its parameters."""
    return request.headers.get("Content-Type", "").partition(";")[0].strip().lower()


class Sent:
    """What came with a request: its headers, and its body read as what it should be."""

    def __init__(self, request: HttpRequest) -> None:
        self._request = request
        self.headers: Mapping[str, str] = request.headers

    def resource(self) -> dict:
        """Return the resource that was sent. Raises Refusal 415 for another format and 400 for what is not JSON."""
        self._expect(JSON_TYPES, "application/fhir+json")
        return object_of(parsed(body_of(self._request)))

    def patch(self) -> object:
        """Return the JSON Patch that was sent. Raises Refusal."""
        self._expect({PATCH_TYPE}, PATCH_TYPE)
        return parsed(body_of(self._request))

    def form(self) -> str:
        """Return the form that was sent, as it stands in an address. Raises Refusal."""
        self._expect({FORM_TYPE, ""}, FORM_TYPE)
        try:
            return body_of(self._request).decode()
        except UnicodeDecodeError:
            raise outcomes.not_understood("This form is not UTF-8 text.") from None

    @property
    def has_body(self) -> bool:
        """Tell whether anything was sent to be read, whatever it is."""
        told = self._request.META
        return self._request.method == "POST" and bool(
            int(told.get("CONTENT_LENGTH") or 0) or told.get("HTTP_TRANSFER_ENCODING")
        )

    @property
    def is_parameters(self) -> bool:
        """Tell whether anything that may be Parameters was sent."""
        return media_type(self._request) in JSON_TYPES

    def _expect(self, known: frozenset[str] | set[str], wanted: str) -> None:
        told = media_type(self._request)
        if told not in known:
            words = "XML is not read here." if told in _XML else "The body's Content-Type is not one that is read here."
            raise outcomes.Refusal(415, "not-supported", f"{words} Send {wanted}.")


def parsed(content: bytes) -> object:
    """Return JSON with decimals as written. Raises Refusal 400 that says where it breaks, not what stands there."""
    try:
        return text.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise outcomes.not_understood("This body is not UTF-8 text, which FHIR requires.", code="structure") from None
    except orjson.JSONDecodeError as problem:
        place = f"line {problem.lineno}, column {problem.colno}"
        raise outcomes.not_understood(f"This body is not readable as JSON at {place}.", code="structure") from None
    except (ValueError, RecursionError):
        raise outcomes.not_understood("This body is not readable as JSON.", code="structure") from None


def object_of(value: object) -> dict:
    """Return JSON as a resource. Raises Refusal 400 for anything else."""
    if not isinstance(value, dict) or not isinstance(value.get("resourceType"), str):
        words = "This is not a resource: resourceType is missing."
        raise outcomes.not_understood(words, at="resourceType", code="structure")
    return value


# --- What goes out -------------------------------------------------------------------------------
def check_accepted(headers: Mapping[str, str], wanted: str, *, lines: bool = False) -> None:
    """Raise Refusal 406 where a client takes no JSON, by `_format` or else by its Accept header.

    `lines` says that the address answers with resources one a line.
    """
    if wanted:
        asked = [wanted.replace(" ", "+").partition(";")[0].lower()]
    else:
        header = headers.get("Accept", "")
        asked = [one.partition(";")[0].strip().lower() for one in header.split(",") if ";q=0," not in f"{one},"]
    known = JSON_TYPES | ANYTHING | (LINE_TYPES if lines else frozenset())
    if not any(one in known for one in asked):
        words = "XML is not written here." if set(asked) & _XML else "This server writes JSON only."
        raise outcomes.Refusal(406, "not-supported", f"{words} Accept application/fhir+json.")


def response(request: HttpRequest, answer: Answer, *, pretty: bool = False) -> HttpResponse:
    """Return an answer as it is sent, packed where the client takes that."""
    content = b"" if answer.resource is None else text.dumps(answer.resource, pretty=pretty)
    content = content if answer.lines is None else answer.lines
    told = HttpResponse(content, status=answer.status, content_type=FHIR_JSON if answer.lines is None else LINES)
    if not content:
        del told["Content-Type"]
    for name, value in answer.headers.items():
        told[name] = value
    if len(content) >= SMALLEST_PACKED and "gzip" in request.headers.get("Accept-Encoding", ""):
        told.content = _packed(content)
        told["Content-Encoding"] = "gzip"
    told["Content-Length"] = str(len(told.content))
    for name, value in _ALWAYS.items():
        told.setdefault(name, value)
    return told


# A token, not a cookie, opens this face, so any page's script may ask: a browser adds nothing by itself.
_ALWAYS: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "Vary": "Accept, Accept-Encoding, Authorization, Prefer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "ETag, Last-Modified, Location, Content-Location, Expires, Retry-After, "
    "WWW-Authenticate, X-Progress",
}


def _packed(content: bytes) -> bytes:
    """Return gzip whose length says a little less of its content: up to 100 bytes of it are chance (as Django's)."""
    packed = bytearray(gzip.compress(content, compresslevel=1, mtime=0))
    packed[3] = 0x08  # the header then names a file; a name of random length
    return bytes(packed[:10]) + b"x" * secrets.randbelow(100) + b"\x00" + bytes(packed[10:])


def http_date(at: datetime) -> str:
    """Return "Sat, 21 Nov 2026 12:00:00 GMT"."""
    return format_datetime(at.replace(microsecond=0), usegmt=True)
