"""The compiled engine answers as fhirpathpy does, and what a view gets wrong is said with its place."""

import gzip
import json
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from research.flatten import boundaries, running
from research.flatten.problems import ViewProblem

SYNTHEA = Path(__file__).resolve().parents[3] / "shared" / "data" / "synthea"


def column(path, name="value", **more):
    return {"name": name, "path": path, **more}


def view(*select, resource="Observation", **more):
    return {"resource": resource, "select": list(select), **more}


VIEWS = {
    "measurements": view(
        {
            "column": [
                column("getResourceKey()", "id"),
                column("subject.getReferenceKey(Patient)", "patient"),
                column("effective.ofType(dateTime)", "at", type="dateTime"),
                column("value.ofType(Quantity).value * 2 + 0.5", "number", type="decimal"),
                column("code.coding.exists(system = 'http://loinc.org' and code = '8302-2')", "height"),
                column("category.coding.code", "categories", collection=True),
            ]
        },
        where=[{"path": "status = 'final' and effective.ofType(dateTime) >= @2012"}],
    ),
    "components": view(
        {"column": [column("id", "id")]},
        {
            "unionAll": [
                {"column": [column("code.coding.code.first()", "code"), column("%rowIndex", "row")]},
                {
                    "forEach": "component",
                    "column": [column("code.coding.code.first()", "code"), column("%rowIndex", "row")],
                },
            ]
        },
    ),
    "patients": view(
        {"column": [column("birthDate", type="date", name="born"), column("gender", "sex")]},
        {"forEachOrNull": "telecom.where(use = 'work')", "column": [column("value", "work"), column("'x'", "mark")]},
        {"forEachOrNull": "address", "column": [column("postalCode", "zip"), column("line.join('; ')", "lines")]},
        resource="Patient",
    ),
    "conditions": view(
        {"column": [column("onset.ofType(dateTime) < abatement.ofType(dateTime)", "ended"), column("id", "id")]},
        {"forEach": "code.coding[0]", "column": [column("code & '|' & system", "code")]},
        resource="Condition",
        where=[{"path": "(abatement.ofType(dateTime).empty() or recordedDate > @2000-01-01).not() or id.exists()"}],
    ),
}


@pytest.fixture(scope="module")
def synthea():
    found = sorted(SYNTHEA.glob("*.json.gz"), key=lambda path: path.stat().st_size)[:3]
    if not found:
        pytest.skip("../shared/data/synthea is not there, so there are no records to flatten.")
    entries = [entry for path in found for entry in json.loads(gzip.decompress(path.read_bytes()))["entry"]]
    return running.documents(
        (f"owner-{place % 3}", json.dumps(entry["resource"])) for place, entry in enumerate(entries)
    )


@pytest.mark.parametrize("name", VIEWS)
def test_both_engines_agree_on_synthea(synthea, name):
    assert running.engine(VIEWS[name]) == "compiled"
    compiled, interpreted = (
        running.table(VIEWS[name], synthea, by=by).to_pylist() for by in ("compiled", "interpreted")
    )
    assert compiled
    assert sorted(map(_written, compiled)) == sorted(map(_written, interpreted))


def _written(row):
    """Reckoned numbers agree to ten decimals."""
    return str({name: round(value, 10) if isinstance(value, float) else value for name, value in row.items()})


def flattened(path, resource, *, by=None, **more):
    records = running.documents([("ana", json.dumps(resource))])
    table = running.table(view({"column": [column(path, **more)]}, resource=resource["resourceType"]), records, by=by)
    return table["value"].to_pylist()


@pytest.mark.parametrize("by", ["compiled", "interpreted"])
def test_decimals_add_up_as_people_add(by):
    record = {
        "resourceType": "Observation",
        "valueRange": {"low": {"value": 0.1}, "high": {"value": 0.2}},
    }
    path = "value.ofType(Range).low.value + value.ofType(Range).high.value = 0.3"
    assert flattened(path, record, by=by) == [True]


def test_moments_in_two_zones_are_one_instant():
    record = {"resourceType": "Observation", "effectiveDateTime": "2026-05-03T01:00:00+02:00"}
    assert flattened("effective.ofType(dateTime) = @2026-05-02T23:00:00Z", record) == [True]
    assert flattened("effective.ofType(dateTime) < @2026-05-02", record) == [False]


