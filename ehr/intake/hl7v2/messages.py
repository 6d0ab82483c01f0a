"""Which message is read how: the header held against what is taken here, then each kind by its own module."""

import re

from ..delivery import Delivery
from . import documents, immunizations, persons, results, stated, visits
from .er7 import (
    MISSING,
    OTHER_EVENT,
    OTHER_PROCESSING,
    OTHER_TYPE,
    OTHER_VERSION,
    SEQUENCE,
    Message,
    Unreadable,
)
from .sender import Sender
from .values import moment

EVENTS = {
    "ADT": frozenset({"A01", "A02", "A03", "A04", "A08", "A11", "A12", "A13", "A28", "A31", "A34", "A40"}),
    "ORU": frozenset({"R01"}),
    "MDM": frozenset({"T02", "T04", "T06", "T08", "T10"}),
    "VXU": frozenset({"V04"}),
}
EVERYWHERE = frozenset({"MSH", "PID", "NK1", "PV1", "PV2"}) | stated.READ
# What each kind of message is read for beside these.
READ = {
    "ADT": frozenset({"MRG", "OBX", "NTE"}),
    "ORU": frozenset({"ORC", "OBR", "OBX", "NTE", "SPM"}),
    "MDM": frozenset({"TXA", "OBX", "ORC", "OBR"}),  # an order is named beside a document; the document is what is read
    "VXU": frozenset({"ORC", "RXA", "RXR", "OBX", "NTE"}),
}
# What runs a hospital and says nothing of somebody's health: software, accounts, roles, timing, pagination.
LEFT_OUT = frozenset(
    {"SFT", "UAC", "EVN", "PD1", "ARV", "ROL", "PRT", "DB1", "DRG", "GT1", "IN2", "IN3", "ACC", "UB1", "UB2", "PDA"}
    | {"CTD", "FT1", "TQ1", "TQ2", "DSC", "CTI", "FAC", "PEO"}
)
MERGES = frozenset({"A34", "A40"})
_VERSION = re.compile(r"2\.(?:3(?:\.1)?|4|5(?:\.1)?|6|7(?:\.1)?|8(?:\.[12])?)")
LONGEST_CONTROL_ID = 199  # as version 2.8 allows; earlier ones say 20 and are not kept to it


def kind_of(message: Message) -> str:
    """Return "ORU^R01" of a message that is taken here, "" of any other."""
    code, event = message.kind
    return f"{code}^{event}" if event in EVENTS.get(code, ()) else ""


def check(message: Message) -> None:
    """Raise Unreadable for a message that is not taken here, whatever it says."""
    header, (code, event) = message.header, message.kind
    if not header.need(10) or len(message.control_id) > LONGEST_CONTROL_ID:
        raise Unreadable("MSH-10", f"must be at most {LONGEST_CONTROL_ID} characters.")
    if code not in EVENTS:
        raise Unreadable("MSH-9", f"must be one of: {', '.join(sorted(EVENTS))}.", OTHER_TYPE)
    if event not in EVENTS[code]:
        raise Unreadable("MSH-9.2", f"must be one of: {', '.join(sorted(EVENTS[code]))}.", OTHER_EVENT)
    if not _VERSION.fullmatch(message.version):
        raise Unreadable("MSH-12", "must be a version from 2.3 to 2.8.", OTHER_VERSION)
    if header.text(11).upper() != "P":
        raise Unreadable(
            "MSH-11", "must be P: what is only for training or a test is nobody's record.", OTHER_PROCESSING
        )


def read(message: Message, sender: Sender) -> Delivery:
    """Return what a message brings. Raises Unreadable."""
    check(message)
    code, event = message.kind
    _all_read(message, code)
    said_at = moment(message.header, 7, sender)
    person = persons.read(message, sender)
    delivery = Delivery(kind_of(message), person.resource, person.names, said_at=said_at if "T" in said_at else "")
    if code == "ORU":
        delivery.resources, delivery.files = results.read(message, person, sender)
    elif code == "MDM":
        delivery.resources, delivery.files = documents.read(message, person, sender)
    elif code == "VXU":
        delivery.resources, delivery.files = immunizations.read(message, person, sender)
    else:
        delivery.about_the_person = True
        delivery.resources = visits.read(message, event, person, sender)
        seen, delivery.files = results.beside_a_visit(message, person, sender)
        delivery.resources += seen
    delivery.resources += stated.read(message, person, sender)
    if event in MERGES and code == "ADT":
        delivery.former = _former(message, person.names, sender)
    return delivery


def _all_read(message: Message, code: str) -> None:
    """Raise Unreadable for a segment whose words would be lost. Those of a sender's own (Z…) are nobody else's."""
    known = EVERYWHERE | READ[code] | LEFT_OUT
    for segment in message.segments:
        if segment.name not in known and not segment.name.startswith("Z"):
            words = f"is not read in {code}, and what it says would be lost. Send it without, or ask for it to be read."
            raise Unreadable(segment.place(1).removesuffix("-1"), words, SEQUENCE)


def _former(message: Message, names: list[str], sender: Sender) -> list[str]:
    """Return the names that a merge gives up. Raises Unreadable where none is, or it is the one that stays."""
    found = persons.prior(message.only("MRG"), sender)
    if set(found) & set(names):
        raise Unreadable("MRG-1", "is the number that stays, too. It must be the one that is given up.", MISSING)
    return found
