"""MDM: a document as DocumentReference, its text or file sealed beside it; each further file as one that adds to it.

Source: HL7 v2.8.2 chapter 9, tables 0271 and 0273; HL7 v2-to-FHIR 1.0 (TXA map).
"""

from dataclasses import dataclass

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
TEXT = "text/plain; charset=UTF-8"
# What T10 sends takes the place of the document that TXA-13 names; an addendum (T06) and the others add to it.
REPLACEMENT = "T10"


@dataclass(frozen=True)
class Part:
    """One file of a document, or its text. A document has one, or several: an annex, a letter beside its picture."""

    content: bytes
    media_type: str
    title: str = ""
    url: str = ""  # where the file lies, for one that was not sent along


def read(message: Message, person: Person, sender: Sender) -> tuple[list[dict], dict[str, bytes]]:
    """Return the document of a message, a further one for each part after the first, and their contents by name.

    Raises Unreadable.
    """
    txa = message.only("TXA")
    if not (number := txa.text(12)):
        raise Unreadable(txa.place(12), "is missing: a document is known by its number.", MISSING)
    id_ = name_of("DocumentReference", number, txa.text(12, 2))
    status = coded(txa, 19, AVAILABLE, otherwise="current")
    kind = concept(txa.first(2), sender)
    title = txa.text(25) or kind.get("text", "")
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
        "relatesTo": _related(message, txa),
        "context": _context(message, txa, sender),
    }
    resources, files = [], {}
    for place, part in enumerate(_withdrawn(message) if status == "entered-in-error" else _parts(message), 1):
        made = said | (_further(said, place, part) if place > 1 else {})
        made["content"] = [{"attachment": _attachment(part, made["description"])}]
        resources.append({name: value for name, value in made.items() if value not in ("", [], {})})
        if part.content:
            files[f"DocumentReference/{made['id']}"] = part.content
    return resources, files


def _further(first: dict, place: int, part: Part) -> dict:
    """Return what a further part says of its own: its name, its title, and to which document it belongs."""
    target = {"reference": f"DocumentReference/{first['id']}"}
    return {
        "id": name_of(first["id"], str(place)),
        "description": part.title or first["description"],
        "relatesTo": [{"code": "appends", "target": target}],
    }


def _attachment(part: Part, title: str) -> dict:
    if part.content:
        return described(part.content, part.media_type, title)
    return {"contentType": part.media_type} | ({"url": part.url} if part.url else {})


def _related(message: Message, txa: Segment) -> list[dict]:
    parent = txa.text(13)
    if not parent or parent == txa.text(12):
        return []
    code = "replaces" if message.kind[1] == REPLACEMENT else "appends"
    target = f"DocumentReference/{name_of('DocumentReference', parent, txa.text(13, 2))}"
    return [{"code": code, "target": {"reference": target}}]


def _context(message: Message, txa: Segment, sender: Sender) -> dict:
    visit = visit_reference(message, sender)
    start = moment(txa, 4, sender)
    return ({"encounter": [visit["encounter"]]} if visit else {}) | ({"period": {"start": start}} if start else {})


def _parts(message: Message) -> list[Part]:
    """Return what the OBX of a document hold: its files, its lines of text as one. Raises Unreadable."""
    lines = message.named("OBX")
    if not lines:
        raise Unreadable("OBX", "is missing: there is no document.", MISSING)
    files = [_file(obx) for obx in lines if _is_file(obx)]
    text = "\n".join(obx.whole(5) for obx in lines if not _is_file(obx)).strip()
    sent = [one for one in files if one.content] + ([Part(text.encode(), TEXT)] if text else [])
    if not sent and files:
        raise Unreadable(lines[0].place(5), "must be the document itself.", MISSING)
    if not sent:
        raise Unreadable(lines[0].place(5), "is missing: the document has no text.", MISSING)
    return sent + [one for one in files if not one.content]


def _withdrawn(message: Message) -> list[Part]:
    """Return the parts of a document that was no document after all: as many as were sent, none with its content."""
    lines = message.named("OBX")
    files = sum(map(_is_file, lines))
    return [Part(b"", "text/plain")] * max(1, files + (files < len(lines)))


def _is_file(obx: Segment) -> bool:
    return obx.text(2).upper() in ("ED", "RP")


def _file(obx: Segment) -> Part:
    found = obx.first(5)
    content, media_type = decoded(obx, found)
    return Part(content, media_type, obx.text(3, 2), url="" if content else found.text(1))
