"""A program in tests: it asks with its token, and reads what comes back without losing a digit."""

import gzip

from django.http import HttpResponse
from django.test import Client

from ehr.fhir import naming
from ehr.r4 import text

JSON = "application/fhir+json"


class Program:
    """Asks `/fhir/` as a program would."""

    def __init__(self, token: str = "") -> None:
        self.client = Client(raise_request_exception=False)
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}

    def ask(self, method: str, path: str, body=None, *, kind: str = JSON, **headers: str) -> HttpResponse:
        """Return the answer; `headers` as If_Match="…"."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        content = body if isinstance(body, bytes) else b"" if body is None else text.dumps(body)
        more = {"content_type": kind} if body is not None else {"content_type": ""}
        return self.client.generic(method, f"/fhir/{path}", content, headers={**self.headers, **given}, **more)

    def get(self, path: str, **headers: str) -> HttpResponse:
        return self.ask("GET", path, **headers)

    def read(self, path: str) -> dict:
        """Return what stands at an address, which must be there."""
        answer = self.get(path)
        assert answer.status_code == 200, said(answer)
        return json(answer)

    def find(self, path: str) -> list[dict]:
        """Return the resources that match."""
        return [one["resource"] for one in self.read(path).get("entry", ()) if one["search"]["mode"] == "match"]

    def make(self, resource: dict, **headers: str) -> dict:
        """Return a resource as it was made."""
        answer = self.ask("POST", resource["resourceType"], resource, **headers)
        assert answer.status_code == 201, said(answer)
        return json(answer)

    def put(self, resource: dict, **headers: str) -> HttpResponse:
        return self.ask("PUT", f"{resource['resourceType']}/{resource['id']}", resource, **headers)

    def transact(self, *entries: dict, kind: str = "transaction") -> HttpResponse:
        return self.ask("POST", "", {"resourceType": "Bundle", "type": kind, "entry": list(entries)})


def version(logical_id: str, number: int) -> str:
    """Return what the so manieth version of an entry is called outside."""
    return naming.version_id(logical_id, number)


def etag(logical_id: str, number: int) -> str:
    return f'W/"{version(logical_id, number)}"'


def json(answer: HttpResponse) -> dict:
    content = answer.content
    return text.loads(gzip.decompress(content) if answer.headers.get("Content-Encoding") == "gzip" else content)


def said(answer: HttpResponse) -> str:
    """Return status and sentences of an answer."""
    try:
        issues = json(answer).get("issue", [])
    except ValueError:
        issues = []
    return f"{answer.status_code} " + " | ".join(f"{one.get('expression', '')} {one['diagnostics']}" for one in issues)


def result(patient, words: str = "Glucose", value: str = "5.40", **more) -> dict:
    """Return a laboratory result of a patient."""
    return {
        "resourceType": "Observation",
        "status": "final",
        "category": [
            {
                "coding": [
                    {
                        "system": "http://terminology.hl7.org/CodeSystem/observation-category",
                        "code": "laboratory",
                    }
                ]
            }
        ],
        "code": {"coding": [{"system": "http://loinc.org", "code": "2345-7"}], "text": words},
        "subject": {"reference": f"Patient/{patient.pk}"},
        "effectiveDateTime": "2026-03-01",
        "valueQuantity": {
            "value": text.loads(value),
            "unit": "mmol/L",
            "system": "http://unitsofmeasure.org",
            "code": "mmol/L",
        },
        **more,
    }


def sadness(patient, **more) -> dict:
    """Return a diagnosis that is kept in the part for mental health."""
    coding = {"system": "http://hl7.org/fhir/sid/icd-10", "code": "F32.1", "display": "Depressive episode"}
    return {
        "resourceType": "Condition",
        "code": {"coding": [coding]},
        "subject": {"reference": f"Patient/{patient.pk}"},
        **more,
    }


def asthma(patient, **more) -> dict:
    """Return a diagnosis that is kept with the history."""
    coding = {"system": "http://snomed.info/sct", "code": "195967001", "display": "Asthma"}
    return {
        "resourceType": "Condition",
        "code": {"coding": [coding]},
        "subject": {"reference": f"Patient/{patient.pk}"},
        **more,
    }
