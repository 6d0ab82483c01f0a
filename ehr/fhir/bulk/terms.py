"""What a client may ask of an export, read once and bounded.

Source: Bulk Data Access 2.0.0, export, "Query Parameters".
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Self

from ehr.fhir import kinds, outcomes, query, reading, search
from ehr.fhir.asking import Asking
from ehr.fhir.outcomes import Refusal
from ehr.fhir.query import Asked
from ehr.fhir.search import Question
from ehr.fhir.told import KINDS
from ehr.fhir.wire import Sent

FORMATS = frozenset({"application/fhir+ndjson", "application/ndjson", "ndjson"})
# Provenance that comes along where only other types are asked for.
ASSOCIATED = {"LatestProvenanceResources": "latest", "RelevantProvenanceResources": "relevant"}
MOST_FILTERS = 20
MOST_PATIENTS_NAMED = 1_000
_KNOWN = frozenset({"_type", "_since", "_outputFormat", "_typeFilter", "_elements", "includeAssociatedData", "patient"})
# What query reads as shaping an answer; of these only `_elements` means something for files.
_SHAPES = frozenset({"_summary", "_count", "_total", "_sort", "_page"})
_BETWEEN_FILTERS = re.compile(r",(?=[A-Z][A-Za-z]*\?)")
_ELEMENT = re.compile(r"(?:([A-Z][A-Za-z]*)\.)?([A-Za-z][A-Za-z0-9]*)(?:\[x\])?")


@dataclass(frozen=True)
class Wanted:
    """What an export is of: plain values, so that it can be kept and read again."""

    kinds: tuple[str, ...]
    since: str = ""
    filters: tuple[tuple[str, str], ...] = ()  # ("Observation", "status=final"): of several of a type any
    elements: tuple[tuple[str, str], ...] = ()  # ("Observation", "code"); "" is every type
    associated: str = ""
    notes: tuple[str, ...] = field(default=())  # what was left out, as the client let it be

    def plain(self) -> dict[str, object]:
        return asdict(self)

    @classmethod
    def of(cls, plain: Mapping) -> Self:
        pairs = {name: tuple(map(tuple, plain[name])) for name in ("filters", "elements")}
        return cls(
            tuple(plain["kinds"]), plain["since"], associated=plain["associated"], notes=tuple(plain["notes"]), **pairs
        )

    def shape(self, kind: str) -> Asked:
        """Return how much of a resource of a type is shown."""
        return Asked(elements=tuple(name for about, name in self.elements if about in {"", kind}))

    def questions(self, kind: str) -> list[Question]:
        """Return the filters of a type: a resource must answer one of them, where there are any."""
        return [search.question(kind, query.read(text)) for about, text in self.filters if about == kind]


def is_async(sent: Sent) -> bool:
    """Tell whether a client is ready to come back for the answer."""
    return "respond-async" in _preferred(sent)


def _preferred(sent: Sent) -> set[str]:
    told = sent.headers.get("Prefer", "").replace(";", ",")
    return {one.strip().lower() for one in told.split(",")}


def read(sent: Sent, asking: Asking, pairs: Sequence[tuple[str, str]]) -> Wanted:
    """Return what is asked. Raises Refusal for what is not understood, unless the client prefers `handling=lenient`."""
    lenient, notes = "handling=lenient" in _preferred(sent), []

    def leave_out(words: str, at: str) -> None:
        if not lenient:
            raise outcomes.not_understood(
                f"{words} Leave it out, or send Prefer: handling=lenient.", at=f"http.{at}", code="not-supported"
            )
        notes.append(f"Left out: {words}")

    for name in sorted({name for name, _value in pairs} - _KNOWN - {"_format", "_pretty"}):
        leave_out("This parameter is not one of an export.", name[:60])
    named = {name: [value for known, value in pairs if known == name and value] for name in _KNOWN}
    if any(value.partition(";")[0].strip() not in FORMATS for value in named["_outputFormat"]):
        raise outcomes.not_understood(
            "_outputFormat is application/fhir+ndjson.", at="http._outputFormat", code="not-supported"
        )
    since = _one(named, "_since")
    reading.instant_of(since, "_since")
    associated = _associated(named["includeAssociatedData"], leave_out)
    wanted = Wanted(
        kinds=_kinds(named["_type"], asking, leave_out),
        since=since,
        filters=_filters(named["_typeFilter"], strict=not lenient, notes=notes),
        elements=_elements(named["_elements"], leave_out),
        associated=associated,
    )
    if associated and "Provenance" not in wanted.kinds and asking.allow("Provenance", "read"):
        wanted = replace(wanted, kinds=(*wanted.kinds, "Provenance"))
    else:
        wanted = replace(wanted, associated="")  # it is asked for by itself, or the token is not for it
    return replace(wanted, notes=tuple(notes))


def _one(named: Mapping[str, Sequence[str]], name: str) -> str:
    if len(named[name]) > 1:
        raise outcomes.not_understood(f"{name} may be given once.", at=f"http.{name}")
    return named[name][0] if named[name] else ""


def _kinds(values: Sequence[str], asking: Asking, leave_out) -> tuple[str, ...]:
    """Return the types that are asked for and that the token's scopes reach. Raises Refusal."""
    named = list(dict.fromkeys(kind.strip() for value in values for kind in value.split(",") if kind.strip()))
    unknown = [kind for kind in named if kind not in kinds.kept()]
    if unknown:
        leave_out("_type lists types that this server does not keep.", "_type")
    # Who looked and who may is part of it where it is named.
    every = (
        [kind for kind in named if kind not in unknown] if named else [one for one in kinds.kept() if one not in KINDS]
    )
    found = tuple(kind for kind in every if asking.allow(kind, "read"))
    if not found:
        raise outcomes.beyond_scope("anything of this record")
    return found


