"""The types this face answers for, and how they refer to each other. A type is here if it can be part of a record."""

from functools import cache

from django.conf import settings

from ehr.catalogue import rules as catalogue
from ehr.fhir import outcomes
from ehr.r4 import parameters
from research.fhir import STUDY


def base() -> str:
    """Return the address that everything of this face is under, without a slash at its end."""
    return f"{settings.SITE_URL.rstrip('/')}/fhir"


@cache
def kept() -> tuple[str, ...]:
    """Return the types, sorted."""
    return tuple(sorted(kind for kind in catalogue.OWNERS if parameters.supported(kind)))


@cache
def answered() -> tuple[str, ...]:
    """Return the types that can be searched, sorted: those that are kept, and studies, which are nobody's record."""
    return tuple(sorted({*kept(), STUDY}))


def searched(kind: str) -> str:
    """Return a type that can be searched. Raises Refusal 404."""
    return kind if kind in answered() else known(kind)


def known(kind: str) -> str:
    """Return a type that is kept here. Raises Refusal 404."""
    if kind not in kept():
        raise outcomes.no_such_type()
    return kind


@cache
def links_of(kind: str) -> tuple[str, ...]:
    """Return what `_include` may follow from a type: "Observation:subject"."""
    return tuple(f"{kind}:{code}" for code, one in parameters.supported(kind).items() if one.type == "reference")


@cache
def links_to(kind: str) -> tuple[str, ...]:
    """Return what `_revinclude` may follow to a type: "Provenance:target"."""
    return tuple(
        f"{other}:{code}"
        for other in kept()
        for code, one in parameters.supported(other).items()
        if one.type == "reference" and (not one.targets or kind in one.targets)
    )
