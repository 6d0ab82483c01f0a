"""The entries of a batch or transaction: each a small request, with the headers and the body it would have alone."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from django.conf import settings

from ehr.fhir import kinds, outcomes, wire
from ehr.fhir.outcomes import Refusal
from ehr.fhir.wire import Answer

READING = frozenset({"GET", "HEAD"})
METHODS = READING | frozenset({"POST", "PUT", "PATCH", "DELETE"})
_HEADERS = {
    "ifMatch": "If-Match",
    "ifNoneExist": "If-None-Exist",
    "ifNoneMatch": "If-None-Match",
    "ifModifiedSince": "If-Modified-Since",
}
_STATUSES = {
    200: "200 OK",
    201: "201 Created",
    204: "204 No Content",
    304: "304 Not Modified",
}


@dataclass
class Item:
    """One entry: what it asks, and what it carries."""

    number: int
    method: str
    path: str  # "Observation/1", without the server's base
    query: str
    full_url: str
    carried: dict | None = field(repr=False)
    headers: Mapping[str, str]

    @property
    def place(self) -> str:
        return f"Bundle.entry[{self.number}]"

    @property
    def kind(self) -> str:
        return self.path.partition("/")[0]

    @property
    def fhir_id(self) -> str:
        return self.path.partition("/")[2]

    def resource(self) -> dict:
        """Return the resource it carries. Raises Refusal 400."""
        if self.carried is None:
            raise outcomes.not_understood("This entry carries no resource.", at=f"{self.place}.resource")
        return wire.object_of(self.carried)

    def patch(self) -> object:
        """Return the JSON Patch it carries, in a Binary as R4 has it. Raises Refusal."""
        binary = self.resource()
        if binary.get("resourceType") != "Binary" or binary.get("contentType") != wire.PATCH_TYPE:
            words = f"A patch in a Bundle is a Binary whose contentType is {wire.PATCH_TYPE}."
            raise outcomes.not_understood(words, at=f"{self.place}.resource")
        try:
            return wire.parsed(base64.b64decode(str(binary.get("data", "")), validate=True))
        except binascii.Error:
            words = "The data of this Binary is not base64."
            raise outcomes.not_understood(words, at=f"{self.place}.resource.data") from None

    def form(self) -> str:
        """Return the question of a POST search, which an entry has in its address."""
        return ""

    is_parameters = False

    @property
    def has_body(self) -> bool:
        """Tell whether a resource came along to be read."""
        return self.method == "POST" and self.carried is not None


def items(bundle: dict) -> tuple[list[Item], str]:
    """Return the entries of a batch or transaction, and which of the two it is. Raises Refusal 400 or 413."""
    kind = str(bundle.get("type"))
    if bundle["resourceType"] != "Bundle" or kind not in {"batch", "transaction"}:
        words = "Here a Bundle is taken whose type is batch or transaction. A single resource goes to its type."
        raise outcomes.not_understood(words, at="Bundle.type")
    listed = bundle.get("entry", [])
    if not isinstance(listed, list):
        raise outcomes.not_understood("Bundle.entry is a list.", at="Bundle.entry", code="structure")
    if len(listed) > settings.FHIR_BUNDLE_ENTRIES:
        words = f"More than {settings.FHIR_BUNDLE_ENTRIES} entries are not done at once. Send several Bundles."
        raise Refusal(413, "too-costly", words, at="Bundle.entry")
    return [_item(number, one) for number, one in enumerate(listed)], kind


def _item(number: int, one: object) -> Item:
    place = f"Bundle.entry[{number}]"
    one = one if isinstance(one, dict) else {}
    request = one["request"] if isinstance(one.get("request"), dict) else {}
    method, url = str(request.get("method")), request.get("url")
    if method not in METHODS or not isinstance(url, str) or len(url) > 4_000:
        words = "This entry says not what is asked: request needs a method and a url that are known."
        raise outcomes.not_understood(words, at=f"{place}.request", code="required")
    path, _, query = url.removeprefix(f"{kinds.base()}/").removeprefix("/").partition("?")
    full_url = one.get("fullUrl", "")
    carried = one.get("resource")
    headers = {name: request[key] for key, name in _HEADERS.items() if isinstance(request.get(key), str)}
    return Item(
        number,
        method,
        unquote(path),
        query,
        full_url if isinstance(full_url, str) else "",
        carried if isinstance(carried, dict) else None,
        headers,
    )


def at(refusal: Refusal, item: Item) -> Refusal:
    """Return a refusal that says which entry it is about."""
    refusal.issues = [
        one if one.expression.startswith(item.place) else one._replace(expression=_inside(item.place, one.expression))
        for one in refusal.issues
    ]
    return refusal


def _inside(place: str, expression: str) -> str:
    inner = expression.partition(".")[2]
    return f"{place}.resource.{inner}" if inner and not expression.startswith("http.") else place


def response(answer: Answer) -> dict:
    """Return an answer as an entry of a response Bundle."""
    said: dict[str, object] = {"status": _STATUSES.get(answer.status, str(answer.status))}
    for name, header in (("location", "Location"), ("etag", "ETag")):
        if header in answer.headers:
            said[name] = answer.headers[header]
    if answer.written_at:
        said["lastModified"] = answer.written_at
    if answer.resource is None:
        return {"response": said}
    if answer.resource["resourceType"] == "OperationOutcome":
        return {"response": said | {"outcome": answer.resource}}
    return {"resource": answer.resource, "response": said}


def replace_all(value: object, target: str, name: str) -> None:
    """Replace every reference to a target by a name, in place."""
    if isinstance(value, dict):
        if value.get("reference") == target:
            value["reference"] = name
        for item in value.values():
            replace_all(item, target, name)
    elif isinstance(value, list):
        for item in value:
            replace_all(item, target, name)
