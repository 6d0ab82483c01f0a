"""AL1, DG1, PR1 and IN1: allergies, diagnoses, procedures and insurances, in whichever message they come.

They carry numbers of their own seldom, so that what they name decides the ids: the same allergy in the next message is
the same entry. Sources: HL7 v2.8.2 chapters 3 and 6, tables 0052, 0127, 0128, 0206, 0344; HL7 v2-to-FHIR 1.0 (maps of
the four segments).
"""

from collections import Counter
from datetime import datetime, timedelta

from .er7 import MISSING, VALUE, Message, Segment, Unreadable
from .persons import Person
from .sender import Sender
from .values import (
    authority,
    coded,
    concept,
    day,
    human_name,
    instant,
    moment,
    name_of,
    number,
    organization_words,
    person_words,
)
from .visits import reference as visit_reference

READ = frozenset({"AL1", "DG1", "PR1", "IN1"})
TERMS = "http://terminology.hl7.org/CodeSystem/"
KINDS = {
    "DA": "medication", "FA": "food", "EA": "environment", "AA": "environment", "PA": "environment",
    "LA": "environment", "MA": "", "MC": "", "": "",
}  # fmt: skip
SEVERITIES = {"SV": "severe", "MO": "moderate", "MI": "mild", "U": "", "": ""}
# Table 0052, the firmest last: where one diagnosis is there more than once, the firmest word of the message holds.
FIRMNESS = {"": "", "A": "provisional", "W": "provisional", "F": "confirmed"}
RELATIONS = {"SEL": "self", "SPO": "spouse", "CHD": "child", "PAR": "parent", "DEP": "other", "OTH": "other"}
LONGEST_ORDER = 9
ACTIONS = frozenset({"", "A", "U", "X", "D", "S"})  # table 0206: add, update, no change, delete, snapshot


def read(message: Message, person: Person, sender: Sender) -> list[dict]:
    """Return what these segments become, each name once. Raises Unreadable."""
    about = visit_reference(message, sender)
    visit = about.get("encounter", {}).get("reference", "")
    found = [
        *_allergies(message, person, sender),
        *_diagnoses(message, visit, {"subject": person.reference} | about, sender),
        *_procedures(message, visit, {"subject": person.reference} | about, sender),
        *(_insurance(one, person, sender) for one in message.named("IN1")),
    ]
    unique = {f"{one['resourceType']}/{one['id']}": one for one in found}
    return [_said(one) for one in unique.values()]


def _said(resource: dict) -> dict:
    return {name: value for name, value in resource.items() if value not in ("", [], {})}


def _what(segment: Segment, at: int, sender: Sender, *, words_at: int = 0) -> tuple[dict, str]:
    """Return a code, and by what it is known from one message to the next. Raises Unreadable where nothing is named."""
    code = concept(segment.first(at), sender)
    words = segment.text(words_at) if words_at else ""
    if words and "text" not in code:
        code["text"] = words
    if not code:
        raise Unreadable(segment.place(at), "is missing: it says what this is about.", MISSING)
    own = segment.text(at)
    return code, f"{segment.text(at, 3)}|{own}" if own else code["text"].casefold()


def _gone(segment: Segment, at: int) -> bool:
    """Tell whether a segment takes back what it says. Raises Unreadable for an action that there is not."""
    action = segment.text(at).upper()
    if action not in ACTIONS:
        raise Unreadable(segment.place(at), f"must be one of: {', '.join(sorted(ACTIONS - {''}))}.", VALUE)
    return action == "D"


def _state(kind: str, code: str) -> dict:
    return {"coding": [{"system": f"{TERMS}{kind}", "code": code}]}


# --- AL1 -----------------------------------------------------------------------------------------
def _allergies(message: Message, person: Person, sender: Sender) -> list[dict]:
    counts: Counter[str] = Counter()
    found = []
    for al1 in message.named("AL1"):
        code, key = _what(al1, 3, sender)
        counts[key] += 1
        kind = coded(al1, 2, KINDS, otherwise="")
        found.append(
            {
                "resourceType": "AllergyIntolerance",
                "id": name_of("AllergyIntolerance", key, str(counts[key])),
                "clinicalStatus": _state("allergyintolerance-clinical", "active"),
                "category": [kind] if kind else [],
                "code": code,
                "patient": person.reference,
                "onsetDateTime": moment(al1, 6, sender),
                "reaction": _reaction(al1),
            }
        )
    return found


def _reaction(al1: Segment) -> list[dict]:
    severity = coded(al1, 4, SEVERITIES, otherwise="")
    words = [{"text": line} for line in al1.whole(5).splitlines() if line.strip()]
    if not words and not severity:
        return []
    unknown = [_state("data-absent-reason", "unknown")]
    return [{"manifestation": words or unknown} | ({"severity": severity} if severity else {})]


