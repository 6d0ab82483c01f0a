"""Two records that show the same to who may see results and history, while one of them holds more; and how their
answers are compared: ids by the order in which they appear, times that the server gives as one.
"""

import re
import uuid
from datetime import timedelta

from django.http import HttpResponse

from appointments.availability import free
from ehr import clock
from tests import people
from tests.appointments.visiting_hours import Clinic
from tests.fhir.program import Program, asthma, etag, json, result, sadness, said, version

_UUID = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_INSTANT = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
_PAGE = re.compile(rb"_page=([\w-]+)")
GENE = {"resourceType": "MolecularSequence", "type": "dna", "coordinateSystem": 0}
NOBODY = "0b0e4a3c-9bd2-4b6d-8c0f-3a5f2a5d9f11"


def plain(answer: HttpResponse) -> tuple:
    """Return an answer without what differs between any two: ids, the server's times."""
    seen: dict[bytes, bytes] = {}

    def number(found: re.Match) -> bytes:
        return seen.setdefault(found[0], b"id-%d" % len(seen))

    def page(found: re.Match) -> bytes:
        return b"_page=%d" % len(found[1])

    content = _INSTANT.sub(b"T", _UUID.sub(number, _PAGE.sub(page, answer.content)))
    headers = {
        name: _UUID.sub(b"id", value.encode())
        for name, value in answer.headers.items()
        if name not in {"Date", "Last-Modified"}
    }
    return answer.status_code, content, headers, "Last-Modified" in answer.headers


def visit(patient, **more) -> dict:
    return {
        "resourceType": "Encounter",
        "status": "finished",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
        "subject": {"reference": f"Patient/{patient.pk}"},
        "period": {"start": "2026-03-01T10:00:00Z"},
        **more,
    }


def _origin(patient, target: str) -> dict:
    return {
        "resourceType": "Provenance",
        "target": [{"reference": target}, {"reference": f"Patient/{patient.pk}"}],
        "recorded": "2026-03-01T12:00:00Z",
        "agent": [{"who": {"display": "Clinic"}}],
    }


def _together(program: Program, *resources: dict) -> list[dict]:
    answer = program.transact(
        *[{"resource": one, "request": {"method": "POST", "url": one["resourceType"]}} for one in resources]
    )
    assert answer.status_code == 200, said(answer)
    return [one["resource"] for one in json(answer)["entry"]]


def fill(program: Program, person: people.Person, *, more: bool) -> dict[str, str]:
    """Fill a record, with or without what is hidden; return the ids that stand in addresses."""
    patient, names = person.patient, {}

    def hide(key: str, resource: dict) -> None:
        names[key] = program.make(resource)["id"] if more else str(uuid.uuid4())

    hide("mood", sadness(patient, identifier=[{"system": "urn:x", "value": "7"}]))
    hide("visit-for-it", visit(patient, reasonCode=[sadness(patient)["code"]]))
    names["visit"] = program.make(visit(patient))["id"]
    names["asthma"] = program.make(
        asthma(patient, encounter={"reference": f"Encounter/{names['visit-for-it']}"}, recordedDate="2026-01-02")
    )["id"]
    hide("gene", {**GENE, "patient": {"reference": f"Patient/{patient.pk}"}})
    links = {"encounter": {"reference": f"Encounter/{names['visit']}"}}
    names["result"] = program.make(result(patient, **links))["id"]
    if more:
        moved = program.make(result(patient, "Thyroid"))
        sad = program.put({**moved, "code": sadness(patient)["code"]})
        assert sad.status_code == 200, said(sad)
        names["moved"] = moved["id"]
        _together(program, _origin(patient, f"Condition/{names['mood']}"), sadness(patient))
        gone = program.make(sadness(patient, recordedDate="2026-01-05"))
        assert program.ask("DELETE", f"Condition/{gone['id']}").status_code == 204
    else:
        names["moved"] = str(uuid.uuid4())
    second = program.make(result(patient, "Ferritin", "80", effectiveDateTime="2026-03-05"))
    newest = etag(second["id"], 1)
    if more:
        # A version between two that are seen is about something else, and hidden.
        between = program.put({**second, "code": sadness(patient)["code"]})
        assert between.status_code == 200, said(between)
        newest = between["ETag"]
    amended = program.put({**second, "status": "amended"}, If_Match=newest)
    assert amended.status_code == 200, said(amended)
    names["second"] = second["id"]
    names["second-hidden"] = version(second["id"], 2) if more else str(uuid.uuid4())
    names |= {f"{key}-first": version(names[key], 1) for key in ("mood", "moved")}
    _together(program, _origin(patient, f"Observation/{names['result']}"), visit(patient, period={"start": "2026-04"}))
    names["patient"] = str(patient.pk)
    return names


