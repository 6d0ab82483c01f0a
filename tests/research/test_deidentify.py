"""What tells whose data they are does not leave: the 18 identifiers, dates, areas, ages, and pseudonyms."""

import io
import json
import re
from datetime import date

import ibis
import pyarrow as pa
import pyarrow.csv
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ehr.r4 import definitions
from research.deidentify import codes, running
from research.deidentify.declaring import Kind, declared
from research.deidentify.problems import Refused
from research.deidentify.pseudonyms import Pseudonyms
from research.deidentify.rules import Areas, Rules
from research.flatten import running as flattening
from tests.research import planted

TODAY = date(2026, 11, 21)
ALL = Rules(TODAY, fewest=1)  # so that the form of a value alone decides
NAMES = Pseudonyms(b"k" * 32)


def column(name, kind=None, path="id", **needs):
    tags = {"kind": kind, **needs} if kind else needs
    return {"name": name, "path": path, "tag": [{"name": f"deidentify/{n}", "value": v} for n, v in tags.items()]}


def view(*columns, **more):
    return {"resource": "Patient", "select": [{"column": list(columns)}], **more}


def left(values, kind, *, rules=ALL, owners=None, **needs):
    """Return what leaves of one column, in the order of the owners' numbers."""
    owners = owners or [f"owner-{place:03}" for place in range(len(values))]
    table = pa.table({"_owner": owners, "it": values})
    made = running.table(view(column("it", kind, **needs)), table, rules, NAMES)
    by_person = {row["person"]: row["it"] for row in made.to_pylist()}
    return [by_person[NAMES.person(owner)] for owner in owners]


TYPES = sorted(definitions.resource_types() & definitions.parts().keys())
LOINC = {"system": "http://loinc.org"}
EVERY_KIND = [
    *[(f"code_{number}", Kind.CODE, {"system": system}) for number, system in enumerate(codes.SYSTEMS)],
    ("code_listed", Kind.CODE, {"values": "final, amended"}),
    *[(kind.value, kind, {}) for kind in (Kind.DATE, Kind.BIRTH, Kind.ZIP, Kind.STATE, Kind.SEX, Kind.ID)],
]


def everything(texts, rules, names=NAMES):
    """Return as CSV what leaves where every text stands in a column of every kind."""
    texts = sorted(texts)
    table = pa.table(
        {"_owner": [f"owner-{place}" for place in range(len(texts))]} | {name: texts for name, _, _ in EVERY_KIND}
    )
    made = running.table(view(*(column(name, kind, **needs) for name, kind, needs in EVERY_KIND)), table, rules, names)
    written = io.BytesIO()
    pyarrow.csv.write_csv(made, written)
    return written.getvalue().decode()


@pytest.fixture(scope="module")
def planting():
    made = planted.Planting()
    made.records = {kind: made.record(kind) for kind in TYPES}
    return made


@pytest.mark.parametrize("dates", ["years", "shifted"])
def test_j7_6_no_identifier_planted_in_any_element_of_any_type_leaves_in_any_kind(planting, dates):
    held = {text for record in planting.records.values() for text in planted.texts(record)}
    assert len(TYPES) >= 146
    assert len(held & planting.texts) > 5_000
    written = everything(held - set(TYPES), Rules(TODAY, dates))
    assert not planting.texts & cells(written)
    assert "Quuxington" not in written
    assert "1931-" not in written
    assert "1931" not in cells(written)


def test_by_its_form_alone_only_a_bare_number_with_the_right_check_digits_is_taken_for_a_code(planting):
    """Which is why a code of few people is withheld: nobody's number is also somebody else's."""
    taken = planting.texts & cells(everything(planting.texts, ALL))
    assert all(text.isdigit() and codes.SYSTEMS["http://snomed.info/sct"](text) for text in taken)
    assert len(taken) < len(planting.texts) / 1000


def cells(written):
    return set(re.split(r'[,\n"]+', written))


def test_every_type_flattened_whole_leaves_without_what_was_planted(planting):
    found = set()
    for kind, record in planting.records.items():
        columns = [
            {"name": f"c{number}", "path": path, "collection": True}
            for number, (path, fhir_type) in enumerate(planted.paths(kind))
            if fhir_type not in ("xhtml", "Resource")
        ]
        definition = {"resource": kind, "select": [{"column": columns}]}
        records = flattening.documents([("ana", json.dumps(record))])
        (row,) = flattening.table(definition, records).to_pylist()
        found |= {str(value) for cell in row.values() if isinstance(cell, list) for value in cell}
    assert len(found & planting.texts) > 1000, "the views read what was planted"
    assert not planting.texts & cells(everything(found, Rules(TODAY)))


