"""Requests nobody would write, made from a seed: every type, parameter, modifier and header, with sense and without."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import quote

from ehr.fhir import kinds
from ehr.r4 import parameters

_VALUES = (
    "",
    "x",
    "1",
    "-1",
    "0",
    "1e400",
    "1e-400",
    "NaN",
    "true",
    "false",
    "2026",
    "2026-02-30",
    "ge2026-01-01",
    "apple",
    "9999-12-31T23:59:59Z",
    "0000",
    "2026-01-01T00:00:60+14:00",
    "|",
    "||",
    "a|b",
    "a|b|c",
    "$",
    "a$b",
    "\\",
    "\\,",
    ",",
    ",,,",
    "Patient/1",
    "Patient/",
    "/",
    "#x",
    "urn:uuid:1",
    "http://a.example/Patient/1|2",
    "*",
    "é" * 50,
    "\u202e",
    "%",
    "' OR 1=1 --",
    "{{7*7}}",
    "<x>",
    "5.4|http://unitsofmeasure.org|mmol/L",
    "gt5.4||mmol/L",
    "lt1e10",
    "1|2|3|km",
    "89.9|179.9|1e9|km",
    "_id",
    "-",
    "--date",
    "\U0001f600",
)
_MODIFIERS = (
    "",
    "",
    "",
    ":missing",
    ":exact",
    ":contains",
    ":text",
    ":not",
    ":in",
    ":below",
    ":above",
    ":identifier",
    ":of-type",
    ":Patient",
    ":Nothing",
    ":",
    "::",
    ":iterate",
    ".name",
    ".subject.name",
    ":Patient.birthdate",
    ".a.b.c.d.e.f",
)
_SPECIAL = (
    "_sort",
    "_count",
    "_include",
    "_revinclude",
    "_include:iterate",
    "_revinclude:iterate",
    "_summary",
    "_elements",
    "_total",
    "_format",
    "_pretty",
    "_page",
    "_since",
    "_at",
    "_type",
    "_contained",
    "_filter",
    "_list",
    "_query",
    "_text",
    "_content",
    "_has:Observation:patient:code",
    "_has:Observation",
    "_has",
    "_has:_has:_has:_has",
    "_lastUpdated",
    "_security",
    "_profile",
    "start",
    "end",
    "max",
    "mode",
    "",
    "-",
    "a.b",
    "subject:Patient.name",
)
_INCLUDES = ("*", "Observation:subject", "Observation:*", "Nothing:x", ":", "Provenance:target:Observation", "a:b:c:d")
_HEADERS = {
    "Accept": ("application/fhir+json", "application/fhir+xml", "*/*", "", "text/html;q=0.1", ",;,"),
    "Prefer": ("handling=strict", "handling=lenient", "return=minimal", "return=OperationOutcome", ";;;", "é"),
    "If-Match": ('W/"1"', "1", "*", '""', 'W/"99999999999999999999"'),
    "If-None-Match": ('W/"1"', "*", ",,,"),
    "If-Modified-Since": ("Sat, 21 Nov 2026 12:00:00 GMT", "yesterday", "Sat, 99 Nov 99999 12:00:00 GMT", ""),
    "If-None-Exist": ("identifier=1", "", "?", "_id=1", "Observation?code=1", "%FF=%FF"),
    "Accept-Encoding": ("gzip", "br", "gzip;q=0"),
    "Content-Encoding": ("gzip", "br", "identity"),
}
_BODIES = (
    b'{"resourceType":"Bundle","type":["batch"]}',
    b'{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":["GET"],"url":["x"]},"fullUrl":[1]}]}',
    b'{"resourceType":"Bundle","type":"transaction","entry":[{"resource":{"resourceType":"Observation","id":[1],'
    b'"identifier":[1,{"system":[],"value":{}}],"subject":{"reference":"Patient?x=1"},"performer":{"reference":"?"}},'
    b'"request":{"method":"POST","url":"Observation","ifNoneExist":[]}}]}',
    b'{"resourceType":"Parameters","parameter":[{"name":["mode"],"valueCode":["x"]},{"name":"mode","valueCode":[]}]}',
    b'[{"op":["add"],"path":["/a"]}]',
    b'[{"op":"add","path":"/status/x","value":1},{"op":"add","path":"/code/coding/-1","value":[]}]',
    b'{"resourceType":"Observation","meta":{"tag":[{"code":[]}],"security":[{"system":[],"code":{}}],"profile":[1]}}',
    b'{"resourceType":"Observation","subject":{"reference":"Patient/%s"},"focus":[{"reference":["x"]}],"code":[[[]]]}',
    b"",
    b"{}",
    b"[]",
    b"null",
    b'"x"',
    b"1e999",
    b"{",
    b'{"resourceType":"Observation"}',
    b'{"resourceType":["Patient"]}',
    b'{"resourceType":"Bundle","type":"batch","entry":[{}]}',
    b'{"resourceType":"Bundle","type":"transaction","entry":[1]}',
    b'{"resourceType":"Parameters","parameter":[1]}',
    b'[{"op":"add","path":"/a","value":1}]',
    b'[{"op":"move"}]',
    b'{"resourceType":"Observation","meta":1,"subject":1,"code":1}',
    b'{"resourceType":"Patient","meta":{"tag":1}}',
    b'{"resourceType":"Observation","meta":{"tag":[1],"security":[1]},"subject":{"reference":1}}',
    b"\xff\xfe\x00",
    b'{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":"GET","url":"%ZZ?%FF"}}]}',
    b'{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/%s"}}',
)
_KINDS_OF_BODY = (
    "application/fhir+json",
    "application/json",
    "application/json-patch+json",
    "application/fhir+xml",
    "application/x-www-form-urlencoded",
    "text/plain",
    "",
)
_PLACES = (
    "{kind}",
    "{kind}",
    "{kind}",
    "{kind}",
    "{kind}/{id}",
    "{kind}/{id}/_history",
    "{kind}/{id}/_history/{version}",
    "{kind}/_history",
    "{kind}/_search",
    "_history",
    "Patient/{patient}/{kind}",
    "Patient/{patient}/$everything",
    "Observation/$lastn",
    "{kind}/$validate",
    "{kind}/{id}/$validate",
    "{kind}/$nothing",
    "",
    "metadata",
    "{id}/{id}/{id}",
)


@dataclass(frozen=True)
class Request:
    """One request to try."""

    method: str
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    kind: str = ""


def requests(count: int, seed: int, *, ids: list[str], patient: str) -> Iterator[Request]:
    """Yield so many requests, the same ones for the same seed."""
    chance = random.Random(seed)
    for _ in range(count):
        method = chance.choice(("GET",) * 8 + ("POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"))
        headers = {name: chance.choice(values) for name, values in _HEADERS.items() if chance.random() < (0.08)}
        body = None
        if method in {"POST", "PUT", "PATCH"}:
            body = chance.choice(_BODIES).replace(b"%s", patient.encode())
        yield Request(method, _address(chance, ids, patient), headers, body, chance.choice(_KINDS_OF_BODY))


def _address(chance: random.Random, ids: list[str], patient: str) -> str:
    kind = chance.choice(
        (*kinds.answered(), "Observation", "Observation", "Condition", "Patient", "Nothing", "observation")
    )
    place = chance.choice(_PLACES).format(
        kind=kind,
        id=chance.choice((*ids, patient, "x", "1", "%00", "..", "0b0e4a3c-9bd2-4b6d-8c0f-3a5f2a5d9f11")),
        patient=chance.choice((patient, patient, "x")),
        version=chance.choice(("1", "2", "0", "x", "-1", "99999999999999999999")),
    )
    known = list(parameters.supported(kind)) or ["code"]
    pairs = [_pair(chance, known) for _ in range(chance.choice((0, 1, 1, 2, 3, 5)))]
    return f"{place}?{'&'.join(pairs)}" if pairs else place


def _pair(chance: random.Random, known: list[str]) -> str:
    if chance.random() < 0.4:
        name = chance.choice(_SPECIAL)
        value = chance.choice(_INCLUDES if "include" in name else (*_VALUES, *known))
    else:
        name, value = chance.choice(known) + chance.choice(_MODIFIERS), chance.choice(_VALUES)
        if chance.random() < 0.15:
            value += f",{chance.choice(_VALUES)}"
    return (
        f"{name}={value}" if chance.random() < 0.05 and value.isascii() else f"{quote(name, safe=':.')}={quote(value)}"
    )