def booked(harbour: Clinic, person: people.Person) -> str:
    """Book the next free time for somebody, and return the visit's id."""
    at = clock.now()
    [time] = free([harbour.schedule], harbour.kind, first=at.date(), last=at.date() + timedelta(30), at=at, limit=1)
    return str(harbour.book(time.starts, person).pk)


_KINDS = (
    "Observation",
    "Condition",
    "Encounter",
    "Provenance",
    "Patient",
    "MolecularSequence",
    "Procedure",
    "Appointment",
)
_SHAPES = (
    "",
    "?_summary=count",
    "?_summary=true",
    "?_count=1",
    "?_count=2&_sort=_lastUpdated",
    "?_sort=-_lastUpdated,_id",
    "?_total=none&_elements=id",
    "?_include=*&_revinclude=*",
    "?_include:iterate=*&_revinclude:iterate=*",
    "/_history",
    "/_history?_count=1",
    "?_lastUpdated=gt2000",
    "?_security=https://chartseal.org/fhir/CodeSystem/category|mental-health",
    "?_security:not=x",
    "?_id={mood},{result},{gene},{asthma}",
)
_MORE = (
    "Appointment/{booked}",
    "Appointment/{booked}/_history",
    "Appointment/{booked}/$validate",
    "Appointment?patient={patient}&_include=*",
    "Appointment?date=ge2020&_count=1",
    "Patient/{patient}/Appointment",
    "Patient/{patient}/$everything?_type=Appointment,Slot,Schedule",
    "Patient?_has:Appointment:patient:status=booked",
    "Schedule",
    "Slot?_count=5&_include=*&_revinclude=*",
    "_history",
    "_history?_count=3",
    "Patient/{patient}/$everything",
    "Patient/{patient}/$everything?_count=2",
    "Patient/{patient}/$everything?_type=Condition,MolecularSequence&start=2020",
    "Patient/{patient}/$everything?_since=2020-01-01",
    "Observation/$lastn?patient={patient}&max=3",
    "Patient/{patient}/Condition?_count=1",
    "Patient/{patient}/MolecularSequence",
    "Condition/{mood}",
    "Condition/{mood}/_history",
    "Condition/{mood}/_history/{mood-first}",
    "MolecularSequence/{gene}",
    "Observation/{moved}",
    "Observation/{moved}/_history",
    "Observation/{moved}/_history/{moved-first}",
    "Encounter/{visit-for-it}",
    "Condition/{mood}/$validate",
    "Observation/{result}/_history",
    "Observation/{second}/_history",
    "Observation/{second}/_history/{second-hidden}",
    "Observation/{second}/_history/2",
    "Condition?encounter=Encounter/{visit-for-it}",
    "Condition?encounter:Encounter.reason-code=F32.1",
    "Condition?encounter.class=AMB",
    "Condition?encounter:missing=false",
    "Encounter?_has:Condition:encounter:code=195967001",
    "Condition?_has:Provenance:target:recorded=2026-03-01",
    "Patient?_has:Condition:patient:code=F32.1",
    "Patient?_has:MolecularSequence:patient:_id={gene}",
    "Encounter?_has:Condition:encounter:code:missing=false",
    "Encounter?reason-code=F32.1",
    "Condition?code=F32.1",
    "Condition?identifier=urn:x|7",
    "Condition?subject=Patient/{patient}&_sort=-recorded-date&_count=1",
    "Provenance?target=Condition/{mood}",
    "Provenance?patient={patient}&_include=Provenance:target",
)


def addresses() -> list[str]:
    """Return the addresses to compare, ids to be filled in."""
    shaped = [f"{kind}{shape}" for kind in _KINDS for shape in _SHAPES]
    return [*shaped, *_MORE]
