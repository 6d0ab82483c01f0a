"""Defects planted in examples by what their profile asks for: every requirement an example meets, broken once."""

import copy
from collections.abc import Iterator

from ehr.r4 import profiles
from ehr.r4.profiles import Element, Given

NOWHERE = "http://example.org/nowhere"


def defects(name: str, resource: dict) -> Iterator[tuple[str, dict]]:
    """Yield (what was done, the resource with it done) for all that one profile asks of one resource."""
    kind = resource["resourceType"]
    for what, steps, change in _in(profiles.tree(name), Given((kind,), kind, resource)):
        broken = copy.deepcopy(resource)
        holder = broken
        for step in steps[1:-1]:
            holder = holder[step]
        change(holder, steps[-1])
        yield f"{what} {profiles.path_text(steps)}", broken


def _in(element: Element, at: Given, *, telling: frozenset[str] = frozenset()) -> Iterator[tuple]:
    """Yield (what, steps, change) of each requirement met inside one value, but for what tells its slice apart."""
    if isinstance(at.value, dict):
        for child in element.children.values():
            if child.name not in telling:
                given = list(profiles._given(child, at.value, at.steps))
                yield from _of_all(child, given)
                yield from _sliced(child, given)


def _of_all(child: Element, given: list[Given]) -> Iterator[tuple]:
    if child.least and len(given) == child.least:
        yield ("without", given[0].steps, _remove)
    for one in given:
        yield from _of(child, one)


def _sliced(child: Element, given: list[Given]) -> Iterator[tuple]:
    for wanted in child.slices.values():
        mine = [one for one in given if profiles._belongs(wanted, child.by, one)]
        if wanted.least and len(mine) == wanted.least and not wanted.key:
            yield ("without the slice of", mine[0].steps, _remove)
        for one in mine:
            # Broken, these make it another slice's, or nobody's: what an open list allows.
            yield from _in(wanted, one, telling=frozenset(path.split(".")[0] for _kind, path in child.by))
            if wanted.extension:
                yield from _in(profiles.tree(wanted.extension), one, telling=frozenset({"url"}))


def _of(element: Element, one: Given) -> Iterator[tuple]:
    if one.value is None:
        return
    if element.only and not element.only >= set(element.names):
        yield ("another type of", one.steps, _retyped)
    if element.fixed is not None or element.pattern is not None:
        yield ("another value of", one.steps, _other)
    elif element.bound and _has_code(one.value):
        yield ("a code from nowhere in", one.steps, _unbound)
    elif element.targets and isinstance(one.value, dict) and one.value.get("reference"):
        yield ("a reference to a Slot in", one.steps, _misdirected)
    yield from _in(element, one)


def _has_code(value: object) -> bool:
    return isinstance(value, str) or (isinstance(value, dict) and ("coding" in value or "code" in value))


def _remove(holder, step) -> None:
    del holder[step]
    if isinstance(holder, dict):
        holder.pop(f"_{step}", None)


def _retyped(holder, step) -> None:
    del holder[step]
    stem = next(name for name in ("value", "effective", "medication", "onset", "performed") if step.startswith(name))
    holder[f"{stem}Time" if f"{stem}Time" != step else f"{stem}String"] = "09:30:00"


def _other(holder, step) -> None:
    holder[step] = "another" if isinstance(holder[step], str) else {"text": "another"}


def _unbound(holder, step) -> None:
    value = holder[step]
    if isinstance(value, str):
        holder[step] = "nowhere"
    elif "coding" in value:
        value["coding"] = [{"system": NOWHERE, "code": "nowhere"}]
    else:
        value.update(system=NOWHERE, code="nowhere")


def _misdirected(holder, step) -> None:
    holder[step] = {"reference": "Slot/1"}
