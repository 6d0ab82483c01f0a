"""PV1 of an ADT message as an Encounter. Source: HL7 v2.8.2 chapter 3; HL7 v2-to-FHIR 1.0 (PV1 map)."""

from .er7 import MISSING, Message, Segment, Unreadable
from .persons import Person
from .sender import Sender
from .values import authority, concept, moment, name_of, person_words, place_words

ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
CLASSES = {
    "I": ("IMP", "inpatient encounter"), "O": ("AMB", "ambulatory"), "E": ("EMER", "emergency"),
    "P": ("PRENC", "pre-admission"), "R": ("AMB", "ambulatory"), "B": ("IMP", "inpatient encounter"),
}  # fmt: skip
OTHER_CLASSES = "http://terminology.hl7.org/CodeSystem/v2-0004"
NO_VISIT = frozenset({"N", "U", ""})  # a patient class that is no visit
STATES = {
    "A01": "in-progress", "A02": "in-progress", "A03": "finished", "A04": "in-progress", "A11": "cancelled",
    "A12": "in-progress", "A13": "in-progress",
}  # fmt: skip
ABOUT_THE_PERSON = frozenset({"A28", "A31", "A34", "A40"})


def read(message: Message, event: str, person: Person, sender: Sender) -> list[dict]:
    """Return the Encounter that an ADT message tells of, or none. Raises Unreadable where the visit has no number."""
    pv1 = message.maybe("PV1")
    if event in ABOUT_THE_PERSON or pv1 is None or (event == "A08" and pv1.text(2).upper() in NO_VISIT):
        return []
    system, value = number(message, sender)
    if not value:
        raise Unreadable(pv1.place(19), "is missing: a visit is known by its number.", MISSING)
    kind = pv1.text(2).upper()
    code, words = CLASSES.get(kind, ("", ""))
    shown = (
        {"system": ACT_CODE, "code": code, "display": words} if code else {"system": OTHER_CLASSES, "code": kind or "U"}
    )
    return [
        {
            "resourceType": "Encounter",
            "id": name_of("Encounter", system, value),
            "identifier": [{"system": system, "value": value}],
            "status": _state(pv1, event, sender),
            "class": shown,
            "subject": person.reference,
        }
        | _service(pv1, sender)
        | _people(pv1)
        | _period(pv1, event, sender)
        | _place(pv1)
        | _reason(message, sender)
    ]


def number(message: Message, sender: Sender) -> tuple[str, str]:
    """Return (system, value) of the visit a message is about, by PV1-19 or, where senders put it there, PID-18."""
    pv1, pid = message.maybe("PV1"), message.maybe("PID")
    for segment, at in ((pv1, 19), (pid, 18)):
        found = segment.first(at) if segment else None
        if found and found.text(1):
            return authority(found, 4, sender), found.text(1)
    return "", ""


def reference(message: Message, sender: Sender) -> dict:
    """Return {"encounter": …} for entries of a message that names its visit, {} for others."""
    system, value = number(message, sender)
    return {"encounter": {"reference": f"Encounter/{name_of('Encounter', system, value)}"}} if value else {}


def _state(pv1: Segment, event: str, sender: Sender) -> str:
    if event in STATES:
        return STATES[event]
    return "finished" if moment(pv1, 45, sender) else "in-progress"


def _period(pv1: Segment, event: str, sender: Sender) -> dict:
    ended = "" if event in ("A13", "A01", "A11") else moment(pv1, 45, sender)
    period = {"start": moment(pv1, 44, sender), "end": ended}
    said = {name: value for name, value in period.items() if value}
    return {"period": said} if said else {}


def _people(pv1: Segment) -> dict:
    roles = ((7, "ATND", "attender"), (8, "REF", "referrer"), (17, "ADM", "admitter"))
    found = [
        {
            "type": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": code,
                                  "display": words}]}],
            "individual": {"display": name},
        }
        for at, code, words in roles
        for one in pv1.repeats(at)
        if (name := person_words(one))
    ]  # fmt: skip
    return {"participant": found} if found else {}


def _place(pv1: Segment) -> dict:
    words = place_words(pv1.first(3))
    return {"location": [{"location": {"display": words}}]} if words else {}


def _service(pv1: Segment, sender: Sender) -> dict:
    found = concept(pv1.first(10), sender)
    return {"serviceType": found} if found else {}


def _reason(message: Message, sender: Sender) -> dict:
    pv2 = message.maybe("PV2")
    found = concept(pv2.first(3), sender) if pv2 else {}
    return {"reasonCode": [found]} if found else {}