# --- DG1 -----------------------------------------------------------------------------------------
def _diagnoses(message: Message, visit: str, about: dict, sender: Sender) -> list[dict]:
    found: dict[str, dict] = {}
    for dg1 in message.named("DG1"):
        code, key = _what(dg1, 3, sender, words_at=4)
        number = dg1.text(20)
        id_ = name_of("Condition", number, dg1.text(20, 2)) if number else name_of("Condition", visit, key)
        firm = "entered-in-error" if _gone(dg1, 21) else coded(dg1, 6, FIRMNESS, otherwise="")
        if id_ in found and firm != "confirmed":
            continue
        recorder = person_words(dg1.first(16))
        found[id_] = {
            "resourceType": "Condition",
            "id": id_,
            "meta": {"security": [_state("v3-Confidentiality", "R")["coding"][0]]}
            if dg1.text(18).upper() == "Y"
            else {},
            "verificationStatus": _state("condition-ver-status", firm) if firm else {},
            "category": [_state("condition-category", "encounter-diagnosis")],
            "code": code,
            **about,
            "onsetDateTime": moment(dg1, 5, sender),
            "recordedDate": moment(dg1, 19, sender),
            "recorder": {"display": recorder} if recorder else {},
        }
    return list(found.values())


# --- PR1 -----------------------------------------------------------------------------------------
def _procedures(message: Message, visit: str, about: dict, sender: Sender) -> list[dict]:
    counts: Counter[str] = Counter()
    found = []
    for pr1 in message.named("PR1"):
        code, key = _what(pr1, 3, sender, words_at=4)
        at, number = moment(pr1, 5, sender), pr1.text(19)
        counts[f"{key}|{at}"] += 1
        named = (number, pr1.text(19, 2)) if number else (visit, key, at, str(counts[f"{key}|{at}"]))
        reason = concept(pr1.first(15), sender)
        found.append(
            {
                "resourceType": "Procedure",
                "id": name_of("Procedure", *named),
                "status": "entered-in-error" if _gone(pr1, 20) else "completed" if at else "unknown",
                "code": code,
                **about,
                **_performed(pr1, at, sender),
                "performer": _performers(pr1),
                "reasonCode": [reason] if reason else [],
            }
        )
    return found


def _performed(pr1: Segment, at: str, sender: Sender) -> dict:
    """Return when: a period where PR1-7 says for how many minutes, and the beginning is a moment."""
    minutes = pr1.text(7)
    if not minutes or not instant(pr1, 5, sender):
        return {"performedDateTime": at}
    try:
        end = datetime.fromisoformat(at) + timedelta(minutes=float(number(pr1, 7, minutes)))
    except OverflowError:
        raise Unreadable(pr1.place(7), "is more minutes than any calendar has.") from None
    return {"performedPeriod": {"start": at, "end": end.isoformat()}}


def _performers(pr1: Segment) -> list[dict]:
    """Return surgeon, anaesthetist and whoever else did it, once each, in words."""
    found: dict[str, str] = {}
    for at, role in ((11, "Surgeon"), (8, "Anesthesiologist"), (12, "")):
        for one in pr1.repeats(at):
            found.setdefault(person_words(one), role)
    found.pop("", None)
    return [
        {"actor": {"display": words}} | ({"function": {"text": role}} if role else {}) for words, role in found.items()
    ]


# --- IN1 -----------------------------------------------------------------------------------------
def _insurance(in1: Segment, person: Person, sender: Sender) -> dict:
    """Return a Coverage, known by its insurer, plan and policy."""
    payer = organization_words(in1.first(4)) or in1.text(3)
    if not payer:
        raise Unreadable(in1.place(4), "is missing, and IN1-3 too: they say who insures.", MISSING)
    plan, policy, member = in1.text(2), in1.text(36), in1.text(49)
    start, end = day(in1, 12, sender), day(in1, 13, sender)
    relation = in1.text(17).upper()
    holder = human_name(in1.first(16))
    words = " ".join((*holder.get("given", ()), holder.get("family", ""))).strip()
    company = in1.first(3)
    numbered = {"identifier": {"system": authority(company, 4, sender), "value": company.text(1)}} if company else {}
    return {
        "resourceType": "Coverage",
        "id": name_of("Coverage", in1.text(3) or payer, plan, policy or member),
        "identifier": [{"system": sender.own_system("policies"), "value": policy}] if policy else [],
        "status": "active",
        "type": {"text": in1.text(15)} if in1.text(15) else {},
        "subscriber": {"display": words} if words else {},
        "subscriberId": member or policy,
        "beneficiary": person.reference,
        "relationship": _relation(relation, in1),
        "period": {name: value for name, value in (("start", start), ("end", end)) if value},
        "payor": [{"display": payer} | numbered],
        "class": [
            {"type": _state("coverage-class", kind), "value": value} | ({"name": name} if name else {})
            for kind, value, name in (
                ("group", in1.text(8), organization_words(in1.first(9))),
                ("plan", plan, in1.text(2, 2)),
            )
            if value
        ],
        "order": _order(in1),
    }


def _order(in1: Segment) -> int | str:
    """Return which insurance this is in their order, "" where no number says so."""
    order = in1.text(22)
    if not (order.isascii() and order.isdigit()):
        return ""
    if len(order) > LONGEST_ORDER:
        raise Unreadable(in1.place(22), f"must be a number of at most {LONGEST_ORDER} digits.")
    return int(order) or ""


def _relation(code: str, in1: Segment) -> dict:
    if code in RELATIONS:
        return _state("subscriber-relationship", RELATIONS[code])
    words = in1.text(17, 2) or in1.text(17)
    return {"text": words} if words else {}
