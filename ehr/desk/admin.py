"""The worklists of the desk. Django's admin finds them here; their order is the desk's."""

from ehr.desk import (
    delegations,
    emergencies,
    explaining,
    feeds,
    inquiries,
    invitations,
    joinings,
    licences,
    oversight,
    people,
    places,
    programs,
    recoveries,
    systems,
    teams,
    templates,
)

__all__ = [
    "delegations",
    "emergencies",
    "explaining",
    "feeds",
    "inquiries",
    "invitations",
    "joinings",
    "licences",
    "oversight",
    "people",
    "places",
    "programs",
    "recoveries",
    "systems",
    "teams",
    "templates",
]
