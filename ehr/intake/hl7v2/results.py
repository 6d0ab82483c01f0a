"""ORU: each OBR becomes a DiagnosticReport, each OBX an Observation, a file a DocumentReference or Media.

What a laboratory calls its order and test decides the ids, so that a correction is the next version of the same entry.
Sources: HL7 v2.8.2 chapters 4 and 7, tables 0074, 0078, 0085, 0123; HL7 v2-to-FHIR 1.0 (ORU_R01).
"""

from dataclasses import dataclass, field

from .er7 import MISSING, SEQUENCE, VALUE, Message, Segment, Unreadable
from .observations import Place, comment, observation
from .persons import Person
from .sender import Sender
from .values import concept, instant, moment, name_of, organization_words
from .visits import reference as visit_reference

SECTIONS = "http://terminology.hl7.org/CodeSystem/v2-0074"
REPORT_STATES = {
    "F": "final", "C": "corrected", "P": "preliminary", "R": "preliminary", "A": "partial", "S": "registered",
    "I": "registered", "O": "registered", "M": "final", "N": "registered", "X": "cancelled", "Y": "unknown",
    "Z": "unknown",
}  # fmt: skip
IMAGING = frozenset({"RAD", "CT", "NMR", "NMS", "RUS", "VUS", "CUS", "OUS", "RX", "XRC", "CTH", "MR", "US", "NM"})
SPECIMENS = "http://terminology.hl7.org/CodeSystem/v2-0487"


@dataclass
class Group:
    """One order's results: its OBR, the ORC before it, and what follows."""

    obr: Segment
    orc: Segment | None
    comments: list[Segment] = field(default_factory=list)
    results: list[tuple[Segment, list[Segment]]] = field(default_factory=list)  # OBX with its NTE
    specimens: list[Segment] = field(default_factory=list)


def read(message: Message, person: Person, sender: Sender) -> tuple[list[dict], dict[str, bytes]]:
    """Return the resources of a result message, and files by the resource they lie beside. Raises Unreadable."""
    resources: list[dict] = []
    files: dict[str, bytes] = {}
    visit = visit_reference(message, sender)
    groups = list(_groups(message))
    if not groups:
        raise Unreadable("OBR", "is missing: a result belongs to an order.", MISSING)
    for group in groups:
        resources += _report(group, person, sender, visit, files)
    names = [f"{one['resourceType']}/{one['id']}" for one in resources]
    if len(set(names)) != len(names):
        raise Unreadable("OBR", "is there twice with one order number and test.", SEQUENCE)
    return resources, files


def beside_a_visit(message: Message, person: Person, sender: Sender) -> tuple[list[dict], dict[str, bytes]]:
    """Return what the OBX of an ADT message say, such as height and weight: no order has a number for them."""
    lines: list[tuple[Segment, list[Segment]]] = []
    for segment in message.segments:
        if segment.name == "OBX":
            lines.append((segment, []))
        elif segment.name == "NTE" and lines:
            lines[-1][1].append(segment)
    visit = visit_reference(message, sender)
    files: dict[str, bytes] = {}
    named = visit.get("encounter", {}).get("reference", "")
    counts: dict[tuple[str, ...], int] = {}
    found = []
    for line in _joined(lines):
        obx = line[0][0]
        at = moment(obx, 14, sender)
        place = Place(("adt", named, at), {"subject": person.reference} | visit, "exam", at, "", files)
        test = (obx.text(3) or obx.text(3, 2), obx.text(4))
        counts[(*test, at)] = counts.get((*test, at), 0) + 1
        found.append(observation(line, place, test, counts[(*test, at)], sender))
    return [one for one in found if one], files


def _groups(message: Message) -> list[Group]:
    """Return a message's orders, each with what belongs to it. Raises Unreadable for a result before any order."""
    groups: list[Group] = []
    orc = None
    for segment in message.segments:
        if segment.name == "ORC":
            orc = segment
        elif segment.name == "OBR":
            groups.append(Group(segment, orc))
            orc = None
        elif segment.name in ("OBX", "SPM", "NTE"):
            _put(segment, groups)
    return groups


def _put(segment: Segment, groups: list[Group]) -> None:
    if not groups:
        if segment.name == "OBX":
            raise Unreadable(segment.place(1), "stands before any OBR.", SEQUENCE)
        return  # a comment on the person or the message
    group = groups[-1]
    if segment.name == "SPM":
        group.specimens.append(segment)
    elif segment.name == "OBX" and not group.specimens:
        group.results.append((segment, []))
    elif segment.name == "NTE" and not group.specimens:
        (group.results[-1][1] if group.results else group.comments).append(segment)


def _key(group: Group) -> tuple[str, ...]:
    """Return what the sender calls an order and its test: the filler's number, or the placer's. Raises Unreadable."""
    for segment, at, kind in (
        (group.obr, 3, "filler"),
        (group.orc, 3, "filler"),
        (group.obr, 2, "placer"),
        (group.orc, 2, "placer"),
    ):
        if segment is not None and segment.text(at):
            return kind, segment.text(at), segment.text(at, 2), group.obr.text(4) or group.obr.text(4, 2)
    raise Unreadable(group.obr.place(3), "is missing, and OBR-2 too: an order is known by its number.", MISSING)


