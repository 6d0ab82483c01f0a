"""What was planted in every element of every R4 type reaches no output: no file, no count, no error, no line of a log.

tests/research/test_deidentify.py shows it of each kind of column; here it is the ways out as they are used.
"""

import inspect
import io
import json
import logging
import traceback
import zipfile
from datetime import date

import pyarrow.parquet
import pytest

from audit.models import EventBody
from consent.keyholder import studies as keyholder
from ehr.r4 import definitions
from research import tasks
from research.cohorts import counting
from research.deidentify.declaring import Kind, declared
from research.deidentify.problems import Refused
from research.deidentify.pseudonyms import Pseudonyms
from research.deidentify.rules import Rules
from research.flatten import running as flattening
from research.flatten import views
from research.flatten.problems import ViewProblem
from research.release import making, reading
from research.release.making import files
from tests.research import planted, studying
from tests.research.cohorts_made import Crowd, said
from tests.research.criteria_made import ASTHMA, DIABETES, HBA1C
from tests.research.releasing import tagged
from tests.research.studying import BASIC, LABS

TYPES = sorted(definitions.resource_types() & definitions.parts().keys())
PEOPLE = 12
RULES = Rules(date(2026, 11, 21), fewest=PEOPLE - 1)
NAMES = Pseudonyms(b"k" * 32)
# A kind for each type of element that has one; what is a text gets the kinds that take texts.
KINDS = {
    "boolean": ("truth", {}),
    "date": ("date", {}),
    "dateTime": ("date", {}),
    "instant": ("date", {}),
    **dict.fromkeys(("integer", "decimal", "positiveInt", "unsignedInt"), ("number", {"low": "0", "high": "9999"})),
    "id": ("id", {}),
}
CODED = ("code", {"system": "http://snomed.info/sct"})


@pytest.fixture(scope="module")
def everything():
    """One record of each type, whole to the third step, and all that was planted in them."""
    made = planted.Planting(deepest=3)
    made.records = {kind: made.record(kind) for kind in TYPES}
    return made


def found_in(texts: str, made: planted.Planting) -> list[str]:
    """Return what was planted and stands in a text, wherever: each has a number of its own, and words of its kind."""
    numbers = {str(one) for one in made.numbers}
    return [one for one in planted.told(texts) if one in made.texts or one in made.dates or one in numbers]


def test_every_place_of_every_type_is_planted(everything):
    """All types of R4 that hold data, and in each the places where people write what no code says."""
    assert len(TYPES) >= 146
    for kind, record in everything.records.items():
        fields = definitions.parts()[kind]
        places = set(planted.places(record))
        for place in {"extension", "modifierExtension", "contained", "text"} & fields.keys():
            assert place in places, (kind, place)
        for field in fields.values():
            wanted = {"CodeableConcept": "display", "Annotation": "authorString", "Attachment": "data"}.get(field.type)
            assert wanted is None or wanted in places, (kind, wanted)
    counted = [sum(place in planted.places(one) for one in everything.records.values())
               for place in ("display", "authorString", "data", "_", "family", "div")]  # fmt: skip
    assert min(counted) > 30, counted
    assert len(everything.texts) > 50_000


def test_of_all_elements_of_every_type_a_study_s_view_reads_those_alone_that_tell_nobody():
    """What is read is flattened and left in tests/research/test_deidentify.py; here it is what is not read at all."""
    read, refused = set(), 0
    for kind in TYPES:
        for path, fhir_type in planted.paths(kind):
            name, needs = KINDS.get(fhir_type, CODED)
            view = {"resource": kind, "select": [{"column": [tagged("it", path, name, **needs)]}]}
            try:
                reading.check(views.read(view), declared(view))
            except ViewProblem:
                refused += 1
            else:
                read.add((fhir_type, path.rpartition(".")[2], f"{kind}.{path.partition('.')[0]}"))
    assert refused > 2_000
    assert {fhir_type for fhir_type, _last, _first in read} == {*KINDS, "code", "string", "uri"} - {"id"}
    assert {last for fhir_type, last, _first in read if fhir_type in ("string", "uri")} == {"system", "unit", "url"}
    telling = {"name", "identifier", "telecom", "photo", "text", "contained", "meta", "birthDate", "gender"}
    assert not {first for _type, _last, first in read} & {f"Patient.{one}" for one in telling}


@pytest.mark.parametrize("by", ["compiled", "interpreted"])
def test_what_goes_wrong_is_told_in_the_view_s_own_words(everything, by, caplog):
    """Many read as one, texts as numbers, by both ways a view is run. Python's own words of it, too."""
    caplog.set_level(logging.DEBUG)
    told = []
    for kind in TYPES[::24]:
        record = everything.records[kind] | {"extension": [{"url": each} for each in sorted(everything.texts)[:2]]}
        records = flattening.documents([("ana", json.dumps(record))])
        for path in ("extension.url", "extension.url.first().toInteger() + 1", "text.div.toDateTime()", "id"):
            view = {"resource": kind, "select": [{"column": [{"name": "it", "path": path, "type": "integer"}]}]}
            try:
                flattening.table(view, records, by=by)
            except ViewProblem as problem:
                told += [*traceback.format_exception(problem), str(problem)]
    assert len(told) > 10
    assert found_in("".join(told) + caplog.text, everything) == []


def test_a_number_that_no_table_can_hold_is_told_without_the_number(everything):
    wide = {"resource": "Patient", "select": [{"column": [tagged("it", "x", "number", low="-1e300", high="1e300")]}]}
    with pytest.raises(Refused, match="within 1e"):
        declared(wide)


