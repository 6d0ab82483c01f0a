"""Which part of the record a resource belongs to, and the security labels stamped on it.

Type and category decide first (data/categories.json); any sensitive code anywhere in the resource, or in what it refers
to, decides over that (data/sensitive.json). The strictest wins: a mental-health prescription is not in `treatment`.
Two sensitive findings put a resource into both parts. What a sender marked counts upward, never downward: restricted
stays restricted, and "normal" takes nothing back. Rules are data, with their sources beside them.
"""

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from hashlib import sha256
from importlib import resources
from typing import NamedTuple

from ehr.words import Category

from . import references

CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
CATEGORY = "https://chartseal.org/fhir/CodeSystem/category"
ORDER = (Category.MENTAL_HEALTH, Category.GENETIC)
RANKS = ("N", "R", "V")
ICD_10 = frozenset(f"http://hl7.org/fhir/sid/icd-10{edition}" for edition in ("", "-cm", "-gm", "-uk"))
_ICD_STEM = 3  # characters before the point
# References that carry what they point at: a prescription for a depression says that there is one.
TELLING = (
    "reasonReference", "diagnosis", "condition", "medicationReference", "addresses", "problem", "target", "focus",
    "result", "prescription", "authorizingPrescription", "hasMember", "derivedFrom", "basedOn",
)  # fmt: skip


class Labels(NamedTuple):
    """Where a resource belongs (one part, or two sensitive ones) and its `meta.security`."""

    categories: tuple[Category, ...]
    security: list[dict]


class Finding(NamedTuple):
    """One thing that makes a resource sensitive: v3-ActCode ("" for a sender's bare "restricted"), part, R or V."""

    label: str
    category: Category
    confidentiality: str


class _Words(NamedTuple):
    pattern: re.Pattern
    types: frozenset[str]  # empty: every type
    finding: Finding


def label(resource: Mapping, *, context: Mapping[str, Mapping] | None = None) -> Labels:
    """Return the parts and security labels of a resource.

    `context` maps "Type/id" to the resources it came with, so that what it refers to can count as well.
    """
    found = set(_findings(resource))
    for inner in resource.get("contained") or ():
        found |= set(_findings(inner))
    for target in _telling(resource, context or {}):
        found |= set(_findings(target))
    found |= set(_restricted(resource, found))
    sensitive = tuple(part for part in ORDER if any(finding.category is part for finding in found))
    categories = sensitive or (_by_type(resource),)
    return Labels(categories, _security(categories, found))


def types() -> frozenset[str]:
    """Return the resource types that can be part of a person's record."""
    return frozenset(_types())


def part_of(code: str) -> Category | None:
    """Return the part that a v3-ActCode puts an entry into; None for one that counts for nothing here."""
    part = _sensitive()["security"].get(code) if code != "how" else None
    return Category(part) if part else None


def stamp(resource: dict, labels: Labels) -> dict:
    """Return the resource with the labels in `meta.security`, beside any that were there."""
    meta = dict(resource.get("meta") or {})
    there = list(meta.get("security") or [])
    seen = {(coding.get("system"), coding.get("code")) for coding in there}
    meta["security"] = there + [coding for coding in labels.security if (coding["system"], coding["code"]) not in seen]
    return {**resource, "meta": meta}


def _security(categories: tuple[Category, ...], found: set[Finding]) -> list[dict]:
    rank = max((RANKS.index(finding.confidentiality) for finding in found), default=0)
    codings = [{"system": CONFIDENTIALITY, "code": RANKS[rank]}]
    codings += [{"system": ACT_CODE, "code": code} for code in sorted({finding.label for finding in found} - {""})]
    return codings + [{"system": CATEGORY, "code": str(category)} for category in categories]


# --- By type -------------------------------------------------------------------------------------
def _by_type(resource: Mapping) -> Category:
    kind = resource["resourceType"]
    if kind == "Observation":
        return _observation(resource)
    if kind == "Media" and _codes(resource, "type") & set(_categories()["media"]["labs"]):
        return Category.LABS
    return _types().get(kind, Category.HISTORY)


def _observation(resource: Mapping) -> Category:
    """Return where an Observation belongs by its category; a result where it names none we know."""
    rules = _categories()["observation"]
    codes = _codes(resource, "category")
    if codes & set(rules["labs"]):
        return Category.LABS
    return Category.HISTORY if codes & set(rules["history"]) else Category.LABS


def _codes(resource: Mapping, name: str) -> set[str]:
    concepts = resource.get(name) or []
    concepts = concepts if isinstance(concepts, list) else [concepts]
    return {coding.get("code", "") for concept in concepts for coding in concept.get("coding") or ()}


# --- By code -------------------------------------------------------------------------------------
def _findings(resource: Mapping) -> Iterator[Finding]:
    """Yield what makes a resource sensitive by its codes, words, labels and profiles."""
    kind = resource.get("resourceType", "")
    if _types().get(kind) is Category.GENETIC:
        yield Finding("GDIS", Category.GENETIC, "R")
    for name, value in resource.items():
        if name == "meta":
            yield from _declared(value)
        elif name not in {"contained", "text", "extension"} and isinstance(value, (dict, list)):
            yield from _inside(kind, value)


