"""People whose records a release is made of, and the views it is made by."""

import json
import uuid

from consent import access
from consent.access import Draft
from research.models import Study
from tests import people
from tests.people import Person
from tests.research import studying
from tests.research.studying import BASIC, LABS

PEOPLE = 4
CANARY = "Quuxington"


def tagged(name, path, kind, **needs):
    tags = {"kind": kind, **needs}
    return {"name": name, "path": path, "tag": [{"name": f"deidentify/{n}", "value": v} for n, v in tags.items()]}


VIEWS = (
    {
        "resource": "Patient",
        "name": "people",
        "select": [{"column": [tagged("age", "birthDate", "birth"), tagged("sex", "gender", "sex")]}],
    },
    {
        "resource": "Observation",
        "name": "weights",
        "where": [{"path": "code.coding.exists(code = '29463-7')"}],
        "select": [
            {
                "column": [
                    tagged("measured", "effective.ofType(dateTime)", "date"),
                    tagged("weight", "value.ofType(Quantity).value", "number", low="1", high="500", decimals="0"),
                    tagged("code", "code.coding.code.first()", "code", system="http://loinc.org"),
                ]
            }
        ],
    },
)


def drafts(number):
    person = {
        "resourceType": "Patient", "id": str(uuid.uuid4()), "gender": "female", "birthDate": f"198{number % 10}-05-03",
        "name": [{"family": CANARY, "given": [f"Wilhelmina {number}"]}], "text": {"div": f"<div>{CANARY}</div>"},
    }  # fmt: skip
    weights = [
        {
            "resourceType": "Observation", "id": str(uuid.uuid4()), "note": [{"text": CANARY}],
            "code": {"text": CANARY, "coding": [{"system": "http://loinc.org", "code": "29463-7", "display": CANARY}]},
            "effectiveDateTime": f"20{year}-03-04", "valueQuantity": {"value": 60 + number + year},
        }
        for year in (20, 24)
    ]  # fmt: skip
    return [
        Draft(resource=json.dumps(person).encode(), parts=(str(BASIC),), search=b"{}"),
        *(Draft(resource=json.dumps(one).encode(), parts=(str(LABS),), search=b"{}") for one in weights),
    ]


def joined(study: Study) -> list[Person]:
    """Return four people who joined a study, each with `joining`, and a stranger who did not."""
    found = []
    for number in range(PEOPLE + 1):
        person = people.patient(f"{CANARY} {number}")
        access.add_own(person.patient, drafts(number), keyring=person.keyring)
        if number < PEOPLE:
            person.joining = studying.join(person, study, BASIC, LABS)
        found.append(person)
    return found
