"""The headings under which lines of a record stand, in the order of what matters most to the person it is about."""

import base64
import binascii
from collections.abc import Mapping

from django.utils.translation import gettext_lazy as _

_HEADINGS = {
    "allergy": _("Allergies"),
    "problem": _("Conditions"),
    "medicine": _("Medicines"),
    "result": _("Results and measurements"),
    "report": _("Reports"),
    "image": _("Scans and pictures"),
    "sample": _("Samples"),
    "vaccination": _("Vaccinations"),
    "procedure": _("Operations and procedures"),
    "visit": _("Visits"),
    "appointment": _("Appointments"),
    "plan": _("Care plans"),
    "goal": _("Goals"),
    "request": _("Referrals and orders"),
    "team": _("Care teams"),
    "note": _("Notes and documents"),
    "answers": _("Questionnaires"),
    "family": _("Illnesses in your family"),
    "person": _("People"),
    "insurance": _("Insurance"),
    "bill": _("Bills"),
    "device": _("Devices"),
    "clinician": _("Clinicians"),
    "place": _("Places"),
    "product": _("Products"),
    "task": _("Tasks"),
    "origin": _("Where entries came from"),
}
_OTHER = _("Other entries")
_ORDER = {kind: place for place, kind in enumerate(_HEADINGS)}


def heading(kind: str) -> str:
    """Return the heading of a kind of line."""
    return str(_HEADINGS.get(kind, _OTHER))


def rank(kind: str) -> int:
    """Return where a kind stands on a page; what has no heading of its own comes last."""
    return _ORDER.get(kind, len(_ORDER))


def attachment(resource: Mapping) -> Mapping:
    """Return what a DocumentReference says about its first file; empty for everything else."""
    content = resource.get("content") if resource.get("resourceType") == "DocumentReference" else None
    first = content[0] if isinstance(content, list) and content else {}
    return first.get("attachment") or {}


def has_file(resource: Mapping) -> bool:
    """Tell whether a file lies sealed beside the entry: it has a size and is neither inside it nor elsewhere."""
    file = attachment(resource)
    return bool(file.get("size")) and not file.get("data") and not file.get("url")


def own_words(resource: Mapping) -> str:
    """Return a plain text that stands inside a document, or the notes on another entry; never narrative HTML."""
    file = attachment(resource)
    if str(file.get("contentType", "")).startswith("text/plain") and isinstance(file.get("data"), str):
        try:
            return base64.b64decode(file["data"], validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return ""
    notes = resource.get("note")
    texts = [note.get("text", "") for note in notes if isinstance(note, Mapping)] if isinstance(notes, list) else []
    return "\n".join(texts)