def test_no_planted_number_leaves(planting):
    numbers = sorted(planting.numbers)
    assert set(left(numbers, Kind.NUMBER, low="0", high="100000")) == {None}


def test_none_of_the_18_identifiers_leaves_as_it_was():
    given_texts = {identifier: text.format(12345) for identifier, text in planted.IDENTIFIERS.items()}
    written = everything(set(given_texts.values()), ALL)
    assert len(given_texts) == 18
    assert [identifier for identifier, text in given_texts.items() if text in written] == []


def test_a_column_that_nobody_declared_is_refused():
    with pytest.raises(Refused, match="Free text does not leave"):
        declared(view(column("note", path="text.div")))
    with pytest.raises(Refused, match="Free text does not leave"):
        declared(view(column("note", "text")))
    table = pa.table({"_owner": ["ana"], "sex": ["female"], "more": ["x"]})
    with pytest.raises(Refused, match="nobody declared"):
        running.table(view(column("sex", "sex")), table, ALL, NAMES)


@pytest.mark.parametrize(
    ("given_column", "words"),
    [
        (column("value", "number"), "bounds"),
        (column("value", "number", low="5", high="1"), "below"),
        (column("code", "code"), "give the codes"),
        (column("code", "code", system="https://hospital.example/codes"), "one system"),
        (column("person", "id"), "taken by the pseudonym"),
        (column("sex", "sex") | {"collection": True}, "a list does not leave"),
    ],
)
def test_a_column_says_what_its_kind_needs(given_column, words):
    with pytest.raises(Refused, match=words):
        declared(view(given_column))


def test_a_column_of_another_type_than_its_kind_is_refused():
    table = pa.table({"_owner": ["ana"], "it": [987654321]})
    with pytest.raises(Refused, match="its kind holds text"):
        running.table(view(column("it", "code", **LOINC)), table, ALL, NAMES)


def test_dates_leave_as_years_and_none_that_tells_an_age_of_90():
    given_dates = ["2019-03-04T05:06:07Z", "2019-03", "1937-12-31", "1936-12-31", "0019-01-01", "19 March", None]
    assert left(given_dates, Kind.DATE) == [2019, 2019, 1937, None, None, None, None]


def test_ages_from_90_on_are_90():
    born = ["1936-11-21", "1936-11-22", "1901", "2026-11-21", "2027-01-01", "2000-11-22", "1890-01-01", "in May"]
    assert left(born, Kind.BIRTH) == [90, 89, 90, 0, None, 25, None, None]


def test_zip_codes_leave_as_areas_and_small_areas_as_000():
    assert left(["02139", "02139-4307", "03601", "89312", "2139", "SW1A 1AA"], Kind.ZIP) == [
        "021", "021", "000", "000", None, None,
    ]  # fmt: skip
    of_2020 = Rules(TODAY, fewest=1, areas=Areas(2020, frozenset({"021"})))
    assert left(["02139", "03601"], Kind.ZIP, rules=of_2020) == ["000", "036"]


def test_the_17_areas_of_the_census_of_2000_are_those_that_hhs_lists():
    assert Rules(TODAY).areas.census == 2000
    assert len(Rules(TODAY).areas.sparse) == 17


def test_a_code_of_few_people_is_withheld():
    values = ["8302-2"] * 11 + ["29463-7"] * 10
    rules = Rules(TODAY)
    assert left(values, Kind.CODE, rules=rules, **LOINC) == ["8302-2"] * 11 + [None] * 10


def test_many_rows_of_one_person_do_not_make_a_code_common():
    table = pa.table({"_owner": ["ana"] * 50, "it": ["8302-2"] * 50})
    made = running.table(view(column("it", "code", **LOINC)), table, Rules(TODAY), NAMES)
    assert set(made["it"].to_pylist()) == {None}


