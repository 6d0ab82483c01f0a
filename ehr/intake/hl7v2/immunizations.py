"""VXU: each RXA becomes an Immunization, with the RXR, OBX and NTE that follow it.

The order's number decides the id, so that a correction is the next version. Sources: HL7 v2.8.2 chapter 4A, tables
0162, 0163, 0322, 0323; HL7 v2-to-FHIR 1.0 (VXU_V04); CDC Implementation Guide for Immunization Messaging 2.5.1, 1.5.
"""

from dataclasses import dataclass, field

from .er7 import MISSING, SEQUENCE, Message, Segment, Unreadable
from .observations import Place, comment, observation
from .persons import Person
from .sender import Sender
from .values import coded, concept, day, moment, name_of, number, person_words, place_words, unit_of
from .visits import reference as visit_reference

STATES = {"CP": "completed", "PA": "completed", "RE": "not-done", "NA": "not-done", "": "completed"}
NOT_SAID = frozenset({"", "999"})  # RXA-6, where nobody knows how much
NOTHING_GIVEN = "998"  # CVX: no vaccine administered; the OBX say why
ELIGIBLE, FUNDED = "64994-7", "30963-3"
SOURCES = "urn:oid:2.16.840.1.114222.4.5.274"  # NIP001 of the CDC: where what is recorded was learned
ACTOR = "http://terminology.hl7.org/CodeSystem/v2-0443"


@dataclass
class Given:
    """One administration: its RXA, the ORC before it, and what follows."""

    rxa: Segment
    orc: Segment | None
    rxr: Segment | None = None
    results: list[tuple[Segment, list[Segment]]] = field(default_factory=list)  # OBX with its NTE
    comments: list[Segment] = field(default_factory=list)


def read(message: Message, person: Person, sender: Sender) -> tuple[list[dict], dict[str, bytes]]:
    """Return the resources of a vaccination message, and files by the resource they lie beside. Raises Unreadable."""
    about = visit_reference(message, sender)
    files: dict[str, bytes] = {}
    found: list[dict] = []
    for one in _given(message):
        if one.rxa.text(5) == NOTHING_GIVEN:
            found += _observed(one, {"subject": person.reference} | about, sender, files)
        else:
            found.append(_immunization(one, person, about, sender))
    names = [f"{one['resourceType']}/{one['id']}" for one in found]
    if len(set(names)) != len(names):
        raise Unreadable("RXA", "is there twice with one order number.", SEQUENCE)
    return found, files


def _given(message: Message) -> list[Given]:
    """Return the administrations of a message. Raises Unreadable where there is none, or a route of none."""
    found: list[Given] = []
    orc = None
    for segment in message.segments:
        if segment.name == "ORC":
            orc = segment
        elif segment.name == "RXA":
            found.append(Given(segment, orc))
            orc = None
        elif segment.name in ("RXR", "OBX", "NTE"):
            _put(segment, found)
    if not found:
        raise Unreadable("RXA", "is missing: it says what was given.", MISSING)
    return found


def _put(segment: Segment, found: list[Given]) -> None:
    if not found:
        if segment.name != "NTE":
            raise Unreadable(segment.place(1), "stands before any RXA.", SEQUENCE)
        return  # a comment on the person or the message
    last = found[-1]
    if segment.name == "RXR":
        if last.rxr is not None:
            raise Unreadable(segment.place(1), "is a second one for one RXA.", SEQUENCE)
        last.rxr = segment
    elif segment.name == "OBX":
        last.results.append((segment, []))
    else:
        (last.results[-1][1] if last.results else last.comments).append(segment)


def _key(one: Given) -> tuple[str, ...]:
    """Return by what an administration is known: the order's number, or what was given, when and from which lot."""
    for at, kind in ((3, "filler"), (2, "placer")):
        if one.orc is not None and one.orc.text(at) and one.orc.text(at) != "9999":  # 9999: not ordered here
            return kind, one.orc.text(at), one.orc.text(at, 2)
    return "given", one.rxa.text(5), one.rxa.text(3), one.rxa.text(15)


