"""A C-CDA document, read: its patient, its sections, and the document itself."""

from collections.abc import Callable
from xml.etree.ElementTree import Element

from ..delivery import Delivery
from ..hl7v2.observations import described
from ..hl7v2.sender import Sender
from ..refusals import Refused
from . import entries, header, treatments, xml
from .values import Reading, moment, plain
from .xml import text_of

# Sections by their LOINC codes.
SECTIONS: dict[str, Callable[[Element, Reading], None]] = {
    "11450-4": entries.problem,
    "48765-2": entries.allergy,
    "30954-2": entries.result,
    "8716-3": entries.vital,
    "29762-2": entries.social,
    "47519-4": entries.procedure,
    "46240-8": entries.visit,
    "10160-0": treatments.medication,
    "11369-6": treatments.immunization,
}
NOTE_TEMPLATE = "2.16.840.1.113883.10.20.22.4.202"
_MOST_TEXT = 200_000


def read(content: bytes, sender: Sender) -> tuple[Delivery, str]:
    """Return what a document brings and the number by which it is known. Raises Refused."""
    root = xml.read(content)
    if root.tag != "ClinicalDocument":
        raise Refused("The document is no ClinicalDocument of HL7 v3.")
    number = "^".join(part for part in header.document_id(root) if part)
    reading, delivery = _read(root, content, Reading(sender))
    while reading.clashing:
        # Some write one number on many entries. Which do is known only at the end, so the document is read again; a
        # report may turn out to share its number once its results no longer do.
        reading, delivery = _read(root, content, Reading(sender, reading.shared | reading.clashing))
    return delivery, number


def _read(root: Element, content: bytes, reading: Reading) -> tuple[Reading, Delivery]:
    """Read a whole document."""
    person, names = header.person(root, reading)
    reading.subject = {"reference": names[0]}
    header.whole(root, content, reading, described)
    for section in root.iterfind("component/structuredBody/component/section"):
        _section(section, reading)
    said_at = moment(root.find("effectiveTime"), reading)
    delivery = Delivery("C-CDA", person, names, said_at=said_at if "T" in said_at else "")
    delivery.resources, delivery.files = reading.resources, reading.files
    return reading, delivery


def _section(section: Element, reading: Reading) -> None:
    """Read one section's entries, and those of the sections inside it."""
    reading.texts = _texts(section)
    reader = SECTIONS.get(plain(section.find("code")))
    for entry in section.findall("entry"):
        if reader is not None:
            reader(entry, reading)
        elif _is_note(entry):
            entries.note(entry, reading)
    for inner in section.iterfind("component/section"):
        _section(inner, reading)


def _is_note(entry: Element) -> bool:
    return any(one.get("root") == NOTE_TEMPLATE for one in entry.findall("act/templateId"))


def _texts(section: Element) -> dict[str, str]:
    """Return the texts of a section's narrative by the ids that entries refer to."""
    narrative = section.find("text")
    if narrative is None:
        return {}
    return {one.get("ID", ""): text_of(one)[:_MOST_TEXT] for one in narrative.iter() if one.get("ID")}