@pytest.mark.parametrize(
    ("system", "code", "is_one"),
    [
        ("http://loinc.org", "8302-2", True),
        ("http://loinc.org", "29463-7", True),
        ("http://loinc.org", "29463-8", False),
        ("http://loinc.org", "555-0147", False),
        ("http://snomed.info/sct", "44054006", True),
        ("http://snomed.info/sct", "44054007", False),
        ("http://snomed.info/sct", "446151000124109", True),
        ("http://unitsofmeasure.org", "mg/dL", True),
        ("http://unitsofmeasure.org", "Costa", False),
        ("http://hl7.org/fhir/sid/icd-10-cm", "E11.9", True),
        ("http://hl7.org/fhir/sid/icd-10-cm", "E1190077", False),
    ],
)
def test_only_codes_are_codes(system, code, is_one):
    assert codes.SYSTEMS[system](code) is is_one


def test_j7_8_two_studies_share_no_value():
    owners = [f"owner-{number}" for number in range(300)]
    first, second = (
        {value for owner in owners for value in (names.person(owner), names.record(owner))}
        for names in (Pseudonyms(b"a" * 32), Pseudonyms(b"b" * 32))
    )
    assert len(first) == len(second) == 600
    assert not first & second


def test_one_study_knows_a_person_again():
    assert NAMES.person("ana") == Pseudonyms(b"k" * 32).person("ana")
    assert left(["e-1", "e-1", "e-2"], Kind.ID)[0] == left(["e-1"], Kind.ID)[0]


@given(st.text(min_size=1), st.text(min_size=1))
def test_shifts_are_within_a_year_and_never_none(owner, other):
    days = NAMES.days(owner)
    assert 1 <= abs(days) <= 365
    assert (NAMES.person(owner) == NAMES.person(other)) == (owner == other)


def test_shifted_dates_keep_their_distances_and_differ_between_people():
    rules = Rules(TODAY, "shifted", fewest=1)
    table = pa.table({"_owner": ["ana", "ana", "ben"], "it": ["2020-01-01T23:00:00Z", "2020-03-01", "2020-01-01"]})
    made = running.table(view(column("it", "date")), table, rules, NAMES).to_pylist()
    anas = sorted(row["it"] for row in made if row["person"] == NAMES.person("ana"))
    bens = [row["it"] for row in made if row["person"] == NAMES.person("ben")]
    assert (anas[1] - anas[0]).days == 60
    assert anas[0] != date(2020, 1, 1)
    assert bens[0] != anas[0]


def test_rows_leave_in_an_order_that_says_nothing_of_their_order_before():
    owners = [f"owner-{number:03}" for number in range(40)]
    table = pa.table({"_owner": owners, "it": ["female"] * 40})
    people = running.table(view(column("it", "sex")), table, ALL, NAMES)["person"].to_pylist()
    assert people == sorted(people)


def test_a_key_that_is_no_key_makes_no_pseudonyms():
    with pytest.raises(Refused):
        Pseudonyms(b"short")


def mixed():
    size = 60
    return pa.table(
        {
            "_owner": [f"owner-{place % 20}" for place in range(size)],
            **{name: [texts[place % len(texts)] for place in range(size)] for name, texts in MIXED.items()},
            "number": [place * 1.375 for place in range(size)],
        }
    )


MIXED = {
    "code_0": ["8302-2", "29463-7", "Costa", None],
    "date": ["2019-03-04", "1900-01-01", "2020-02", None],
    "birth": ["1936-11-21", "2000-11-22", "x"],
    "zip": ["02139", "03601", None],
    "state": ["MA", "XX"],
    "sex": ["female", "Ana"],
    "id": ["e-1", "e-2", None],
}


@pytest.mark.filterwarnings("ignore")  # Spark's own: sockets that it leaves open, and pandas' news
@pytest.mark.parametrize("dates", ["years", "shifted"])
def test_spark_gives_what_duckdb_gives(dates, tmp_path, monkeypatch):
    pyspark = pytest.importorskip("pyspark", reason="needs pyspark, an optional extra, and Java")
    columns = declared(
        view(
            *(column(name, kind, **needs) for name, kind, needs in EVERY_KIND if name in MIXED),
            column("number", "number", low="0", high="70", decimals="1"),
        )
    )
    rules = Rules(TODAY, dates)
    with running.closed_connection() as connection:
        duck = running.by(ibis.duckdb.from_connection(connection), columns, mixed(), rules, NAMES)
    monkeypatch.chdir(tmp_path)
    session = pyspark.sql.SparkSession.builder.master("local[1]").getOrCreate()
    try:
        spark = running.by(ibis.pyspark.connect(session), columns, mixed(), rules, NAMES)
    finally:
        session.stop()
    assert duck.num_rows == 60
    assert spark.to_pylist() == duck.to_pylist()
