"""How much of a resource is shown: whole, a summary, or the elements that were named; marked where it is not whole.

Source: FHIR R4 search.html#summary, #elements. What is in a summary is as the R4B models have it.
"""

from functools import cache

from fhir.resources.R4B import get_fhir_model_class

from ehr.fhir import naming
from ehr.fhir.query import Asked
from ehr.r4 import definitions

_ALWAYS = frozenset({"resourceType", "id", "meta"})


def shaped(resource: dict, told: Asked) -> dict:
    """Return as much of a resource as is asked for."""
    if told.elements:
        kept = frozenset(told.elements) | _required(resource["resourceType"])
    elif told.summary == "true":
        kept = _summary(resource["resourceType"])
    elif told.summary == "text":
        kept = _required(resource["resourceType"]) | {"text"}
    elif told.summary == "data":
        kept = frozenset(resource) - {"text"}
    else:
        return resource
    kept |= _ALWAYS
    kind = resource["resourceType"]
    chosen = {name: value for name, value in resource.items() if not kept.isdisjoint(_names(kind, _plain(name)))}
    return chosen if len(chosen) == len(resource) else naming.tagged(chosen, naming.SUBSETTED)


def _plain(name: str) -> str:
    return name.removeprefix("_")


def _names(kind: str, name: str) -> tuple[str, ...]:
    """Return the names an element is asked for by: its own, and of a choice that of all its types: value, value[x]."""
    field = definitions.parts()[kind].get(name)
    return (name, field.choice, f"{field.choice}[x]") if field is not None and field.choice else (name,)


@cache
def _required(kind: str) -> frozenset[str]:
    """Return the elements without which a resource is none; of a choice, each of its names."""
    return frozenset(name for name, field in definitions.parts()[kind].items() if field.least > 0)


@cache
def _summary(kind: str) -> frozenset[str]:
    return frozenset(get_fhir_model_class(kind).summary_elements_sequence()) | _required(kind) | {"implicitRules"}
