"""A synthetic twin: the columns of a release, values that nobody has, and no record read for it."""

import csv
import io
import json
import uuid
import zipfile
from datetime import date
from hashlib import sha256

import pytest

from research.deidentify import codes
from research.deidentify.problems import Refused
from research.release import twin, viewing
from research.release.twin import Dictionary
from tests.research.releasing import VIEWS, tagged

STUDY, TODAY = uuid.UUID(int=7), date(2026, 11, 21)
CODED = "code.coding.code.first()"
EVERY = (
    {
        "resource": "Patient",
        "select": [
            {
                "column": [
                    tagged("age", "birthDate", "birth"),
                    tagged("area", "address.first().postalCode", "zip"),
                    tagged("state", "address.first().state", "state"),
                    tagged("sex", "gender", "sex"),
                ]
            }
        ],
    },
    {
        "resource": "Observation",
        "select": [
            {
                "column": [
                    tagged("on", "effective.ofType(dateTime)", "date"),
                    tagged("smokes", "value.ofType(boolean)", "truth"),
                    tagged("visit", "getResourceKey()", "id"),
                    tagged("status", "status", "code", values="final, amended"),
                    tagged("level", "value.ofType(Quantity).value", "number", low="-5", high="7.5", decimals="1"),
                    *(tagged(f"c{n}", CODED, "code", system=system) for n, system in enumerate(codes.SYSTEMS)),
                ]
            }
        ],
    },
)


def made(views=EVERY, *, shifted=False):
    content = twin.packed(Dictionary(STUDY, "Sleep", views, shifted=shifted, today=TODAY))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def rows(content):
    return list(csv.DictReader(io.StringIO(content.decode())))


def test_it_has_the_columns_that_the_views_declare_in_their_order():
    for name in ("data.csv", "data-coarse.csv"):
        assert list(rows(made()[name])[0]) == ["person", *viewing.declared(EVERY)]
    assert list(rows(made(VIEWS)["data.csv"])[0]) == ["person", "age", "sex", "measured", "weight", "code"]


def test_every_value_is_one_that_its_column_could_hold():
    declared = viewing.declared(EVERY)
    found = rows(made()["data.csv"])
    assert len(found) == twin.ROWS
    for row in found:
        for number, (_system, is_one) in enumerate(codes.SYSTEMS.items()):
            assert row[f"c{number}"] == "" or is_one(row[f"c{number}"])
        assert row["level"] == "" or -5 <= float(row["level"]) <= 7.5
        assert row["age"] == "" or 0 <= int(row["age"]) <= 90
        assert row["on"] == "" or 2016 <= int(row["on"]) <= 2026
        assert row["status"] in {"", *declared["status"].values}
        assert row["state"] in {"", *codes.STATES}
    assert any(row["level"] == "" for row in found), "a program must bear empty cells"


def test_it_shows_what_coarser_looks_like_too():
    found = rows(made()["data-coarse.csv"])
    assert {len(row["age"].split("-")) for row in found if row["age"] not in ("", "90")} == {2}
    assert {row["sex"] for row in found} <= {"", "*"}
    assert {row["area"][2:] for row in found} <= {"", "*"}


def test_days_where_the_terms_let_days_leave():
    content = made(shifted=True)
    for row in rows(content["data.csv"]):
        assert row["on"] == "" or date.fromisoformat(row["on"]) <= TODAY
    fields = json.loads(content["datapackage.json"])["resources"][0]["schema"]["fields"]
    assert next(one["type"] for one in fields if one["name"] == "on") == "date"


def test_each_file_says_that_it_is_synthetic():
    content = made()
    for name, told in content.items():
        assert b"synthetic" in told.lower(), name
    assert all(row["person"].startswith("synthetic-") for row in rows(content["data.csv"]))
    package = json.loads(content["datapackage.json"])
    assert package["synthetic"] is True
    assert all(one["synthetic"] is True for one in package["resources"])
    for one in package["resources"]:
        assert one["hash"] == f"sha256:{sha256(content[one['path']]).hexdigest()}"


def test_it_is_the_same_again_and_another_for_another_study():
    first = twin.packed(Dictionary(STUDY, "Sleep", EVERY, shifted=False, today=TODAY))
    assert twin.packed(Dictionary(STUDY, "Sleep", EVERY, shifted=False, today=TODAY)) == first
    assert twin.packed(Dictionary(uuid.UUID(int=8), "Sleep", EVERY, shifted=False, today=TODAY)) != first


def test_views_that_declare_nothing_make_no_twin():
    with pytest.raises(Refused, match="say of which kind it is"):
        made(({"resource": "Patient", "select": [{"column": [{"name": "id", "path": "id"}]}]},))