def _report(group: Group, person: Person, sender: Sender, visit: dict, files: dict[str, bytes]) -> list[dict]:
    obr, key = group.obr, _key(group)
    code = concept(obr.first(4), sender)
    if not code:
        raise Unreadable(obr.place(4), "is missing: it says what was ordered.", MISSING)
    specimens = [_specimen(one, number, key, person, sender) for number, one in enumerate(group.specimens, 1)]
    about = {"subject": person.reference} | visit
    imaging = obr.text(24).upper() in IMAGING
    place = Place(
        key, about, "imaging" if imaging else "laboratory", moment(obr, 7, sender), moment(obr, 22, sender), files
    )
    inside = [one for one in _results(group, place, sender) if one]
    report: dict = {
        "resourceType": "DiagnosticReport",
        "id": name_of("DiagnosticReport", *key),
        "identifier": _numbers(group, sender),
        "status": _state(group, inside),
        "category": _category(obr),
        "code": code,
        **about,
        **_when(obr, sender),
        "issued": instant(obr, 22, sender),
        "performer": _named(obr, 44, organization_words),
        "resultsInterpreter": [
            {"display": one.text(1, 3) + " " + one.text(1, 2)} for one in obr.repeats(32) if one.text(1, 2)
        ],
        "specimen": [{"reference": f"Specimen/{one['id']}"} for one in specimens],
        "result": [_to(one) for one in inside if one["resourceType"] == "Observation"],
        "media": [{"link": _to(one)} for one in inside if one["resourceType"] == "Media"],
        "conclusion": "\n".join(text for one in group.comments if (text := comment(one))),
    }
    for one in inside:
        if one["resourceType"] == "DocumentReference":
            one.setdefault("context", {})["related"] = [{"reference": f"DiagnosticReport/{report['id']}"}]
        elif specimens and one["resourceType"] == "Observation":
            one["specimen"] = report["specimen"][0]
    return [{name: value for name, value in report.items() if value not in ("", [])}, *inside, *specimens]


def _to(resource: dict) -> dict[str, str]:
    return {"reference": f"{resource['resourceType']}/{resource['id']}"}


def _state(group: Group, inside: list[dict]) -> str:
    code = group.obr.text(25).upper()
    if code:
        if code not in REPORT_STATES:
            raise Unreadable(group.obr.place(25), f"must be one of: {', '.join(sorted(REPORT_STATES))}.", VALUE)
        return REPORT_STATES[code]
    states = {one["status"] for one in inside if one["resourceType"] == "Observation"}
    if states <= {"final"}:
        return "final"
    return "corrected" if states & {"corrected", "amended"} else "partial"


def _category(obr: Segment) -> list[dict]:
    code = obr.text(24).upper()
    return [{"coding": [{"system": SECTIONS, "code": code}]}] if code else []


def _when(obr: Segment, sender: Sender) -> dict:
    start, end = moment(obr, 7, sender), moment(obr, 8, sender)
    if start and end and start < end and "T" in start and "T" in end:
        return {"effectivePeriod": {"start": start, "end": end}}
    return {"effectiveDateTime": start} if start else {}


def _numbers(group: Group, sender: Sender) -> list[dict]:
    found = []
    for at, kind in ((3, "FILL"), (2, "PLAC")):
        for segment in (group.obr, group.orc):
            one = segment.first(at) if segment else None
            if one and one.text(1):
                kinds = [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": kind}]
                system = authority_of_number(one, sender)
                found.append({"type": {"coding": kinds}, "system": system, "value": one.text(1)})
                break
    return found


def authority_of_number(found, sender: Sender) -> str:
    """Return the system of an EI: number^namespace^universal id^type."""
    if found.text(4).upper() == "ISO" and found.text(3):
        return f"urn:oid:{found.text(3)}"
    return sender.authorities.get(found.text(2)) or sender.own_system(found.text(2) or "orders")


def _named(obr: Segment, at: int, words) -> list[dict]:
    return [{"display": text} for one in obr.repeats(at) if (text := words(one))]


def _specimen(spm: Segment, number: int, key: tuple[str, ...], person: Person, sender: Sender) -> dict:
    collected, received = moment(spm, 17, sender), moment(spm, 18, sender)
    said: dict = {
        "resourceType": "Specimen",
        "id": name_of("Specimen", *key, spm.text(2) or str(number)),
        "type": concept(spm.first(4), sender),
        "subject": person.reference,
        "receivedTime": received,
        "collection": {"collectedDateTime": collected} if collected else {},
    }
    return {name: value for name, value in said.items() if value}


def _results(group: Group, place: Place, sender: Sender) -> list[dict]:
    """Return what each OBX becomes; lines of one text, sent as one OBX each, are one Observation."""
    found: list[dict] = []
    counts: dict[tuple[str, ...], int] = {}
    for lines in _joined(group.results):
        obx = lines[0][0]
        test = (obx.text(3) or obx.text(3, 2), obx.text(4))
        counts[test] = counts.get(test, 0) + 1
        found.append(observation(lines, place, test, counts[test], sender))
    return found


def _joined(results: list[tuple[Segment, list[Segment]]]) -> list[list[tuple[Segment, list[Segment]]]]:
    """Return results in groups: consecutive lines of text under one code are one result."""
    groups: list[list[tuple[Segment, list[Segment]]]] = []
    for one in results:
        obx = one[0]
        last = groups[-1][-1][0] if groups else None
        if last is not None and _continues(last, obx):
            groups[-1].append(one)
        else:
            groups.append([one])
    return groups


def _continues(last: Segment, obx: Segment) -> bool:
    texts = {"TX", "FT"}
    return (
        obx.text(2).upper() in texts
        and last.text(2).upper() in texts
        and obx.raw_field(3) == last.raw_field(3)
        and obx.text(11) == last.text(11)
    )
