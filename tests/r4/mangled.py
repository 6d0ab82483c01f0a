"""Resources with one thing replaced: what careless or hostile senders make of them."""

import copy
from collections.abc import Iterator

STRANGE = (None, [], {}, "x", 5, True, [None], [[]], [{}], {"coding": "x"}, {"coding": [None]}, {"reference": 5})


def steps(value: object, path: tuple = ()) -> Iterator[tuple]:
    """Yield the path of every value inside a resource."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*path, key)
        yield from steps(inner, (*path, key))


def with_one_replaced(resource: dict, path: tuple, strange: object) -> dict:
    """Return a copy in which the value at a path is another."""
    changed = copy.deepcopy(resource)
    holder = changed
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = copy.deepcopy(strange)
    return changed


def with_one_left_out(resource: dict, path: tuple) -> dict:
    """Return a copy without the value at a path."""
    changed = copy.deepcopy(resource)
    holder = changed
    for key in path[:-1]:
        holder = holder[key]
    del holder[path[-1]]
    return changed