def _filters(values: Sequence[str], *, strict: bool, notes: list[str]) -> tuple[tuple[str, str], ...]:
    found = []
    for one in (one for value in values for one in _BETWEEN_FILTERS.split(value)):
        kind, _, text = one.partition("?")
        if kind not in kinds.kept() or not text:
            words = "_typeFilter lists searches, each with its type: Observation?status=final."
            raise outcomes.not_understood(words, at="http._typeFilter", code="value")
        told = replace(query.read(text), strict=strict)
        if told.includes or any(name in _SHAPES for name, _value in told.pairs):
            words = "A _typeFilter says which resources; it neither includes, sorts nor shapes."
            raise outcomes.not_understood(words, at="http._typeFilter", code="not-supported")
        notes += [issue.words for issue in search.question(kind, told).issues]
        found.append((kind, text))
    if len(found) > MOST_FILTERS:
        raise outcomes.not_understood(
            f"More than {MOST_FILTERS} filters are not read.", at="http._typeFilter", code="too-costly"
        )
    return tuple(found)


def _elements(values: Sequence[str], leave_out) -> tuple[tuple[str, str], ...]:
    found = []
    for one in (one.strip() for value in values for one in value.split(",") if one.strip()):
        match = _ELEMENT.fullmatch(one)
        if match is None:
            leave_out("_elements lists elements at the root of a resource, such as Patient.name.", "_elements")
        else:
            found.append((match[1] or "", match[2]))
    return tuple(found)


def _associated(values: Sequence[str], leave_out) -> str:
    chosen = ""
    for one in (one.strip() for value in values for one in value.split(",") if one.strip()):
        if one in ASSOCIATED:
            chosen = ASSOCIATED[one] if chosen != "relevant" else chosen
        else:
            leave_out(f"includeAssociatedData is one of: {', '.join(sorted(ASSOCIATED))}.", "includeAssociatedData")
    return chosen


# --- Where it is said ----------------------------------------------------------------------------
def pairs_of(sent: Sent, told: Asked) -> list[tuple[str, str]]:
    """Return the parameters of a kick-off as they came: of the address, or of the Parameters that were posted."""
    given = list(told.pairs)
    if not sent.is_parameters:
        return given
    body = sent.resource()
    listed = body.get("parameter", [])
    if body["resourceType"] != "Parameters" or not isinstance(listed, list):
        raise outcomes.not_understood("An export is asked for by GET, or by POST of Parameters.", at="resourceType")
    return [*given, *(_parameter(number, one) for number, one in enumerate(listed))]


def _parameter(number: int, one: object) -> tuple[str, str]:
    place = f"Parameters.parameter[{number}]"
    if not isinstance(one, dict) or not isinstance(one.get("name"), str):
        raise outcomes.not_understood("A parameter has a name and a value.", at=place)
    value = next((value for key, value in one.items() if key.startswith("value")), None)
    if isinstance(value, dict):
        value = value.get("reference")
    if not isinstance(value, str) or len(value) > query.LONGEST_VALUE:
        raise outcomes.not_understood(
            "A parameter of an export has one value: a text, an instant or a reference.", at=place
        )
    return one["name"], value


def patients_named(pairs: Sequence[tuple[str, str]]) -> frozenset[str] | None:
    """Return the ids of the patients to whom an export is narrowed; None where it is not. Raises Refusal."""
    named = [value for name, value in pairs if name == "patient" and value]
    if not named:
        return None
    if len(named) > MOST_PATIENTS_NAMED:
        raise Refusal(
            400, "too-costly", f"At most {MOST_PATIENTS_NAMED} patients are named at once.", at="http.patient"
        )
    return frozenset(one.removeprefix(f"{kinds.base()}/").removeprefix("Patient/") for one in named)
