"""FHIR's status codes as words. What goes without saying ("final", "completed") says nothing."""

from django.utils.translation import gettext_lazy as _

WORDS = {
    "active": _("Active"),
    "recurrence": _("Came back"),
    "relapse": _("Came back"),
    "inactive": _("No longer active"),
    "remission": _("In remission"),
    "resolved": _("Resolved"),
    "unconfirmed": _("Not confirmed"),
    "provisional": _("Provisional"),
    "differential": _("One of several possibilities"),
    "refuted": _("Ruled out"),
    "entered-in-error": _("Entered in error"),
    "draft": _("Draft"),
    "on-hold": _("On hold"),
    "suspended": _("Paused"),
    "stopped": _("Stopped"),
    "cancelled": _("Cancelled"),
    "canceled": _("Cancelled"),
    "revoked": _("Withdrawn"),
    "abandoned": _("Given up"),
    "aborted": _("Broken off"),
    "preliminary": _("Preliminary"),
    "registered": _("Expected"),
    "partial": _("Part of the result"),
    "amended": _("Changed after it was final"),
    "corrected": _("Corrected"),
    "appended": _("Added to"),
    "not-done": _("Not done"),
    "not-taken": _("Not taken"),
    "intended": _("Planned"),
    "preparation": _("Being prepared"),
    "planned": _("Planned"),
    "proposed": _("Proposed"),
    "arrived": _("Arrived"),
    "triaged": _("Seen on arrival"),
    "onleave": _("On leave"),
    "in-progress": _("Under way"),
    "accepted": _("Agreed"),
    "rejected": _("Not agreed"),
    "declined": _("Declined"),
    "superseded": _("Replaced by a newer one"),
    "booked": _("Booked"),
    "noshow": _("Not attended"),
    "pending": _("Pending"),
    "waitlist": _("On the waiting list"),
    "unknown": _("Not known"),
    "achieved": _("Reached"),
    "improving": _("Improving"),
    "worsening": _("Getting worse"),
    "no-change": _("No change"),
    "not-achieved": _("Not reached"),
    "sustaining": _("Kept up"),
    "no-progress": _("No progress"),
    "not-attainable": _("Cannot be reached"),
    "error": _("Something went wrong"),
    "unavailable": _("Not available"),
    "unsatisfactory": _("Not usable"),
    "low": _("Low"),
    "high": _("High"),
    "unable-to-assess": _("Not assessed"),
    # These go without saying where they stand:
    "final": "",
    "completed": "",
    "complete": "",
    "finished": "",
    "available": "",
    "current": "",
    "confirmed": "",
    "normal": "",
    "fulfilled": "",
}


def word(code: object) -> str:
    """Return a status in words, "" for what goes without saying or is not known."""
    return str(WORDS.get(str(code), ""))


def said(code: object, otherwise: str = "") -> str:
    """Return a status in words even where it goes without saying."""
    return word(code) or otherwise


def coded(concept: object) -> str:
    """Return the first code of a status that is a CodeableConcept (`clinicalStatus`), "" without one."""
    for coding in (concept.get("coding") or ()) if isinstance(concept, dict) else ():
        if coding.get("code"):
            return str(coding["code"])
    return ""
