"""Whether a resource keeps what its profile promises: the profiles of US Core 7.0.0, checked without a network.

A resource that names one in `meta.profile` (without a version, or as 7.0.0) is held to its cardinalities, fixed values
and patterns, slices, types, reference targets, rules, and to those required bindings whose value sets ship here.
What must be supported and is required is either there or says why it is not (data-absent-reason); what must be
supported and is optional asks something of systems, nothing of a resource. Extensible bindings are advice.
Sources: hl7.org/fhir/us/core/STU7, general-requirements.html; FHIR R4 profiling.html. Data: data/README.md.
"""

import gzip
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import NamedTuple

from . import profile_rules
from .checks import target_type
from .problems import PROFILE, Problem, path_text

CORE = "http://hl7.org/fhir/us/core/StructureDefinition/"
VERSION = "7.0.0"
ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
MOST_NAMED = 8  # codes that a message lists

Set = Mapping[str, frozenset[str] | None]  # code system: its codes, None for all


@dataclass(slots=True)
class Element:
    """What a profile says about one element: how many, what it must be, and the same of what is in it."""

    name: str
    least: int = 0
    most: int | None = None
    names: tuple[str, ...] = ()  # JSON names of a choice
    only: frozenset[str] = frozenset()  # those of them that may be given
    key: str = ""  # of a slice of a choice: the JSON name
    fixed: object = None
    pattern: object = None
    bound: str = ""
    targets: frozenset[str] = frozenset()
    extension: str = ""
    rules: tuple[tuple[str, str, Callable], ...] = ()
    by: tuple[tuple[str, str], ...] = ()  # how slices are told apart: (kind, path)
    slices: dict[str, "Element"] = field(default_factory=dict)
    children: dict[str, "Element"] = field(default_factory=dict)


class Given(NamedTuple):
    """One value that stands in a resource: where, under which JSON name, and itself; None where only `_name` stands."""

    steps: tuple
    key: str
    value: object
    beside: object = None  # the `_name` of a primitive


# --- What is declared ------------------------------------------------------------------------------
def declared(resource: Mapping) -> list[str]:
    """Return the short names of the US Core profiles that a resource declares: those we know, in this version."""
    meta = resource.get("meta")
    listed = meta.get("profile") if isinstance(meta, dict) else None
    found = (named(str(url)) for url in (listed if isinstance(listed, list) else ()))
    return [name for name in found if name]


def named(address: str) -> str:
    """Return the short name of a profile by its address, with this version or none; "" for one that is not known."""
    plain, _, version = address.partition("|")
    name = plain.removeprefix(CORE)
    return name if plain != name and version in {"", VERSION} and name in types() else ""


def check(resource: dict, *, also: Iterable[str] = ()) -> list[Problem]:
    """Return where a resource does not keep what the profiles it declares promise, and what others do by short name."""
    found: list[Problem] = []
    for name in dict.fromkeys([*declared(resource), *also]):
        kind = resource["resourceType"]
        if types()[name] != kind:
            path = f"{kind}.meta.profile"
            words = f"names {name}, which is about {types()[name]}. Leave it out, or name one about {kind}."
            found.append(Problem(path, f"{path} {words}", PROFILE))
            continue
        found.extend(_Walk(name, resource).problems())
    return found


