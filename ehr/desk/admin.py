"""The worklists of the desk. Django's admin finds them here; their order is the desk's."""

from ehr.desk import (
    emergencies,
    inquiries,
    invitations,
    licences,
    oversight,
    people,
    places,
    recoveries,
    systems,
    teams,
    templates,
)

__all__ = [
    "emergencies",
    "inquiries",
    "invitations",
    "licences",
    "oversight",
    "people",
    "places",
    "recoveries",
    "systems",
    "teams",
    "templates",
]
