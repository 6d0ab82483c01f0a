"""Forty public records of made-up people, read in as another hospital sends them, and what two studies make of them.

Of each record some entries are taken, whole and with all that they refer to; the rest would be read in alike.
"""

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command

from consent.keyholder import studies as keyholder
from consent.sharing import arrivals
from ehr.words import Category
from patients.models import Identifier
from research import joining
from research.models import Joining, Release, Study
from research.release import asking, making
from tests import people
from tests.people import Person
from tests.research import studying
from tests.research.releasing import tagged
from tests.research.studying import BASIC, LABS

SYNTHEA = Path(__file__).resolve().parents[3] / "shared" / "data" / "synthea"
SSN = "http://hl7.org/fhir/sid/us-ssn"
HISTORY = Category.HISTORY
PARTS = (BASIC, LABS, HISTORY)
WEIGHT, HEIGHT = "29463-7", "8302-2"
SINUSITIS = {"system": "http://snomed.info/sct", "code": "444814009", "display": "viral sinusitis"}
# Who takes part in the first release, how many more join before the second, and the rest never do.
FIRST, THEN = 14, 23


def _measured(name: str, code: str, high: str) -> dict:
    return {
        "resource": "Observation",
        "name": name,
        "where": [{"path": f"code.coding.exists(code = '{code}')"}],
        "select": [
            {
                "column": [
                    tagged(f"{name}_in", "effective.ofType(dateTime)", "date"),
                    tagged(name, "value.ofType(Quantity).value", "number", low="1", high=high, decimals="0"),
                    tagged(f"{name}_unit", "value.ofType(Quantity).code", "code", system="http://unitsofmeasure.org"),
                ]
            }
        ],
    }


VIEWS = (
    {
        "resource": "Patient",
        "name": "people",
        "select": [
            {
                "column": [
                    tagged("age", "birthDate", "birth"),
                    tagged("sex", "gender", "sex"),
                    tagged("area", "address.postalCode.first()", "zip"),
                ]
            }
        ],
    },
    _measured("weight", WEIGHT, "300"),
    _measured("height", HEIGHT, "250"),
    {
        "resource": "Condition",
        "name": "sinusitis",
        "where": [{"path": f"code.coding.exists(code = '{SINUSITIS['code']}')"}],
        "select": [
            {
                "column": [
                    tagged("ill_in", "onset.ofType(dateTime)", "date"),
                    tagged("illness", "code.coding.code.first()", "code", system=SINUSITIS["system"]),
                ]
            }
        ],
    },
)


@dataclass
class World:
    """Two studies over the same people, what was read in of each of them, and the files that left."""

    rosa: Person
    study: Study
    bo: Person
    other: Study
    everybody: list[Person]
    records: list[list[dict]]
    first: bytes
    second: bytes
    of_other: bytes

    @property
    def stayed(self) -> list[Person]:
        """Whoever takes part in the first study when its second release is made."""
        return self.everybody[1 : FIRST + THEN]

    @property
    def strangers(self) -> list[Person]:
        """Whoever never took part in anything."""
        return self.everybody[FIRST + THEN :]


def paths() -> list[Path]:
    """Return the public records, the shortest first; skip where they are not there."""
    found = sorted(SYNTHEA.glob("*.json.gz"), key=lambda path: path.stat().st_size)
    if not found:
        pytest.skip("../shared/data/synthea is not there, so there are no records to make releases of.")
    return found


def some(bundle: dict) -> dict:
    """Return a bundle with its Patient, a few entries of each clinical kind, and all that these refer to."""
    entries = {entry["fullUrl"]: entry for entry in bundle["entry"]}
    chosen: list[str] = []
    for url, entry in entries.items():
        if _wanted(entry["resource"], [entries[one]["resource"] for one in chosen]):
            chosen.append(url)
    for url in chosen:  # grows while it is walked
        chosen += [one for one in _references(entries[url]["resource"]) if one in entries and one not in chosen]
    return bundle | {"entry": [entry for url, entry in entries.items() if url in set(chosen)]}


def _wanted(resource: dict, before: list[dict]) -> bool:
    kind, codes = resource["resourceType"], _codes(resource)
    alike = [one for one in before if one["resourceType"] == kind]
    if kind == "Observation":
        return bool(codes & {WEIGHT, HEIGHT}) and not any(codes & _codes(one) for one in alike)
    if kind == "Condition":
        return SINUSITIS["code"] in codes and not any(codes & _codes(one) for one in alike)
    return kind == "Patient"


def _codes(resource: dict) -> set[str]:
    return {one.get("code", "") for one in resource.get("code", {}).get("coding", [])}


def _references(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("reference"), str):
            yield value["reference"]
        for inner in value.values():
            yield from _references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _references(inner)


def _arrived(bundle: dict) -> Person:
    """Return somebody who signed up and showed the number that their record carries."""
    about = bundle["entry"][0]["resource"]
    number = next(one["value"] for one in about["identifier"] if one["system"] == SSN)
    name = f"{about['name'][0]['given'][0]} {about['name'][0]['family']}"
    person = people.account(name)
    person.patient = arrivals.register(
        person.user,
        name=name,
        birth_date=date.fromisoformat(about["birthDate"]),
        sex=about["gender"],
        identifiers=[(SSN, number)],
        keyring=person.keyring,
    )
    return person


def read_in(folder: Path) -> tuple[list[Person], list[list[dict]]]:
    """Return people with their records, and what these hold, as they come from another hospital."""
    everybody, records = [], []
    for path in paths():
        bundle = some(json.loads(gzip.decompress(path.read_bytes())))
        (folder / path.stem).write_text(json.dumps(bundle))
        everybody.append(_arrived(bundle))
        records.append([entry["resource"] for entry in bundle["entry"]])
    Identifier.objects.update(verified_at="2026-01-01T00:00Z")
    call_command("import_fhir", str(folder), stdout=StringIO())
    return everybody, records


def released(study: Study, by: Person) -> bytes:
    """Return the file of a release that is asked for, made and fetched now."""
    release = asking.ask(study, by=by.user)
    assert making.make(release.pk) == Release.State.READY, Release.objects.get(pk=release.pk).because
    release.refresh_from_db()
    return b"".join(asking.fetch(release, by=by.user, keyring=by.keyring))


def joined(study: Study, *everybody: Person) -> list[Joining]:
    return [studying.join(person, study, *PARTS) for person in everybody]


def world(folder: Path) -> World:
    """Read in everybody; let some join, release, let one withdraw and many more join, and release again."""
    studying.prepare_ground()
    everybody, records = read_in(folder)
    keyholder._begun.clear()
    board, rosa, bo = studying.committee(), studying.researcher(), studying.researcher("Bo Ny")
    study = studying.opened(rosa, board, views=VIEWS, categories=PARTS)
    other = studying.opened(bo, board, views=VIEWS, categories=PARTS, title="Height and sleep")
    first_ones = joined(study, *everybody[:FIRST])
    joined(other, *everybody[:FIRST])
    first, of_other = released(study, rosa), released(other, bo)
    joining.withdraw(first_ones[0], keyring=everybody[0].keyring)
    joined(study, *everybody[FIRST : FIRST + THEN])
    return World(rosa, study, bo, other, everybody, records, first, released(study, rosa), of_other)
