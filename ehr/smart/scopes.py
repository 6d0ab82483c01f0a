"""SMART scopes: what an app asks for, may ask for, and was let do. Plain Python: texts in, decisions out.

`patient/Observation.rs?category=http://…/observation-category|laboratory` reads: of the patient at hand, observations,
read and search, laboratory ones only. v1's `.read`, `.write` and `.*` are understood as v2's `.rs`, `.cud` and
`.cruds`. Source: HL7 SMART App Launch 2.2, "Scopes and Launch Context".
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from urllib.parse import parse_qsl

LAUNCH, LAUNCH_PATIENT, OPENID, FHIR_USER = "launch", "launch/patient", "openid", "fhirUser"
OFFLINE, ONLINE = "offline_access", "online_access"
PLAIN = frozenset({LAUNCH, LAUNCH_PATIENT, OPENID, FHIR_USER, OFFLINE, ONLINE})
# Who looked, and who is let in: a scope for everything does not include them; they are asked for by name.
BY_NAME = frozenset({"AuditEvent", "Consent"})
# Visits that were booked here stand in no part of a record: they, too, are told where a scope names them. Those that
# other systems sent are entries like any other.
VISITS = "Appointment"
# So does which studies somebody takes part in.
JOININGS = "ResearchSubject"
TOLD = frozenset({VISITS, JOININGS})
STUDIES = "ResearchStudy"  # in no part of anybody's record

_PATTERN = re.compile(r"(patient|user|system)/(\*|[A-Z][A-Za-z]{1,40})\.([a-z*]{1,5})(?:\?([^\s?]{1,200}))?")
_VERSION_1 = {"read": "rs", "write": "cud", "*": "cruds"}
_ORDER = "cruds"
_LETTERS = {
    "create": "c",
    "read": "r",
    "vread": "r",
    "history-instance": "r",
    "update": "u",
    "patch": "u",
    "delete": "d",
    "search-type": "s",
    "history-type": "s",
}


@dataclass(frozen=True, order=True)
class Scope:
    """One resource scope. `category` is "system|code", "|code" for any system, or "" for every category."""

    level: str
    kind: str
    verbs: str
    category: str = ""

    def __str__(self) -> str:
        told = f"?category={self.category.removeprefix('|')}" if self.category else ""
        return f"{self.level}/{self.kind}.{self.verbs}{told}"

    @property
    def reads(self) -> bool:
        return bool({"r", "s"} & set(self.verbs))

    @property
    def writes(self) -> bool:
        return bool({"c", "u", "d"} & set(self.verbs))

    def is_about(self, kind: str) -> bool:
        """Tell whether this scope is about a type of resource."""
        return self.kind == kind or (self.kind == "*" and kind not in BY_NAME)

    def fits(self, index: Mapping[str, object]) -> bool:
        """Tell whether a resource is in this scope's category, by its search values."""
        return not self.category or any(_same(self.category, one) for one in _categories(index))

    def covers(self, other: "Scope") -> bool:
        """Tell whether whoever may ask for this may ask for the other."""
        return (
            self.level == other.level
            and self.is_about(other.kind)
            and set(other.verbs) <= set(self.verbs)
            and (not self.category or _same(self.category, other.category))
        )


@dataclass(frozen=True)
class Scopes:
    """What was asked for or granted: plain scopes, and those about resources."""

    plain: frozenset[str]
    resources: tuple[Scope, ...]

    def __str__(self) -> str:
        return " ".join([*sorted(self.plain), *map(str, self.resources)])

    def __bool__(self) -> bool:
        return bool(self.plain or self.resources)

    @property
    def levels(self) -> frozenset[str]:
        return frozenset(scope.level for scope in self.resources)

    @property
    def refreshes(self) -> bool:
        return bool(self.plain & {OFFLINE, ONLINE})

    def within(self, allowed: "Scopes") -> "Scopes":
        """Return those of these that others cover."""
        kept = (one for one in self.resources if any(wide.covers(one) for wide in allowed.resources))
        return Scopes(self.plain & allowed.plain, tuple(kept))

    def only(self, chosen: Iterable[str], *, plain: Iterable[str] = PLAIN) -> "Scopes":
        """Return those whose text was chosen."""
        texts = set(chosen)
        return Scopes(self.plain & set(plain), tuple(one for one in self.resources if str(one) in texts))

    def reading(self) -> "Scopes":
        """Return the same without what adds, changes or strikes out."""
        kept = {
            replace(one, verbs="".join(letter for letter in one.verbs if letter in "rs")): None
            for one in self.resources
        }
        return Scopes(self.plain, tuple(one for one in kept if one.verbs))

    def of(self, *levels: str) -> "Scopes":
        """Return those about resources of some levels, with all plain ones."""
        return Scopes(self.plain, tuple(one for one in self.resources if one.level in levels))

    def allow(self, kind: str, interaction: str, index: Mapping[str, object] | None, *levels: str) -> bool:
        """Tell whether something may be done with a type, or with one resource of it where its search values are told.

        Interactions are FHIR's codes: read, vread, create, update, patch, delete, search-type, history-type,
        history-instance. One that has no letter in SMART is not allowed.
        """
        known = self._asked.get((kind, interaction, levels))
        if known is None:
            letter = _LETTERS.get(interaction)
            known = self._asked[kind, interaction, levels] = [
                scope
                for scope in self.resources
                if letter and scope.level in levels and letter in scope.verbs and scope.is_about(kind)
            ]
        return any(index is None or scope.fits(index) for scope in known)

    def name(self, kind: str, *levels: str) -> bool:
        """Tell whether a type may be read by a scope of its own: one for everything is none."""
        return any(one.kind == kind and one.level in levels and one.reads for one in self.resources)

    @cached_property
    def _asked(self) -> dict[tuple, list[Scope]]:
        """Which of these are about a type, an interaction and levels: asked for every resource of a record."""
        return {}


def read(text: str) -> Scopes:
    """Return the scopes that a text holds and this server knows; those it does not know are left out."""
    words = list(dict.fromkeys(text.split()))
    found = (_one(word) for word in words)
    resources = dict.fromkeys(scope for scope in found if scope is not None)
    return Scopes(frozenset(words) & PLAIN, tuple(resources))


def _one(word: str) -> Scope | None:
    match = _PATTERN.fullmatch(word)
    if match is None:
        return None
    level, kind, told, query = match.groups()
    verbs = _VERSION_1.get(told, told)
    # The letters stand in their order, each once.
    if verbs != "".join(letter for letter in _ORDER if letter in verbs):
        return None
    category = _category(query) if query else ""
    return None if category is None else Scope(level, kind, verbs, category)


def _category(query: str) -> str | None:
    """Return the one category that a scope is narrowed to, or None for a narrowing this server does not know."""
    told = parse_qsl(query)
    if len(told) != 1 or told[0][0] != "category" or "," in told[0][1]:
        return None
    value = told[0][1]
    return value if "|" in value else f"|{value}"


def _same(wanted: str, found: str) -> bool:
    system, _, code = wanted.rpartition("|")
    other_system, _, other_code = found.rpartition("|")
    return code == other_code and (not system or system == other_system)


def _categories(index: Mapping[str, object]) -> Iterable[str]:
    """Return the categories among a resource's search values, as "system|code"; none where they were not computed."""
    parameters = index.get("p")
    tokens = parameters.get("category", ()) if isinstance(parameters, Mapping) else ()
    return [f"{token[0]}|{token[1]}" for token in tokens]
