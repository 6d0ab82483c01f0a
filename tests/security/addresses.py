"""Every address of the project, by name, with what must stand in it."""

import uuid
from functools import cache
from types import MappingProxyType

from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.converters import IntConverter, StringConverter, UUIDConverter


def addresses() -> dict[str, list[str]]:
    """Return every named address of the URLconf with the names of its parameters."""
    return {name: list(converters) for name, converters in _known().items()}


def nothing(name: str, parameter: str) -> object:
    """Return what may stand in an address and names nothing that there is."""
    return {UUIDConverter: uuid.UUID(int=0), IntConverter: 0}.get(type(_known()[name][parameter]), "nothing-like-this")


@cache
def _known() -> MappingProxyType[str, dict[str, StringConverter]]:
    found: dict[str, dict[str, StringConverter]] = {}
    _walk(get_resolver().url_patterns, "", {}, found)
    return MappingProxyType(found)


def _walk(patterns, space: str, parameters: dict[str, StringConverter], found: dict) -> None:
    for one in patterns:
        more = parameters | one.pattern.converters
        if isinstance(one, URLResolver):
            inner = f"{space}{one.namespace}:" if one.namespace else space
            _walk(one.url_patterns, inner, more, found)
        elif isinstance(one, URLPattern):
            if not one.name:
                raise AssertionError(f"{one.pattern} has no name, so no table can list it.")
            found[space + one.name] = more