class _Walk:
    """One resource held to one profile."""

    def __init__(self, name: str, resource: dict) -> None:
        self.name, self.resource = name, resource
        listed = resource.get("contained")
        self.contained = {
            one["id"]: str(one.get("resourceType", ""))
            for one in (listed if isinstance(listed, list) else ())
            if isinstance(one, dict) and isinstance(one.get("id"), str)
        }

    def problems(self) -> Iterator[Problem]:
        kind = self.resource["resourceType"]
        yield from self.inside(tree(self.name), Given((kind,), kind, self.resource))

    def problem(self, steps: tuple, words: str) -> Problem:
        path = path_text(steps)
        return Problem(path, f"{path} {words.replace('its profile', f'its profile {self.name}', 1)}", PROFILE)

    def inside(self, element: Element, at: Given) -> Iterator[Problem]:
        """Yield what is wrong with the elements of one value, and with the value as a whole."""
        yield from self.ruled(element, at)
        if isinstance(at.value, dict):
            for child in element.children.values():
                yield from self.child(child, list(_given(child, at.value, at.steps)), at)

    def ruled(self, element: Element, at: Given) -> Iterator[Problem]:
        for key, words, holds in element.rules:
            if not holds(at.value):
                yield self.problem(at.steps, f"breaks rule {key} of its profile: {words}")

    def child(self, element: Element, given: list[Given], at: Given) -> Iterator[Problem]:
        if len(given) < element.least:
            yield self.problem((*at.steps, element.name), _too_few(element))
        elif element.most is not None and len(given) > element.most:
            most = "may not stand here" if not element.most else f"may stand here at most {element.most} times"
            yield self.problem((*at.steps, element.name), f"{most} by its profile. Leave the others out.")
        for one in given:
            yield from self.value(element, one)
        if element.slices:
            yield from self.sliced(element, given, at)

    def value(self, element: Element, one: Given) -> Iterator[Problem]:
        """Yield what is wrong with one value; one that says why it is absent need not have what makes it whole."""
        if element.only and one.key not in element.only:
            yield self.problem(one.steps, f"must be given as {_either(sorted(element.only))} by its profile.")
            return
        if _is_absent(one):
            yield from self.ruled(element, one) if one.value is not None else ()
            return
        if element.fixed is not None and one.value != element.fixed:
            yield self.problem(one.steps, f"must be “{element.fixed}” by its profile.")
        elif element.pattern is not None and not _contains(one.value, element.pattern):
            yield self.problem(one.steps, f"must have {_shown(element.pattern)} by its profile. Add it.")
        elif element.bound and not _is_bound(one, sets()[element.bound]):
            yield self.problem(one.steps, _unbound(element.bound))
        elif element.targets and (kind := self.points_at(one)) and kind not in element.targets:
            yield self.problem(
                one.steps, f"refers to {kind}. By its profile it may: {_either(sorted(element.targets))}."
            )
        else:
            yield from self.inside(element, one)

    def points_at(self, one: Given) -> str:
        """Return the type a reference points at, "" where it does not say or anything may stand here."""
        return target_type(one.value, self.contained) if isinstance(one.value, dict) else ""

    def sliced(self, element: Element, given: list[Given], at: Given) -> Iterator[Problem]:
        """Yield what is wrong with the slices of a list: which are missing, too many, or wrong in themselves."""
        for piece, wanted in element.slices.items():
            mine = [one for one in given if _belongs(wanted, element.by, one)]
            if len(mine) < wanted.least:
                words = f"has no {piece}, which its profile asks for: {_told_apart(wanted, element.by)}. Add it."
                yield self.problem((*at.steps, element.name), words)
            elif wanted.most is not None and len(mine) > wanted.most:
                words = f"has {piece} more than {wanted.most} times, which its profile does not allow. Keep one."
                yield self.problem((*at.steps, element.name), words)
            for one in mine:
                yield from self.value(wanted, one)
                if wanted.extension:
                    yield from self.inside(tree(wanted.extension), one)


# --- Values ----------------------------------------------------------------------------------------
def _given(element: Element, value: Mapping, steps: tuple) -> Iterator[Given]:
    """Yield the values of one element of a group, a choice under whichever name it stands."""
    for name in element.names or (element.name,):
        plain, beside = value.get(name), value.get(f"_{name}")
        if plain is None and beside is None:
            continue
        if not isinstance(plain, list) and not isinstance(beside, list):
            yield Given((*steps, name), name, plain, beside)
            continue
        plains = plain if isinstance(plain, list) else []
        besides = beside if isinstance(beside, list) else []
        for index in range(max(len(plains), len(besides))):
            one = plains[index] if index < len(plains) else None
            yield Given((*steps, name, index), name, one, besides[index] if index < len(besides) else None)


def _is_absent(one: Given) -> bool:
    """Tell whether a value says by an extension why it is not there; a primitive may stand by its extension alone."""
    if one.value is None:
        return True
    holder = one.value if isinstance(one.value, dict) else one.beside
    listed = holder.get("extension") if isinstance(holder, dict) else None
    return any(isinstance(item, dict) and item.get("url") == ABSENT for item in listed or ())


def _contains(value: object, pattern: object) -> bool:
    """Tell whether everything in a pattern is in a value too. Source: elementdefinition-definitions.html#pattern."""
    if isinstance(pattern, dict):
        return isinstance(value, dict) and all(_contains(value.get(name), part) for name, part in pattern.items())
    if isinstance(pattern, list):
        return isinstance(value, list) and all(any(_contains(item, part) for item in value) for part in pattern)
    return value == pattern


def _is_bound(one: Given, known: Set) -> bool:
    """Tell whether a code, or one coding of a concept, is of a value set. What holds no code is not bound."""
    value = one.value
    if isinstance(value, str):
        return any(codes is None or value in codes for codes in known.values())
    if not isinstance(value, dict):
        return True
    if "coding" in value or "text" in value:
        listed = value.get("coding")
        return any(_in_set(coding, known) for coding in (listed if isinstance(listed, list) else ()))
    return _in_set(value, known) if "code" in value or "system" in value else True


def _in_set(coding: object, known: Set) -> bool:
    if not isinstance(coding, dict) or coding.get("system") not in known:
        return False
    codes = known[coding["system"]]
    return codes is None or coding.get("code") in codes


def _belongs(wanted: Element, by: tuple[tuple[str, str], ...], one: Given) -> bool:
    """Tell whether a value is of a slice. Source: profiling.html#discriminator."""
    return all(_tells(wanted, kind, path, one) for kind, path in by)


