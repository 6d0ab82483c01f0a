"""What goes in comes out equal in value: every element, every digit, in its order. Ids, references and what the server
says itself aside.

`FHIR_ALL_DATA=1 pytest tests/fhir/test_round_trip.py` takes all patients of the public data, where it is at hand.
"""

import gzip
import os
from decimal import Decimal
from pathlib import Path

import pytest

from ehr.fhir import kinds
from ehr.r4 import references, text, validate
from tests import people
from tests.fhir.program import json, said

pytestmark = pytest.mark.django_db
SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
needs_data = pytest.mark.skipif(not SHARED.is_dir(), reason="../shared/data is not here")
ADDRESSES = references.ADDRESSES


def synthea() -> list[Path]:
    """Return the files of the patients to try: the smallest one, or all of them."""
    found = sorted((SHARED / "synthea").glob("*.json.gz"), key=lambda path: path.stat().st_size)
    return found if os.environ.get("FHIR_ALL_DATA") else found[:1]


def us_core() -> dict[str, list[dict]]:
    """Return the valid examples that are about somebody, by whom; what is about nobody comes along with each."""
    valid = []
    for path in sorted((SHARED / "us-core-7.0.0").glob("*.json")):
        one = text.loads(path.read_bytes())
        if one["resourceType"] in kinds.kept() and not validate.check(one):
            valid.append(one)
    groups: dict[str, list[dict]] = {}
    for one in valid:
        groups.setdefault(references.subject_of(one), []).append(one)
    about_nobody = groups.pop("", [])
    return {name: [*about_nobody, *group] for name, group in groups.items() if _has_patient(name, group)}


def _has_patient(name: str, group: list[dict]) -> bool:
    return any(references.name_of(one) == name for one in group)


def entries(person: people.Person, listed: list[tuple[str, dict]]) -> list[dict]:
    """Return resources as the entries of a transaction; who they are about is the person who is here already."""
    made = []
    for full_url, resource in listed:
        request = {"method": "POST", "url": resource["resourceType"]}
        if resource["resourceType"] == "Patient":
            resource = {**resource, "id": str(person.patient.pk)}
            request = {"method": "PUT", "url": f"Patient/{person.patient.pk}", "ifMatch": 'W/"0"'}
        made.append({"fullUrl": full_url, "resource": resource, "request": request})
    return made


def plain(value, names: dict[str, str]):
    """Return a value as it must come out: references under their names here, numbers as they were written."""
    if isinstance(value, dict):
        return {
            name: names.get(item, item) if name in ADDRESSES and isinstance(item, str) else plain(item, names)
            for name, item in value.items()
            if name != "id" or "resourceType" not in value
        }
    if isinstance(value, list):
        return [plain(item, names) for item in value]
    return str(value) if isinstance(value, Decimal) else value


def without_ours(resource: dict) -> dict:
    meta = {
        name: value
        for name, value in resource.get("meta", {}).items()
        if name not in {"versionId", "lastUpdated", "security"}
    }
    return {**{name: value for name, value in resource.items() if name != "meta"}, "meta": meta}


def go_through(program, person: people.Person, listed: list[tuple[str, dict]]) -> None:
    answer = program.transact(*entries(person, listed))
    assert answer.status_code == 200, said(answer)
    written = [one["response"]["location"].split("/")[-4:-2] for one in json(answer)["entry"]]
    names = {full_url: "/".join(name) for (full_url, _resource), name in zip(listed, written, strict=True)}
    for full_url, resource in listed:
        names[references.name_of(resource)] = names[full_url]
    stored, where = {}, f"Patient/{person.patient.pk}/$everything?_count=200"
    while where:
        page = program.read(where)
        stored |= {references.name_of(one["resource"]): one["resource"] for one in page["entry"]}
        onward = [link["url"] for link in page["link"] if link["relation"] == "next"]
        where = onward[0].partition("/fhir/")[2] if onward else ""
    assert len(stored) == len(listed)
    for full_url, resource in listed:
        found = stored[names[full_url]]
        assert plain(without_ours(found), {}) == plain(without_ours(resource), names), full_url
        assert list(found["meta"]["security"][: len(resource.get("meta", {}).get("security", ()))]) == list(
            resource.get("meta", {}).get("security", ())
        )


@needs_data
@pytest.mark.parametrize("path", synthea(), ids=lambda path: path.name.partition("_")[0])
def test_a_synthetic_patient_comes_out_as_they_went_in(own, ana, path):
    bundle = text.loads(gzip.decompress(path.read_bytes()))
    listed = [(one["fullUrl"], one["resource"]) for one in bundle["entry"]]
    go_through(own(ana), ana, [(url, one) for url, one in listed if not validate.check(one)])


@needs_data
def test_the_examples_of_us_core_come_out_as_they_went_in(own, ground):
    groups = us_core()
    assert sum(map(len, groups.values())) > 150
    for group in groups.values():
        person = people.patient()
        go_through(own(person), person, [(f"https://us-core.example/{references.name_of(one)}", one) for one in group])
