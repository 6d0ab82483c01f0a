"""What an incoming FHIR Consent proposes, read as far as it can be said here. Pure: a resource in, proposals out.

Nothing is widened on the way: what is not understood is named, sensitive parts are proposed only where they are named,
and what denies, is over or was taken back proposes nothing to sign.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from ehr.r4 import labels
from ehr.words import SENSITIVE, Action, Category, Purpose

MOST_ACTORS = 10
STANDING = frozenset({"active", "proposed", "draft"})
RESOURCE_TYPES = "http://hl7.org/fhir/resource-types"
ACTIONS = {
    "access": Action.READ,
    "use": Action.READ,
    "disclose": Action.READ,
    "collect": Action.WRITE,
    "correct": Action.WRITE,
}
ORDINARY = tuple(part for part in Category if part not in SENSITIVE)


@dataclass(frozen=True)
class Named:
    """Somebody as a sender names them: identifiers as (issuer or system, value), and in words."""

    identifiers: tuple[tuple[str, str], ...] = ()
    words: str = ""


@dataclass(frozen=True)
class Proposal:
    """What one actor of a Consent would be let do. `unclear` names what could not be taken over."""

    whom: Named
    categories: tuple[Category, ...]
    actions: tuple[Action, ...]
    ends: datetime | None
    unclear: frozenset[str]


def read(resource: Mapping, *, at: datetime) -> list[Proposal]:
    """Return what a Consent proposes at a moment, one for each actor; [] where there is nothing to sign."""
    provision = resource.get("provision") or {}
    if resource.get("status") not in STANDING or provision.get("type") != "permit":
        return []
    ends = _moment((provision.get("period") or {}).get("end"))
    if ends is not None and ends <= at:
        return []
    categories, unclear = _categories(provision)
    actions, strange = _actions(provision)
    unclear |= strange | set(_not_taken_over(provision, ends))
    actors = list(_actors(resource, provision))[:MOST_ACTORS] or [Named()]
    return [Proposal(one, categories, actions, ends, frozenset(unclear)) for one in actors]


def _categories(provision: Mapping) -> tuple[tuple[Category, ...], set[str]]:
    """Return the parts that labels and classes name; the ordinary ones where they name none."""
    unclear: set[str] = set()
    found: set[Category] = set()
    for coding in provision.get("securityLabel") or ():
        named = _by_label(coding)
        found |= named
        unclear |= set() if named else {"labels"}
    for coding in provision.get("class") or ():
        kind = coding.get("code", "")
        if coding.get("system") == RESOURCE_TYPES and kind in labels.types():
            found |= set(labels.label({"resourceType": kind}).categories)
        else:
            unclear.add("classes")
    if not found and not unclear:
        return ORDINARY, {"all-parts"}
    return tuple(part for part in Category if part in found), unclear


def _by_label(coding: Mapping) -> set[Category]:
    code = coding.get("code", "")
    if coding.get("system") == labels.CATEGORY and code in set(Category):
        return {Category(code)}
    if coding.get("system") == labels.CONFIDENTIALITY and code == "N":
        return set(ORDINARY)
    part = labels.part_of(code) if coding.get("system") == labels.ACT_CODE else None
    return {part} if part else set()


def _actions(provision: Mapping) -> tuple[tuple[Action, ...], set[str]]:
    codes = [one.get("code", "") for concept in provision.get("action") or () for one in concept.get("coding") or ()]
    found = {ACTIONS[code] for code in codes if code in ACTIONS} or {Action.READ}
    return tuple(one for one in Action if one in found), {"actions"} if set(codes) - set(ACTIONS) else set()


def _not_taken_over(provision: Mapping, ends: datetime | None) -> Iterator[str]:
    """Yield what a permission here would need to have chosen by hand."""
    names = {"provision": "exceptions", "code": "codes", "data": "entries", "dataPeriod": "record-dates"}
    yield from (word for name, word in names.items() if provision.get(name))
    purposes = {one.get("code") for one in provision.get("purpose") or ()}
    if purposes and purposes != {Purpose.TREAT}:
        yield "purpose"
    if ends is None:
        yield "end"
    start = _moment((provision.get("period") or {}).get("start"))
    if start is not None and ends is not None and start >= ends:
        yield "start"


# --- Who -----------------------------------------------------------------------------------------
def _actors(resource: Mapping, provision: Mapping) -> Iterator[Named]:
    inside = {one.get("id"): one for one in resource.get("contained") or ()}
    for actor in provision.get("actor") or ():
        reference = actor.get("reference") or {}
        target = str(reference.get("reference", ""))
        known = inside.get(target[1:], {}) if target.startswith("#") else {}
        identifiers = [reference.get("identifier"), *_listed(known.get("identifier"))]
        identifiers += [one for held in known.get("qualification") or () for one in _listed(held.get("identifier"))]
        yield Named(tuple(_identified(identifiers)), str(reference.get("display") or _name(known))[:200])


def _listed(value: object) -> list:
    return value if isinstance(value, list) else [value] if value else []


def _identified(identifiers: Iterable[Mapping | None]) -> Iterator[tuple[str, str]]:
    """Yield (who gave it, the number): the assigner's words and the system both may name who gave a licence."""
    for one in identifiers:
        if one and one.get("value"):
            issuers = (one.get("system", ""), (one.get("assigner") or {}).get("display", ""))
            yield from ((issuer, str(one["value"])) for issuer in issuers if issuer)


def _name(person: Mapping) -> str:
    name = person.get("name") or ""
    if isinstance(name, str):
        return name
    first = name[0] if name else {}
    return first.get("text") or " ".join([*(first.get("given") or ()), first.get("family", "")]).strip()


def _moment(text: object) -> datetime | None:
    """Return a FHIR dateTime in UTC; of one without a time the end of its day, of one without a day nothing."""
    if not isinstance(text, str) or len(text) < len("2026-11-21"):
        return None
    try:
        found = datetime.fromisoformat(text if "T" in text else f"{text}T23:59:59+00:00")
        return found.astimezone(UTC) if found.tzinfo else None
    except (ValueError, OverflowError):
        return None