def test_what_a_database_says_of_values_goes_no_further(everything, monkeypatch):
    running = making.tables.deidentifying

    def stumbling(*_args):
        raise running.duckdb.ConversionException("Type DOUBLE with value 999424825 can't be cast")

    monkeypatch.setattr(running, "by", stumbling)
    view = {"resource": "Patient", "select": [{"column": [tagged("sex", "gender", "sex")]}]}
    with pytest.raises(Refused) as told:
        running.table(view, running.pa.table({"_owner": ["ana"], "sex": ["female"]}), RULES, NAMES)
    assert "999424825" not in "".join(traceback.format_exception(told.value))


# --- The ways out as they are used ---------------------------------------------------------------
WHOLE = (
    {
        "resource": "Patient",
        "select": [
            {
                "column": [
                    tagged("age", "birthDate", "birth"),
                    tagged("sex", "gender", "sex"),
                    tagged("area", "address.postalCode.first()", "zip"),
                    tagged("state", "address.state.first()", "state"),
                    tagged("married", "maritalStatus.coding.code.first()", "code", values="M, S"),
                    tagged("knows", "contact.relationship.coding.code.first()", "code", values="N, C"),
                    tagged("births", "multipleBirth.ofType(integer)", "number", low="1", high="9"),
                    tagged("record", "getResourceKey()", "id"),
                ]
            }
        ],
    },
    {
        "resource": "Observation",
        "select": [
            {
                "column": [
                    tagged("seen", "effective.ofType(dateTime)", "date"),
                    tagged("what", "code.coding.code.first()", "code", system="http://loinc.org"),
                    tagged("value", "value.ofType(Quantity).value", "number", low="1", high="500"),
                    tagged("unit", "value.ofType(Quantity).unit", "code", system="http://unitsofmeasure.org"),
                ]
            }
        ],
    },
    {
        "resource": "DocumentReference",
        "select": [{"column": [tagged("kind", "type.coding.code.first()", "code", system="http://loinc.org")]}],
    },
)


OF_EACH = {*TYPES[::15], *(view["resource"] for view in WHOLE), "Condition", "MedicationRequest", "Procedure"}


@pytest.fixture
def crowd(db, everything, monkeypatch):
    """A study of twelve people who have the types that are asked for, and some others, as a run would open them."""
    studying.prepare_ground()
    keyholder._begun.clear()
    made = Crowd()
    for _ in range(PEOPLE):
        one = made.add(has=(), parts=(BASIC, LABS))
        made.people[one] = [everything.records[kind] for kind in OF_EACH]
    monkeypatch.setattr(counting.snapshots, "take", made.take)
    made.rosa = studying.researcher()
    made.study = studying.opened(made.rosa, categories=studying.Category, views=WHOLE)
    return made


def test_a_release_of_all_of_it_holds_nothing_planted_in_any_of_its_files(everything, crowd, tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    documents = [(str(one), json.dumps(each)) for one, record in crowd.people.items() for each in record]
    made = making.tables.make(
        WHOLE, flattening.documents(documents), names=NAMES, rules=RULES, mark=making.marks.new(), folder=tmp_path
    )
    assert len(made.frame) == PEOPLE
    content = files.packed(made, _about(crowd, made), tmp_path)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    table = pyarrow.parquet.read_table(io.BytesIO(parts["data.parquet"])).to_pylist()
    written = "\n".join(one.decode(errors="replace") for one in parts.values()) + str(table) + caplog.text
    assert {"data.csv", "data.parquet", "datapackage.json", "ro-crate-metadata.json", "report.html"} <= parts.keys()
    assert found_in(written, everything) == []
    assert "Quuxington" not in written


def _about(crowd, made: making.tables.Made) -> files.About:
    study = crowd.study
    return files.About(
        release=study.pk, study=study.pk, title=study.title, recipient="Rosa Klein", institution="City University",
        made_at=making.clock.now(), views=tuple(WHOLE), terms="", snapshot="", facts=made.facts, ledger=(),
    )  # fmt: skip


def test_a_count_of_all_of_it_leaves_a_number_and_nothing_else(everything, crowd, caplog):
    caplog.set_level(logging.DEBUG)
    asked = [
        {"any": [{"condition": {"codes": [DIABETES]}}, {"condition": {"codes": [ASTHMA]}}]},
        {"lab": {"codes": [HBA1C], "from": "1", "unit": "%", "which": "latest"}},
        {"procedure": {"codes": [ASTHMA], "since": "1931-01-01"}},
    ]
    counts = [said(crowd.study, crowd.rosa.user, node) for node in asked]
    assert {one.said for one in counts} <= {None, 10}
    rows = [str([getattr(one, field.attname) for field in one._meta.concrete_fields]) for one in counts]
    lines = b"".join(bytes(one) for one in EventBody.objects.values_list("payload", flat=True)).decode(errors="replace")
    assert found_in("\n".join(rows) + lines + caplog.text, everything) == []
    assert "Quuxington" not in lines


def test_tasks_of_research_take_nothing_so_a_queue_holds_nothing():
    found = {name: one for name, one in vars(tasks).items() if hasattr(one, "delay")}
    assert {"make_releases", "count_cohorts"} <= found.keys()
    assert [name for name, one in found.items() if inspect.signature(one.run).parameters] == []


def test_every_kind_is_among_those_that_are_tried():
    tried = {column.kind for view in WHOLE for column in declared(view).values()}
    assert tried == set(Kind) - {Kind.TRUTH}, "truths are tried of every type"