def test_a_less_precise_date_settles_nothing():
    assert flattened("birthDate = @1970-06-01", {"resourceType": "Patient", "birthDate": "1970-06"}) == [None]


@given(st.text())
@settings(max_examples=25)
def test_no_text_of_a_record_or_a_view_becomes_sql(text):
    quoted = "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
    record = {"resourceType": "Patient", "gender": text}
    assert flattened(f"gender = {quoted}", record, by="compiled") == [True]


@pytest.mark.parametrize(
    ("made", "place", "words"),
    [
        (view({"column": [column("name.nickname")]}, resource="Patient"), "select[0].column[0].path", "no element"),
        (view({"column": [column("value.exists()")]}), "select[0].column[0].path", "value.ofType(…)"),
        (view({"column": [column("name")]}, resource="Patient"), "select[0].column[0].path", "group of elements"),
        (view({"column": [column("code = %limit")]}), "select[0].column[0].path", "among the view's constants"),
        (view({"column": [column("id", "a"), column("id", "a")]}), "select[0].column[1].path", "Rename one"),
        (view({"column": [column("id; drop")]}), "select[0].column[0].path", "is no FHIRPath"),
        (view({"column": [column("id", 'a"b')]}), "select[0].column[0].name", "letters"),
        (view({"forEach": "component", "repeat": ["component"]}), "select[0]", "take one of"),
        (view({"column": [column("id")]}, where=[{"path": "code.coding"}]), "where[0].path", "true or false"),
        (view({"column": [column("id")]}, resource="Person2"), "resource", "resource type"),
    ],
)
def test_a_view_that_cannot_run_is_told_where_and_what_to_do(made, place, words):
    with pytest.raises(ViewProblem) as told:
        running.engine(made)
    assert told.value.path == place
    assert words in told.value.words


@pytest.mark.parametrize("by", ["compiled", "interpreted"])
def test_a_second_value_stops_the_run_and_is_not_told(by):
    record = {"resourceType": "Patient", "name": [{"given": ["Secretina", "Hiddenia"]}]}
    with pytest.raises(ViewProblem, match="forEach") as told:
        flattened("name.given", record, by=by)
    assert told.value.path == "select[0].column[0].path"
    assert "ina" not in str(told.value)


def test_rows_know_whose_record_they_are_from():
    records = running.documents((owner, json.dumps({"resourceType": "Patient", "id": "1"})) for owner in ("ana", "ben"))
    table = running.table(view({"column": [column("id")]}, resource="Patient"), records)
    assert sorted(table["_owner"].to_pylist()) == ["ana", "ben"]


def test_the_engine_opens_no_file(tmp_path):
    (tmp_path / "a.csv").write_text("a\n1\n")
    with running.closed_connection() as connection, pytest.raises(duckdb.Error, match="disabled"):
        connection.sql(f"SELECT * FROM read_csv('{tmp_path / 'a.csv'}')").fetchall()
    with running.closed_connection() as connection, pytest.raises(duckdb.Error, match="locked"):
        connection.execute("SET enable_external_access = true")


@pytest.mark.parametrize(
    ("text", "least", "most"), [("1.50", 1.495, 1.505), ("12", 11.5, 12.5), ("-0.1", -0.15, -0.05)]
)
def test_a_number_means_what_its_digits_mean(text, least, most):
    value = boundaries.Written(text) if "." in text else int(text)
    assert (boundaries.low(value, "decimal"), boundaries.high(value, "decimal")) == (least, most)


@pytest.mark.parametrize(
    ("text", "kind", "least", "most"),
    [
        ("2024-02", "date", "2024-02-01", "2024-02-29"),
        ("2024", "dateTime", "2024-01-01T00:00:00.000+14:00", "2024-12-31T23:59:59.999-12:00"),
        ("2024-02-03T10:11Z", "dateTime", "2024-02-03T10:11:00.000Z", "2024-02-03T10:11:59.999Z"),
        ("10", "time", "10:00:00.000", "10:59:59.999"),
    ],
)
def test_a_moment_means_all_that_it_leaves_open(text, kind, least, most):
    assert (boundaries.low(text, kind), boundaries.high(text, kind)) == (least, most)