def _tells(wanted: Element, kind: str, path: str, one: Given) -> bool:
    if kind == "type":
        return one.key == wanted.key
    if kind == "extension":
        return isinstance(one.value, dict) and one.value.get("url") == wanted.extension
    element, values = wanted, [one.value]
    for step in () if path == "$this" else path.split("."):
        if element.pattern is not None and isinstance(element.pattern, dict):
            break  # the pattern of a group says it of all that is in it
        element = element.children.get(step, _ANY)
        values = [item for value in values for item in _values(value, step)]
    return any(_is_it(element, value) for value in values)


def _values(value: object, step: str) -> list:
    inner = value.get(step) if isinstance(value, dict) else None
    return inner if isinstance(inner, list) else [] if inner is None else [inner]


def _is_it(element: Element, value: object) -> bool:
    if element.fixed is not None:
        return value == element.fixed
    if element.pattern is not None:
        return _contains(value, element.pattern)
    return _is_bound(Given((), "", value), sets()[element.bound]) if element.bound else True


# --- Words -----------------------------------------------------------------------------------------
def _too_few(element: Element) -> str:
    if element.least > 1:
        return f"must stand here at least {element.least} times by its profile. Add what is missing."
    return "is missing, and its profile asks for it. Give it, or say why it is not known (data-absent-reason)."


def _either(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"


def _shown(pattern: object) -> str:
    """Return a pattern as its codes: “85354-9 of http://loinc.org”."""
    if isinstance(pattern, dict) and "coding" in pattern:
        return _either([_shown(coding) for coding in pattern["coding"]])
    if isinstance(pattern, dict) and "code" in pattern:
        return f"code {pattern['code']} of {pattern.get('system', 'its system')}"
    if isinstance(pattern, dict):
        return _either([f"{name} {_shown(part)}" for name, part in pattern.items()])
    return f"“{pattern}”"


def _told_apart(wanted: Element, by: tuple[tuple[str, str], ...]) -> str:
    """Return by what a slice is known, for whoever has to add it."""
    if wanted.extension:
        return f"the extension {wanted.extension}"
    said = []
    for _kind, path in by:
        element = wanted
        for step in () if path == "$this" or element.pattern is not None else path.split("."):
            element = element.children.get(step, _ANY)
        if element.bound:
            said.append(f"a code of {element.bound}")
        elif element.fixed is not None or element.pattern is not None:
            said.append(_shown(element.fixed if element.fixed is not None else element.pattern))
    return " and ".join(dict.fromkeys(said)) or "see its profile"


def _unbound(address: str) -> str:
    known = [code for codes in sets()[address].values() for code in sorted(codes or ())]
    if 0 < len(known) <= MOST_NAMED and None not in sets()[address].values():
        return f"must have one of these codes by its profile: {', '.join(known)}."
    return f"must have a code of {address} by its profile."


# --- Data, read once -------------------------------------------------------------------------------
_ANY = Element("")


@cache
def _kept() -> dict:
    packed = resources.files(__package__).joinpath("data", "profiles.json.gz").read_bytes()
    return json.loads(gzip.decompress(packed))


@cache
def types() -> dict[str, str]:
    """Return {short name of a profile: the type it is about}; extensions are about Extension."""
    return {name: kept["type"] for name, kept in _kept()["profiles"].items()}


@cache
def sets() -> dict[str, Set]:
    """Return {address: value set} of those that ship."""
    return {
        address: {system: codes if codes is None else frozenset(codes) for system, codes in found.items()}
        for address, found in _kept()["sets"].items()
    }


def left_out() -> list[str]:
    """Return the addresses of the required value sets that do not ship, so are not checked."""
    return list(_kept()["left_out"])


@cache
def tree(name: str) -> Element:
    """Return what a profile says, from its top; of an extension's address that we do not have, nothing."""
    kept = _kept()["profiles"].get(name.removeprefix(CORE))
    return _element(kept["type"], kept["root"], kept["type"]) if kept else _ANY


def _element(name: str, kept: dict, place: str) -> Element:
    targets = kept.get("targets", ())
    return Element(
        name=name,
        least=kept.get("min", 0),
        most=kept.get("max"),
        names=tuple(kept.get("names", ())),
        only=frozenset(kept.get("only", ())),
        key=kept.get("key", ""),
        fixed=kept.get("fixed"),
        pattern=kept.get("pattern"),
        bound=kept.get("bound", ""),
        targets=frozenset() if "Resource" in targets else frozenset(targets),
        extension=kept.get("extension", ""),
        rules=tuple((key, words, profile_rules.of(place, key)) for key, words in kept.get("rules", ())),
        by=tuple((kind, path) for kind, path in kept.get("by", ())),
        slices={piece: _element(name, inner, place) for piece, inner in kept.get("slices", {}).items()},
        children={step: _element(step, inner, f"{place}.{step}") for step, inner in kept.get("children", {}).items()},
    )
