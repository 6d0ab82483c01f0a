"""Whether a resource is FHIR R4 (4.0.1): three layers, and what they miss; and whether it keeps its profile.

`Depth.QUICK` is the official JSON schema and our own checks (about 0.05 ms a resource); `Depth.FULL` adds the R4B
models, the FHIRPath rules (about 0.4 ms) and the profiles it declares. Nothing is stored on QUICK alone.
"""

from collections.abc import Iterable
from enum import Enum

from . import checks, definitions, invariants, model, profiles, schema, tree
from .problems import CHECKS, Problem, path_text

DEEPEST = 60
MOST_PROBLEMS = 20


class Depth(Enum):
    """How thoroughly to look."""

    QUICK = "quick"
    FULL = "full"


def check(
    resource: object, *, depth: Depth = Depth.FULL, container: dict | None = None, also: Iterable[str] = ()
) -> list[Problem]:
    """Return what is wrong with a resource, [] when nothing is; at most 20 problems, one per element.

    `container` is the resource that it stands in as a contained one; `also` are profiles by their short names that it
    is held to beside those it declares.
    """
    problem = _unreadable(resource)
    if problem is not None or not isinstance(resource, dict):
        return [problem] if problem else []
    found = schema.check(resource)
    nodes = tree.nodes(resource)
    own = checks.check(resource, nodes, container=container)
    # Where the schema already objects, types are not to be trusted: only what is missing is added.
    found += [problem for problem in own if problem.message.endswith("is missing.")] if found else own
    if not found and depth is Depth.FULL:
        found = model.check(resource) + invariants.check(resource, nodes) + profiles.check(resource, also=also)
    for steps, inner in tree.nested(resource):
        around = resource if steps[1] == "contained" else None
        found.extend(_moved(problem, steps) for problem in check(inner, depth=depth, container=around))
    return _one_per_element(found)


def _unreadable(resource: object) -> Problem | None:
    """Return why a resource cannot even be looked at."""
    if not isinstance(resource, dict):
        return Problem("", "This is not a resource: a FHIR resource is a JSON object.", CHECKS)
    kind = resource.get("resourceType")
    if not isinstance(kind, str) or not kind:
        return Problem("resourceType", "resourceType is missing, so nobody can tell what this is.", CHECKS)
    if kind not in definitions.resource_types():
        return Problem("resourceType", "resourceType is not a type that FHIR R4 has.", CHECKS)
    if _depth(resource) > DEEPEST:
        return Problem(kind, f"{kind} is nested more than {DEEPEST} levels deep.", CHECKS)
    return None


def _depth(value: object) -> int:
    """Return how deep a value is nested, without recursion, up to one more than is allowed."""
    level, layer = 0, [value]
    while layer and level <= DEEPEST:
        level += 1
        groups = [item.values() if isinstance(item, dict) else item for item in layer if isinstance(item, (dict, list))]
        layer = [inner for group in groups for inner in group if isinstance(inner, (dict, list))]
    return level


def _moved(problem: Problem, steps: tuple) -> Problem:
    """Return a nested resource's problem with its path seen from the outer one."""
    inner = problem.path.partition(".")[2] or problem.path
    path = f"{path_text(steps)}.{inner}" if inner else path_text(steps)
    return Problem(
        path, problem.message.replace(problem.path, path, 1) if problem.path else problem.message, problem.layer
    )


def _one_per_element(found: list[Problem]) -> list[Problem]:
    kept: dict[str, Problem] = {}
    for problem in found:
        kept.setdefault(problem.path, problem)
    return list(kept.values())[:MOST_PROBLEMS]
