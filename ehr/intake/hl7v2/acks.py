"""Answers to messages: AA, AE or AR with a reason that names the place and the rule, never what stood there.

Original mode answers what became of the message. In enhanced mode (MSH-15, MSH-16) a sender asks for a receipt (CA, CE,
CR), for what became of it, or both, always or only when it went well or wrong. A receipt here, too, is given only once
everything is stored. Source: HL7 v2.8.2 chapter 2, sections 2.9.2, 2.9.3 and 2.14.5; tables 0008, 0155, 0357.
"""

import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from . import er7
from .er7 import Message, Separators, Unreadable

ACCEPTED, ERROR, REJECTED = "AA", "AE", "AR"
WORDS = {
    er7.SEQUENCE: "Segment sequence error",
    er7.MISSING: "Required field missing",
    er7.TYPE: "Data type error",
    er7.VALUE: "Table value not found",
    er7.OTHER_TYPE: "Unsupported message type",
    er7.OTHER_EVENT: "Unsupported event code",
    er7.OTHER_PROCESSING: "Unsupported processing id",
    er7.OTHER_VERSION: "Unsupported version id",
    er7.UNKNOWN_KEY: "Unknown key identifier",
    er7.DUPLICATE_KEY: "Duplicate key identifier",
    er7.LOCKED: "Application record locked",
    er7.INTERNAL: "Application internal error",
}
# Refused for what kind of message it is: sending the same again will never do.
REJECTING = frozenset({er7.OTHER_TYPE, er7.OTHER_EVENT, er7.OTHER_PROCESSING, er7.OTHER_VERSION, er7.INTERNAL})
_PLACE = re.compile(r"([A-Z][A-Z0-9]{2})(?:\[(\d+)\])?(?:-(\d+)(?:\.(\d+))?)?")


@dataclass(frozen=True)
class Said:
    """What is wrong: the place, the rule and its code in table 0357."""

    where: str
    words: str
    code: str = er7.TYPE


@dataclass(frozen=True)
class Header:
    """What an answer takes from the message: as much as can be read of a broken one."""

    control_id: str = ""
    event: str = ""
    version: str = "2.5.1"
    processing: str = "P"
    sender: tuple[str, str] = ("", "")  # MSH-3, MSH-4
    addressee: tuple[str, str] = ("", "")
    accept: str = ""
    application: str = ""
    marks: Separators = field(default_factory=Separators)


def header_of(message: Message) -> Header:
    """Return what an answer needs of a message."""
    head = message.header
    version = head.text(12)
    return Header(
        control_id=head.text(10),
        event=head.text(9, 2),
        version=version if re.fullmatch(r"2\.\d(\.\d)?", version) else "2.5.1",
        processing=head.text(11) or "P",
        sender=(head.text(3), head.text(4)),
        addressee=(head.text(5), head.text(6)),
        accept=head.text(15).upper(),
        application=head.text(16).upper(),
        marks=message.separators,
    )


def header_of_broken(content: bytes) -> Header:
    """Return what can be read of a message that cannot be: its control id, so that the sender knows which it was."""
    try:
        first = re.split(rb"[\r\n]", content.strip(b"\x0b\x1c\r\n"), maxsplit=1)[0][:2000]
        return header_of(er7.parse(first, codec="latin-1"))
    except Unreadable:
        return Header()


def answers(header: Header, code: str, problems: Sequence[Said], *, at: datetime) -> list[bytes]:
    """Return what is sent back: one answer in original mode; what was asked for, receipt first, in enhanced mode."""
    if not header.accept and not header.application:
        return [acknowledgement(header, code, problems, at=at)]
    wanted = []
    if _is_wanted(header.accept, code):
        wanted.append(acknowledgement(header, "C" + code[1], problems, at=at))
    if _is_wanted(header.application, code):
        wanted.append(acknowledgement(header, code, problems, at=at))
    return wanted


def _is_wanted(condition: str, code: str) -> bool:
    return {"AL": True, "SU": code == ACCEPTED, "ER": code != ACCEPTED}.get(condition, False)


def unavailable(header: Header, words: str) -> bytes:
    """Return the answer of a server that cannot do anything now, not even say what time it is."""
    return acknowledgement(header, REJECTED, [Said("MSH", words, er7.INTERNAL)], at=None)


def acknowledgement(header: Header, code: str, problems: Sequence[Said], *, at: datetime | None) -> bytes:
    """Return one ACK message in UTF-8."""
    own = header.addressee if any(header.addressee) else ("CHARTSEAL", "")
    kind = ("ACK", header.event, "ACK") if header.version >= "2.4" else ("ACK", header.event)
    when, number = f"{at:%Y%m%d%H%M%S}+0000" if at else "", uuid.uuid4().hex[:20]
    head = ["MSH", *own, *header.sender, when, "", kind if header.event else "ACK", number, header.processing]
    msh = [*head, header.version, "", "", "", "", "", "UNICODE UTF-8"]
    words = _sentence(problems[0]) if problems else ""
    msa = ["MSA", code, header.control_id, words if header.version < "2.7" else ""]
    errors = [_error(one, header.version) for one in problems[:10]]
    return er7.write([msh, msa, *errors], header.marks)


def _sentence(said: Said) -> str:
    return f"{said.where} {said.words}".strip()


def _error(said: Said, version: str) -> list:
    """Return an ERR segment: a location and a code, in the form of the sender's version."""
    segment, number, field_number, component = place(said.where)
    reason = (said.code, WORDS.get(said.code, ""), "HL70357")
    if version < "2.5":
        return ["ERR", (segment, number, field_number, reason)]
    location = (segment, number, field_number, "1" if field_number else "", component)
    return ["ERR", "", location if segment else "", reason, "E", "", "", "", _sentence(said)]


def place(where: str) -> tuple[str, str, str, str]:
    """Return (segment, which one, field, component) of a place like "OBX[3]-5.1"; empty where it is none."""
    found = _PLACE.match(where)
    if found is None:
        return "", "", "", ""
    return found[1], found[2] or "1", found[3] or "", found[4] or ""
