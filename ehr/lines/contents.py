"""What lies in an entry beside its line: a file, a text in somebody's own words. Narrative HTML is never among it."""

import base64
import binascii
from collections.abc import Mapping


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
    """Return a plain text that stands inside a document, or the notes on another entry; "" without either."""
    file = attachment(resource)
    if str(file.get("contentType", "")).startswith("text/plain") and isinstance(file.get("data"), str):
        try:
            return base64.b64decode(file["data"], validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return ""
    notes = resource.get("note")
    texts = (
        [str(note.get("text", "")) for note in notes if isinstance(note, Mapping)] if isinstance(notes, list) else []
    )
    return "\n".join(text for text in texts if text)
