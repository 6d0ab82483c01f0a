"""MDM: a document as DocumentReference, its text or file sealed beside it.

Source: HL7 v2.8.2 chapter 9, tables 0271 and 0273; HL7 v2-to-FHIR 1.0 (TXA map).
"""

from .er7 import MISSING, Message, Segment, Unreadable
from .observations import decoded, described
from .persons import Person
from .sender import Sender
from .values import coded, concept, instant, moment, name_of, person_words
from .visits import reference as visit_reference

# Table 0271: how far a document is.
STATES = {
    "DI": "preliminary", "DO": "preliminary", "IP": "preliminary", "IN": "preliminary", "PA": "preliminary",
    "AU": "final", "LA": "final",
}  # fmt: skip
# Table 0273: whether it is to be used.
AVAILABLE = {"AV": "current", "OB": "superseded", "CA": "entered-in-error", "UN": "current"}


def read(message: Message, person: Person, sender: Sender) -> tuple[list[dict], dict[str, bytes]]:
    """Return the document of a message, and its content by name. Raises Unreadable."""
    txa = message.only("TXA")
    if not (number := txa.text(12)):
        raise Unreadable(txa.place(12), "is missing: a document is known by its number.", MISSING)
    id_ = name_of("DocumentReference", number, txa.text(12, 2))
    status = coded(txa, 19, AVAILABLE, otherwise="current")
    kind = concept(txa.first(2), sender)
    title = txa.text(25) or kind.get("text", "")
    content, media_type = (b"", "text/plain") if status == "entered-in-error" else _content(message)
    attachment = described(content, media_type, title) if content else {"contentType": media_type}
    said: dict = {
        "resourceType": "DocumentReference",
        "id": id_,
        "identifier": [{"system": sender.own_system(txa.text(12, 2) or "documents"), "value": number}],
        "status": status,
        "docStatus": "entered-in-error" if status == "entered-in-error" else coded(txa, 17, STATES, otherwise="final"),
        "type": kind,
        "subject": person.reference,
        "date": instant(txa, 8, sender) or instant(txa, 6, sender) or instant(txa, 4, sender),
        "author": [{"display": words} for one in txa.repeats(9) if (words := person_words(one))],
        "description": title,
        "relatesTo": _replaced(txa),
        "content": [{"attachment": attachment}],
        "context": _context(message, txa, sender),
    }
    resource = {name: value for name, value in said.items() if value not in ("", [], {})}
    return [resource], ({f"DocumentReference/{id_}": content} if content else {})


def _replaced(txa: Segment) -> list[dict]:
    parent = txa.text(13)
    if not parent or parent == txa.text(12):
        return []
    target = f"DocumentReference/{name_of('DocumentReference', parent, txa.text(13, 2))}"
    return [{"code": "appends", "target": {"reference": target}}]


def _context(message: Message, txa: Segment, sender: Sender) -> dict:
    visit = visit_reference(message, sender)
    start = moment(txa, 4, sender)
    return ({"encounter": [visit["encounter"]]} if visit else {}) | ({"period": {"start": start}} if start else {})


def _content(message: Message) -> tuple[bytes, str]:
    """Return what the OBX of a document hold: one file, or lines of text. Raises Unreadable."""
    parts = message.named("OBX")
    if not parts:
        raise Unreadable("OBX", "is missing: there is no document.", MISSING)
    files = [obx for obx in parts if obx.text(2).upper() in ("ED", "RP")]
    if files:
        content, kind = decoded(files[0], files[0].first(5))
        if not content:
            raise Unreadable(files[0].place(5), "must be the document itself.", MISSING)
        return content, kind
    text = "\n".join(obx.whole(5) for obx in parts).strip()
    if not text:
        raise Unreadable(parts[0].place(5), "is missing: the document has no text.", MISSING)
    return text.encode(), "text/plain; charset=UTF-8"