def _immunization(one: Given, person: Person, about: dict, sender: Sender) -> dict:
    rxa = one.rxa
    vaccine = concept(rxa.first(5), sender)
    if not vaccine:
        raise Unreadable(rxa.place(5), "is missing: it says which vaccine.", MISSING)
    if not (at := moment(rxa, 3, sender)):
        raise Unreadable(rxa.place(3), "is missing: it says when.", MISSING)
    status = "entered-in-error" if rxa.text(21).upper() == "D" else coded(rxa, 20, STATES, otherwise="completed")
    reasons = [found for each in rxa.repeats(18) if (found := concept(each, sender))]
    maker, place = rxa.text(17, 2) or rxa.text(17), place_words(rxa.first(27)) or _where(rxa)
    said: dict = {
        "resourceType": "Immunization",
        "id": name_of("Immunization", *_key(one)),
        "status": status,
        "statusReason": reasons[0] if reasons and status == "not-done" else {},
        "vaccineCode": vaccine,
        "patient": person.reference,
        **about,
        "occurrenceDateTime": at,
        **_source(rxa),
        "location": {"display": place} if place else {},
        "manufacturer": {"display": maker} if maker else {},
        "lotNumber": ", ".join(each.text(1) for each in rxa.repeats(15)),
        "expirationDate": day(rxa, 16, sender),
        **_body(one.rxr, sender),
        "doseQuantity": _dose(rxa, sender),
        "performer": _performers(one),
        **_programmes(one, sender),
    }
    said["note"] = _notes(one, reasons if status != "not-done" else reasons[1:])
    return {name: value for name, value in said.items() if value not in ("", [], {})}


def _where(rxa: Segment) -> str:
    """Return RXA-11 in words, where it was given: its facility, or the point of care."""
    found = rxa.first(11)
    return found.text(4) or found.text(1)


def _source(rxa: Segment) -> dict:
    """Return whether who reports gave it: code 00 of NIP001 says so, any other names where it was learned."""
    for one in rxa.repeats(9):
        if one.text(3).upper() == "NIP001":
            if one.text(1) == "00":
                return {"primarySource": True}
            words = {"text": one.text(2)} if one.text(2) else {}
            origin = {"coding": [{"system": SOURCES, "code": one.text(1)}]} | words
            return {"primarySource": False, "reportOrigin": origin}
    return {}


def _body(rxr: Segment | None, sender: Sender) -> dict:
    return {"route": concept(rxr.first(1), sender), "site": concept(rxr.first(2), sender)} if rxr else {}


def _dose(rxa: Segment, sender: Sender) -> dict:
    amount = rxa.text(6)
    return {} if amount in NOT_SAID else {"value": number(rxa, 6, amount)} | unit_of(rxa.first(7), sender)


def _performers(one: Given) -> list[dict]:
    """Return who gave it (RXA-10) and who ordered it (ORC-12), in words."""
    roles = [("AP", each) for each in one.rxa.repeats(10)]
    roles += [("OP", each) for each in one.orc.repeats(12)] if one.orc is not None else []
    return [
        {"function": {"coding": [{"system": ACTOR, "code": code}]}, "actor": {"display": words}}
        for code, each in roles
        if (words := person_words(each))
    ]


def _programmes(one: Given, sender: Sender) -> dict:
    """Return by which programme the person was eligible, and who paid for the vaccine: OBX with codes of LOINC."""
    eligible = [concept(obx.first(5), sender) for obx, _ in one.results if obx.text(3) == ELIGIBLE]
    funded = [concept(obx.first(5), sender) for obx, _ in one.results if obx.text(3) == FUNDED]
    paid = {"fundingSource": funded[0]} if funded and funded[0] else {}
    return {"programEligibility": [each for each in eligible if each]} | paid


def _notes(one: Given, reasons: list[dict]) -> list[dict]:
    """Return in words what has no field of its own: comments, and every other OBX."""
    lines = [comment(nte) for nte in one.comments]
    lines += [each.text(2) or each.text(1) for each in one.rxa.repeats(9) if each.text(3).upper() != "NIP001"]
    lines += [each.get("text") or each["coding"][0]["code"] for each in reasons]
    funded = False
    for obx, comments in one.results:
        known = obx.text(3) == ELIGIBLE or (obx.text(3) == FUNDED and not funded)
        funded = funded or obx.text(3) == FUNDED
        if not known:
            lines.append(f"{obx.text(3, 2) or obx.text(3)}: {_words(obx)}")
        lines += [comment(nte) for nte in comments]
    return [{"text": line} for line in lines if line.strip(": ")]


def _words(obx: Segment) -> str:
    """Return the value of an OBX as a person would read it."""
    if obx.text(2).upper() in ("CE", "CWE", "CNE", "CF"):
        return "; ".join(each.text(9) or each.text(2) or each.text(1) for each in obx.repeats(5))
    unit = obx.text(6, 2) or obx.text(6)
    return " ".join(part for part in (obx.whole(5), unit) if part)


def _observed(one: Given, about: dict, sender: Sender, files: dict[str, bytes]) -> list[dict]:
    """Return what a line without any vaccine says: immunity by an illness, a reason for none, as Observations."""
    if not one.results:
        raise Unreadable(one.rxa.place(5), "is 998, no vaccine given, and no OBX says what it is about then.", MISSING)
    at = moment(one.rxa, 3, sender)
    place = Place(("vxu", *_key(one)), about, "social-history", at, "", files)
    found = [
        observation([(obx, comments)], place, (obx.text(3), obx.text(4)), count, sender)
        for count, (obx, comments) in enumerate(one.results, 1)
    ]
    return [each for each in found if each]
