"""The third layer: the rules FHIR writes in FHIRPath, compiled once and run on every node they are about.

A rule that fhirpathpy cannot compile or run says nothing: `uncompiled()` lists them, and a test holds that list.
"""

import contextlib
import io
import re
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

from fhirpathpy import compile as compile_fhirpath
from fhirpathpy.models import models

from . import definitions
from .problems import RULES, Problem
from .tree import Node

R4 = models["r4"]
# A group within a resource does not say what it is, and without that its `value` is no `valueString`. Told so of
# others, fhirpathpy answers nothing.
NAMED = frozenset({"Parameters.parameter"})
ABOUT_CONTAINED = frozenset({"dom-2", "dom-4", "dom-5"})


class Rule(NamedTuple):
    """One rule: FHIR's key ("obs-6"), its words, and the compiled question."""

    key: str
    words: str
    holds: Callable
    missing: tuple[str, ...] = ()  # without any one of these elements it holds
    given: tuple[str, ...] = ()  # with any one of these elements it holds

    def holds_at_a_glance(self, value: dict) -> bool:
        """True where presence alone settles it, which spares nine evaluations in ten. False says nothing."""
        if any(name in value for name in self.given):
            return True
        return any(not any(key.startswith((name, f"_{name}")) for key in value) for name in self.missing)


@cache
def rules_of(part: str) -> tuple[Rule, ...]:
    """Return the compiled rules of a part ("Observation", "Period")."""
    compiled = []
    for key, words, expression in definitions.rules().get(part, []):
        if (question := _compiled(expression, part)) is not None:
            compiled.append(Rule(key, words, question, *_alternatives(expression)))
    return tuple(compiled)


@cache
def rules_at(part: str, place: str) -> tuple[Rule, ...]:
    """Return the rules of a type and those of the place it stands at: an Address, and Organization.address."""
    return rules_of(part) if part == place else rules_of(part) + rules_of(place)


def _alternatives(expression: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return (missing, given) of a rule that reads "a.empty() or b.exists() or …"; nothing of any other rule.

    A path that begins at an element that is not there is empty.
    """
    terms = expression.split(" or ")
    if any(term.count("(") != term.count(")") for term in terms) or re.search(r"\b(and|implies|xor)\b", expression):
        return (), ()
    missing = [found[1] for term in terms if (found := re.fullmatch(r"([a-z]\w*)\.(?:.*\.)?empty\(\)", term.strip()))]
    given = [found[1] for term in terms if (found := re.fullmatch(r"([a-z]\w*)\.exists\(\)", term.strip()))]
    return tuple(missing), tuple(given)


@cache
def _compiled(expression: str, part: str = "") -> Callable | None:
    question: str | dict = expression.replace("hasValue()", "exists()")  # fhirpathpy has no hasValue
    if part in NAMED:
        question = {"base": part, "expression": question}
    try:
        return compile_fhirpath(question, R4)
    except Exception:  # noqa: BLE001 - the parser raises whatever its grammar meets
        return None


def uncompiled() -> set[str]:
    """Return the keys of the rules that fhirpathpy cannot compile."""
    return {key for found in definitions.rules().values() for key, _, text in found if _compiled(text) is None}


def check(resource: dict, nodes: list[Node]) -> list[Problem]:
    """Return the rules a resource breaks."""
    found = []
    quiet = io.StringIO()  # fhirpathpy prints its own warnings
    with contextlib.redirect_stdout(quiet):
        for node in nodes:
            for rule in rules_at(node.part, node.place):
                if rule.key in ABOUT_CONTAINED and "contained" not in resource:
                    continue
                if not rule.holds_at_a_glance(node.value) and _broken(rule, node.value, resource):
                    path = node.path()
                    found.append(Problem(path, f"{path} breaks rule {rule.key}: {rule.words}", RULES))
    return found


def _broken(rule: Rule, value: dict, resource: dict) -> bool:
    surroundings = {"resource": resource, "rootResource": resource, "context": value}
    try:
        answer = rule.holds(value, surroundings)
    except Exception:  # noqa: BLE001 - a question fhirpathpy cannot answer is not a breach
        return False
    return bool(answer) and answer[0] is False
