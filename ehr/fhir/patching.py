"""JSON Patch on a resource. Source: RFC 6902; pointers RFC 6901.

Our own few lines, not a package: decimals keep their zeros, the number of operations and the depth are bounded, and a
refusal names the operation and never the value.
"""

import copy
from collections.abc import Callable

from ehr.fhir import outcomes

MOST_OPERATIONS = 200
MOST_COPIED = 20_000  # values that a whole patch may copy: copies of copies double
_NEEDS_VALUE = frozenset({"add", "replace", "test"})
_NEEDS_FROM = frozenset({"move", "copy"})


class _Nowhere(Exception):
    """A pointer leads to nothing."""


def patched(resource: dict, patch: object) -> dict:
    """Return the resource after a patch, itself left as it is. Raises Refusal 400 or 422 naming the operation."""
    if not isinstance(patch, list) or not patch:
        raise outcomes.not_understood("A JSON Patch is a list of operations.", code="structure")
    if len(patch) > MOST_OPERATIONS:
        raise outcomes.not_understood(f"A patch has at most {MOST_OPERATIONS} operations.", code="too-costly")
    root = {"": copy.deepcopy(resource)}  # so that the whole document is a member, too
    copied = 0
    for number, operation in enumerate(patch):
        copied += _apply(root, operation, f"[{number}]")
        if copied > MOST_COPIED:
            raise _too_much()
    if not isinstance(root[""], dict):
        raise outcomes.Refusal(422, "processing", "After this patch nothing is left that could be a resource.")
    return root[""]


def _too_much() -> outcomes.Refusal:
    return outcomes.not_understood("This patch copies more than any resource holds.", code="too-costly")


def _apply(root: dict, operation: object, place: str) -> int:
    """Do one operation and return how many values it copied."""
    if not isinstance(operation, dict) or str(operation.get("op")) not in _OPERATIONS:
        words = f"Operation {place} has no op that is known: add, remove, replace, move, copy or test."
        raise outcomes.not_understood(words, at=place, code="structure")
    name = operation["op"]
    path, start = operation.get("path"), operation.get("from")
    if not _is_pointer(path) or (name in _NEEDS_FROM and not _is_pointer(start)):
        raise outcomes.not_understood(f"Operation {place} has no pointer.", at=place, code="structure")
    if name in _NEEDS_VALUE and "value" not in operation:
        raise outcomes.not_understood(f"Operation {place} has no value.", at=place, code="structure")
    try:
        done = _OPERATIONS[name](root, operation)
    except _Nowhere:
        words = f"Operation {place} points at what is not there. Read the resource again."
        raise outcomes.Refusal(422, "processing", words, at=place) from None
    if done is False:
        words = f"The test in operation {place} does not hold, so nothing was changed. Read the resource again."
        raise outcomes.Refusal(422, "conflict", words, at=place)
    return done if isinstance(done, int) and name == "copy" else 0


def _is_pointer(text: object) -> bool:
    return isinstance(text, str) and (text == "" or text.startswith("/")) and len(text) < 1000


def _steps(pointer: str) -> list[str]:
    """Return a pointer's steps, the document itself first."""
    return [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")]


def _holder(root: dict, pointer: str) -> tuple[dict | list, str]:
    *way, last = _steps(pointer)
    holder: object = root
    for step in way:
        holder = _member(holder, step)
    if not isinstance(holder, dict | list):
        raise _Nowhere
    return holder, last


def _member(holder: object, step: str) -> object:
    if isinstance(holder, dict) and step in holder:
        return holder[step]
    if isinstance(holder, list):
        return holder[_position(step, len(holder) - 1)]
    raise _Nowhere


def _position(step: str, last: int) -> int:
    if not (step.isascii() and step.isdigit()) or (len(step) > 1 and step[0] == "0") or len(step) > 6:
        raise _Nowhere
    if int(step) > last:
        raise _Nowhere
    return int(step)


def _get(root: dict, pointer: str) -> object:
    return _member(*_holder(root, pointer))


def _put(root: dict, pointer: str, value: object) -> None:
    holder, last = _holder(root, pointer)
    if isinstance(holder, dict):
        holder[last] = value
    else:
        holder.insert(len(holder) if last == "-" else _position(last, len(holder)), value)


def _take(root: dict, pointer: str) -> object:
    holder, last = _holder(root, pointer)
    value = _member(holder, last)
    if isinstance(holder, dict):
        del holder[last]
    else:
        del holder[int(last)]
    return value


# --- The six -------------------------------------------------------------------------------------
def _add(root: dict, operation: dict) -> None:
    _put(root, operation["path"], copy.deepcopy(operation["value"]))


def _remove(root: dict, operation: dict) -> None:
    _take(root, operation["path"])


def _replace(root: dict, operation: dict) -> None:
    holder, last = _holder(root, operation["path"])
    _member(holder, last)
    if isinstance(holder, dict):
        holder[last] = copy.deepcopy(operation["value"])
    else:
        holder[int(last)] = copy.deepcopy(operation["value"])


def _move(root: dict, operation: dict) -> None:
    if operation["path"].startswith(f"{operation['from']}/"):
        raise _Nowhere
    _put(root, operation["path"], _take(root, operation["from"]))


def _copy(root: dict, operation: dict) -> int:
    value = _get(root, operation["from"])
    size = _size(value)
    if size <= MOST_COPIED:
        _put(root, operation["path"], copy.deepcopy(value))
    return size


def _size(value: object) -> int:
    """Return how many values there are inside a value, itself included; more than may be copied also for one that is
    nested too deeply for any resource.
    """
    size, layer = 0, [value]
    for _level in range(100):
        size += len(layer)
        groups = [one.values() if isinstance(one, dict) else one for one in layer if isinstance(one, dict | list)]
        layer = [inner for group in groups for inner in group]
        if not layer or size > MOST_COPIED:
            return size
    return MOST_COPIED + 1


def _test(root: dict, operation: dict) -> bool:
    return _same(_get(root, operation["path"]), operation["value"])


def _same(one: object, other: object) -> bool:
    """Tell whether two JSON values are equal: numbers by value, and true is not 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return one == other


_OPERATIONS: dict[str, Callable[[dict, dict], object]] = {
    "add": _add,
    "remove": _remove,
    "replace": _replace,
    "move": _move,
    "copy": _copy,
    "test": _test,
}
