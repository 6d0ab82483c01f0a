"""IHE's Basic Audit Log Patterns as questions, written from the profiles' text and not from the code that is tested.

Source: github.com/IHE/ITI.BasicAudit, input/fsh, 1.1.4.
"""

from collections.abc import Callable, Iterator

PROFILE = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit."
DICOM = "http://dicom.nema.org/resources/ontology/DCM"
INTERACTION = "http://hl7.org/fhir/restful-interaction"
PARTICIPATION = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
WRITERS = {"AUT", "INF", "CST"}


def broken(event: dict) -> list[str]:
    """Return what an AuditEvent breaks of the pattern that it declares."""
    (declared,) = event["meta"]["profile"]
    return list(PATTERNS[declared.removeprefix(PROFILE)](event))


def _asks(**facts: bool) -> Iterator[str]:
    yield from (name for name, holds in facts.items() if not holds)


def _agents(event: dict, system: str, code: str) -> list[dict]:
    wanted = {"system": system, "code": code}
    codings = [(one, coding) for one in event["agent"] for coding in one.get("type", {}).get("coding", [])]
    return [one for one, coding in codings if wanted.items() <= coding.items()]


def _entities(event: dict, code: str) -> list[dict]:
    return [one for one in event.get("entity", []) if one["type"]["code"] == code]


def _roles(event: dict, client: tuple[str, str], server: tuple[str, str]) -> Iterator[str]:
    for name, role in (("client", client), ("server", server)):
        found = _agents(event, *role)
        yield from _asks(
            **{
                f"one {name}": len(found) == 1,
                f"the {name} is known": all("who" in one for one in found),
                f"the {name} has a network": all("network" in one for one in found),
                f"the {name} has no media": all("media" not in one for one in found),
            }
        )


def _patient(event: dict) -> Iterator[str]:
    people = _entities(event, "1")
    yield from _asks(
        one_patient=len(people) == 1,
        patient_has_its_role=all(one["role"]["code"] == "1" for one in people),
        patient_is_a_patient=all(one["what"]["reference"].startswith("Patient/") for one in people),
    )


def _user(event: dict, codes: set[str]) -> Iterator[str]:
    found = [one for code in codes for one in _agents(event, PARTICIPATION, code)]
    yield from _asks(
        at_most_one_user=len(found) <= 1,
        user_asked=all(one["requestor"] is True for one in found),
        user_is_known=all("who" in one for one in found),
        user_is_no_machine=all("network" not in one and "media" not in one for one in found),
    )


def _rest(code: str, action: str, client: str, server: str, users: set[str], *, data: bool = True) -> Callable:
    def questions(event: dict) -> Iterator[str]:
        things = _entities(event, "2")
        yield from _asks(
            is_rest=event["type"]["code"] == "rest",
            says_what={"system": INTERACTION, "code": code} in event["subtype"],
            has_its_action=event["action"] == action,
            succeeded=event["outcome"] == "0",
            one_thing=len(things) == 1,
            thing_has_its_role=all(one["role"]["code"] in ({"4", "3", "20"} if data else {"24"}) for one in things),
            thing_is_named=all("what" in one for one in things) is data,
        )
        if not data:
            asked = all(("query" in one or "_query" in one) and "detail" not in one for one in things)
            yield from _asks(query_is_there=asked)
        yield from _roles(event, (DICOM, client), ROLES.get(server, (DICOM, server)))
        yield from _patient(event)
        yield from _user(event, users)

    return questions


def _export(event: dict) -> Iterator[str]:
    disclose = {"system": "http://terminology.hl7.org/CodeSystem/iso-21089-lifecycle", "code": "disclose"}
    sources = _agents(event, DICOM, "110153")
    yield from _asks(
        is_export=event["type"]["code"] == "110106",
        has_its_action=event["action"] == "R",
        is_a_disclosure=any(disclose.items() <= one.items() for one in event["subtype"]),
        has_an_outcome="outcome" in event,
        source_is_the_observer=all(one["who"] == event["source"]["observer"] for one in sources),
        two_entities=len(event["entity"]) >= 2,
    )
    yield from _roles(event, (DICOM, "110152"), (DICOM, "110153"))
    yield from _patient(event)


ROLES = {"custodian": ("http://terminology.hl7.org/CodeSystem/provenance-participant-type", "custodian")}
PATTERNS: dict[str, Callable[[dict], Iterator[str]]] = {
    "PatientRead": _rest("read", "R", "110152", "110153", {"IRCP"}),
    "PatientQuery": _rest("search", "E", "110153", "110152", {"IRCP"}, data=False),
    "PatientCreate": _rest("create", "C", "110153", "110152", WRITERS),
    "PatientUpdate": _rest("update", "U", "110153", "110152", WRITERS),
    "PatientDelete": _rest("delete", "D", "110150", "custodian", WRITERS),
    "PrivacyDisclosure.Source": _export,
}