def _declared(meta: Mapping) -> Iterator[Finding]:
    """Yield what the sender says in `meta`."""
    rules = _sensitive()
    for coding in meta.get("security") or ():
        code = coding.get("code", "")
        if coding.get("system") == ACT_CODE and code in rules["security"] and code != "how":
            yield Finding(code, Category(rules["security"][code]), "V" if code == "PSYTHPN" else "R")
    for profile in meta.get("profile") or ():
        for text, code in rules["profiles"].items():
            if text in profile:
                yield Finding(code, Category(rules["security"][code]), "R")


def _restricted(resource: Mapping, found: set[Finding]) -> Iterator[Finding]:
    """Yield that a sender marked a resource as restricted, or very restricted, and no code says by what.

    Of what only says who somebody is, and how they are insured, the mark is stamped and moves nothing.
    """
    codings = (resource.get("meta") or {}).get("security") or ()
    ranks = [one.get("code") for one in codings if one.get("system") == CONFIDENTIALITY]
    rank = max((RANKS.index(one) for one in ranks if one in RANKS), default=0)
    if not rank or any(RANKS.index(finding.confidentiality) >= rank for finding in found):
        return
    part = next((finding.category for finding in found), Category.MENTAL_HEALTH)
    if _by_type(resource) is not Category.BASIC:
        yield Finding("", part, RANKS[rank])


def _inside(kind: str, value: object) -> Iterator[Finding]:
    """Yield the findings of all codings and concept texts in a value."""
    if isinstance(value, list):
        for item in value:
            yield from _inside(kind, item)
    elif isinstance(value, dict):
        if isinstance(value.get("code"), str) or "display" in value:
            yield from _of_coding(
                kind, str(value.get("system", "")), str(value.get("code", "")), str(value.get("display", ""))
            )
        if isinstance(value.get("text"), str) and len(value["text"]) <= 200:
            yield from _of_coding(kind, "", "", value["text"])
        for name, item in value.items():
            if item.__class__ in (dict, list) and name != "extension":
                yield from _inside(kind, item)


@lru_cache(maxsize=20_000)
def _of_coding(kind: str, system: str, code: str, words: str) -> tuple[Finding, ...]:
    """Return the findings of one coding in a resource of one type."""
    if system in ICD_10 and len(code) > _ICD_STEM and "." not in code:
        code = f"{code[:_ICD_STEM]}.{code[_ICD_STEM:]}"  # bills leave the point out
    found = dict.fromkeys(_by_code().get((system, code), ()))
    found |= dict.fromkeys(_by_prefix(system, code))
    if words:
        lowered = f"{words.lower()} "  # the end of a text ends its last word
        for words_rule in _by_words():
            if (not words_rule.types or kind in words_rule.types) and words_rule.pattern.search(lowered):
                found[words_rule.finding] = None
    return tuple(found)


def _by_prefix(system: str, code: str) -> Iterator[Finding]:
    for rule_system, first, last, finding in _ranges():
        if system == rule_system and first <= code[: len(first)] <= last:
            yield finding


def told_by(resource: Mapping) -> set[str]:
    """Return the "Type/id" of what a resource points at in the elements that give away what it is about."""
    return {
        target
        for name in TELLING
        if name in resource
        for target in references.targets_of({"resourceType": "", name: resource[name]})
    }


def _telling(resource: Mapping, context: Mapping[str, Mapping]) -> Iterator[Mapping]:
    """Yield those of them that came along."""
    return (context[target] for target in told_by(resource) if target in context) if context else iter(())


# --- Rules, read once ------------------------------------------------------------------------------
@cache
def _sensitive() -> dict:
    return json.loads(resources.files(__package__).joinpath("data", "sensitive.json").read_bytes())


@cache
def _categories() -> dict:
    return json.loads(resources.files(__package__).joinpath("data", "categories.json").read_bytes())


@cache
def rules_digest() -> str:
    """Return what names the rules as they are now: other rules, another name."""
    data = resources.files(__package__).joinpath("data")
    files = (data.joinpath(name).read_bytes() for name in ("categories.json", "sensitive.json"))
    return sha256(b"".join(sha256(one).digest() for one in files)).hexdigest()[:32]


@cache
def _types() -> dict[str, Category]:
    return {kind: Category(part) for part, kinds in _categories()["types"].items() for kind in kinds}


def _finding(rule: Mapping) -> Finding:
    return Finding(rule["label"], Category(rule["category"]), rule.get("confidentiality", "R"))


@cache
def _by_code() -> dict[tuple[str, str], tuple[Finding, ...]]:
    found: dict[tuple[str, str], tuple[Finding, ...]] = {}
    for rule in _sensitive()["lists"]:
        for system in rule.get("systems", ()):
            for code in rule.get("codes", ()):
                found[system, code] = (*found.get((system, code), ()), _finding(rule))
    return found


@cache
def _ranges() -> list[tuple[str, str, str, Finding]]:
    """Return (system, first, last, finding): codes that begin between first and last."""
    found: list[tuple[str, str, str, Finding]] = []
    for rule in _sensitive()["lists"]:
        for system in rule.get("systems", ()):
            found.extend((system, first, last, _finding(rule)) for first, last in rule.get("ranges", ()))
        for system, starts in rule.get("prefixes", {}).items():
            found.extend((system, start, start, _finding(rule)) for start in starts)
    return found


@cache
def _by_words() -> list[_Words]:
    """Return the word lists as patterns that match at the start of a word."""
    return [
        _Words(
            re.compile(r"\b(?:" + "|".join(re.escape(word) for word in rule["words"]) + ")"),
            frozenset(rule.get("fields", ())),
            _finding(rule),
        )
        for rule in _sensitive()["lists"]
        if "words" in rule
    ]
