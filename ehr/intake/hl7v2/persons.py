"""PID (and PD1, NK1) as a Patient: who the message is about, and by which numbers they are found.

Source: HL7 v2.8.2 chapter 3; HL7 v2-to-FHIR 1.0 (PID map).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from ehr.r4.identity import says_something

from .er7 import MISSING, Message, Repeat, Segment, Unreadable
from .sender import Sender
from .values import GENDERS, address, authority, coded, contact, day, human_name, moment, name_of

TYPES = "http://terminology.hl7.org/CodeSystem/v2-0203"
# Identifiers that are not the person's own, or not theirs alone: accounts, visits, cheques, employers, families.
_NOT_THEIRS = frozenset({"AN", "VN", "AM", "BA", "CZ", "EI", "EN", "FI", "GI", "PHC", "RRI", "U", "VS", "XX"})


@dataclass
class Person:
    """Whom a message is about: the Patient as it reads, and every name under which this sender knows them."""

    resource: dict
    names: list[str] = field(default_factory=list)  # "Patient/id", the first the one that entries refer to

    @property
    def reference(self) -> dict[str, str]:
        return {"reference": self.names[0]}


def read(message: Message, sender: Sender) -> Person:
    """Return whom a message is about. Raises Unreadable, where it names nobody or two."""
    return of_segment(message.only("PID"), sender, kin=message.named("NK1"))


def of_segment(pid: Segment, sender: Sender, *, kin: list[Segment] | None = None) -> Person:
    """Return the person in a PID segment. Raises Unreadable where no number or no birth date is said."""
    numbers = list(_numbers(pid, sender))
    if not numbers:
        raise Unreadable(pid.place(3), "is missing: a person is found by their number alone.", MISSING)
    born = day(pid, 7, sender)
    if not born:
        raise Unreadable(pid.place(7), "is missing: nobody is matched without a birth date.", MISSING)
    names = [f"Patient/{name_of('Patient', *number[:2])}" for number in numbers]
    said: dict = {
        "resourceType": "Patient",
        "id": names[0].removeprefix("Patient/"),
        "identifier": [_identifier(*number) for number in numbers],
        "name": [name for one in pid.repeats(5) if (name := human_name(one))],
        "telecom": [*_contacts(pid, 13, "home"), *_contacts(pid, 14, "work"), *_contacts(pid, 40, "home")],
        "gender": coded(pid, 8, GENDERS, otherwise="unknown"),
        "birthDate": born,
        "address": [found for one in pid.repeats(11) if (found := address(one))],
        "contact": [found for one in kin or () if (found := _kin(one))],
    } | _death(pid, sender)
    return Person({name: value for name, value in said.items() if value not in ([], "")}, list(dict.fromkeys(names)))


def prior(mrg: Segment, sender: Sender) -> list[str]:
    """Return the names under which a sender knew who is merged away. Raises Unreadable without any."""
    numbers = [number for one in mrg.repeats(1) if (number := _number(one, sender))]
    if not numbers:
        raise Unreadable(mrg.place(1), "is missing: it says whose number is given up.", MISSING)
    return [f"Patient/{name_of('Patient', *number[:2])}" for number in numbers]


def _numbers(pid: Segment, sender: Sender) -> Iterator[tuple[str, str, str]]:
    """Yield (system, value, type) of a person's numbers: PID-3, or PID-2 and PID-4, where old senders put them."""
    for field_number in (3, 2, 4):
        found = [number for one in pid.repeats(field_number) if (number := _number(one, sender))]
        yield from found
        if found and field_number == 3:
            return


def _number(found: Repeat, sender: Sender) -> tuple[str, str, str] | None:
    kind = found.text(5).upper()
    if not says_something(found.text(1)) or kind in _NOT_THEIRS:
        return None
    return authority(found, 4, sender), found.text(1), kind


def _identifier(system: str, value: str, kind: str) -> dict:
    known = {"type": {"coding": [{"system": TYPES, "code": kind}]}} if kind.isalnum() else {}
    return known | {"system": system, "value": value}


def _contacts(pid: Segment, number: int, use: str) -> list[dict]:
    return [found for one in pid.repeats(number) if (found := contact(one, use))]


def _death(pid: Segment, sender: Sender) -> dict:
    at = moment(pid, 29, sender)
    if at:
        return {"deceasedDateTime": at}
    said = pid.text(30).upper()
    return {"deceasedBoolean": said == "Y"} if said in ("Y", "N") else {}


def _kin(nk1: Segment) -> dict:
    name = human_name(nk1.first(2))
    phones = [found for one in nk1.repeats(5) if (found := contact(one, "home"))]
    words = nk1.text(3, 2) or nk1.text(3)
    said = {"relationship": [{"text": words}] if words else [], "name": name, "telecom": phones}
    return {key: value for key, value in said.items() if value} if name or phones else {}
