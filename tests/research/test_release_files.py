"""What is in a release's file, whose copy it is, and how days leave where the terms let days leave."""

import csv
import io
import json
import re
import zipfile
from datetime import date, timedelta
from html import escape

import pytest
from django.core.management import CommandError, call_command

from audit import queries as audit
from audit.models import Event
from consent.keyholder import studies as keyholder
from ehr import clock
from research import marks, queries
from research.deidentify.pseudonyms import Pseudonyms
from research.deidentify.rules import Rules
from research.flatten import running as flattening
from research.leaving import crowds
from research.models import PrivateAnswer, Release
from research.release import asking, files, making, reported, tables
from research.studies import proposing, running
from tests.research import releasing, studying
from tests.research.releasing import VIEWS

pytestmark = pytest.mark.django_db
EXPERT = "Dr. Ada Ng, “Risk of days shifted within a year”, 2026-10-02"


@pytest.fixture(autouse=True)
def small_groups(settings):
    settings.RESEARCH_SMALL, settings.RESEARCH_BASE = 3, 3


@pytest.fixture
def board(db):
    studying.prepare_ground()
    keyholder._begun.clear()
    return studying.committee()


@pytest.fixture
def rosa(board):
    return studying.researcher()


def released(rosa, board, **instead):
    """Return a release that was fetched, and its file's contents by name."""
    study = studying.opened(rosa, board, views=VIEWS, **instead)
    releasing.joined(study)
    PrivateAnswer.objects.create(
        study=study, digest=b"d" * 32, price=7, as_of=clock.now().date(), question={}, answer={}
    )
    release = asking.ask(study, by=rosa.user)
    making.make(release.pk)
    release.refresh_from_db()
    content = b"".join(asking.fetch(release, by=rosa.user, keyring=rosa.keyring))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return release, {name: archive.read(name) for name in archive.namelist()}


def rows(content):
    return list(csv.DictReader(io.StringIO(content.decode())))


def acts():
    """Return what the log says was done, the first first."""
    return [audit.find(event.pk).action for event in Event.objects.order_by("id")]


def traced(path):
    heard = io.StringIO()
    call_command("name_recipient", str(path), stdout=heard)
    return heard.getvalue()


def test_a_file_says_how_it_came_about_what_it_risks_and_what_it_lost(rosa, board):
    release, content = released(rosa, board)
    assert set(content) == {
        "data.parquet", "data.csv", "datapackage.json", "report.html", "ro-crate-metadata.json", "README.txt",
    }  # fmt: skip
    graph = {one["@id"]: one for one in json.loads(content["ro-crate-metadata.json"])["@graph"]}
    digests = {one["sha256"] for one in graph.values() if one["@type"] == "SoftwareSourceCode"}
    assert digests == {files.view_digest(view) for view in VIEWS}
    said = {one["name"]: one["value"] for one in graph.values() if one["@type"] == "PropertyValue"}
    assert said["terms"] == bytes(release.study.terms).hex()
    assert re.fullmatch("[0-9a-f]{64}", said["snapshot"])
    assert json.loads(said["ledger"]) == [str(one.pk) for one in release.study.private_answers.all()]
    assert (said["k"], said["diversity"], said["suppressed"]) == ("3", "{}", "0")
    assert set(json.loads(said["loss"])) == {"certainty", "discernibility", "entropy"}
    assert json.loads(said["hierarchies"]).keys() == json.loads(said["levels"]).keys() == {"age", "sex", "measured"}
    assert json.loads(said["hierarchies"])["age"] == ["5 years", "10 years", "30 years", "*"]
    assert {"way", "rows left out at most", "risks before", "risks after", "dates"} < said.keys()
    listed = {one["@id"] for one in graph["./"]["hasPart"]}
    assert {"data.parquet", "data.csv", "datapackage.json", "report.html"} <= listed

    page = content["report.html"].decode()
    for figure in reported.figures(release.facts):
        assert figure.title in page
        assert escape(figure.description) in page
    assert page.count("<svg") == page.count("<tbody>") == 3
    assert "<script" not in page


def test_its_data_dictionary_describes_both_tables_cell_by_cell(rosa, board):
    _release, content = released(rosa, board)
    package = json.loads(content["datapackage.json"])
    assert [one["path"] for one in package["resources"]] == ["data.csv", "data.parquet"]
    fields = package["resources"][0]["schema"]["fields"]
    found = rows(content["data.csv"])
    assert [one["name"] for one in fields] == list(found[0])
    read = {"integer": int, "number": float, "string": str}
    for row in found:
        for one in fields:
            value = row[one["name"]] and read[one["type"]](row[one["name"]])
            bounds = one.get("constraints", {})
            assert value == "" or bounds.get("minimum", value) <= value <= bounds.get("maximum", value)
    keys = [row[package["resources"][0]["schema"]["primaryKey"]] for row in found]
    assert len(set(keys)) == len(keys)
    assert package["contributors"] == [{"title": "Rosa Klein", "organization": "City University", "role": "recipient"}]


def test_its_synthetic_twin_has_the_same_columns_and_types(rosa, board):
    release, content = released(rosa, board)
    with zipfile.ZipFile(io.BytesIO(asking.synthetic(release.study))) as archive:
        coarse, exact = (
            {one["name"]: one for one in resource["schema"]["fields"]}
            for resource in reversed(json.loads(archive.read("datapackage.json"))["resources"])
        )
        made = rows(archive.read("data.csv"))
    real = json.loads(content["datapackage.json"])["resources"][0]["schema"]["fields"]
    assert list(made[0]) == [one["name"] for one in real]
    for one in real:
        assert one in (exact[one["name"]], coarse[one["name"]])


# --- Whose copy it is ----------------------------------------------------------------------------
def test_one_row_of_a_copy_names_its_recipient_and_that_is_on_the_log(rosa, board, tmp_path):
    release, content = released(rosa, board)
    leaked = tmp_path / "found.csv"
    leaked.write_text("".join(content["data.csv"].decode().splitlines(keepends=True)[:2]))
    said = traced(leaked)
    assert "Rosa Klein" in said
    assert str(release.pk) in said
    assert "1 of 1 pseudonyms" in said
    assert acts().count("study.release-traced") == 1
    parquet = tmp_path / "found.parquet"
    parquet.write_bytes(content["data.parquet"])
    assert "4 of 4 pseudonyms" in traced(parquet)


def test_a_table_of_somebody_elses_names_nobody(rosa, board, tmp_path):
    released(rosa, board)
    other = tmp_path / "other.csv"
    other.write_text(f"person,weight\n{'ab' * 16},84\n")
    with pytest.raises(CommandError, match="None of 1 rows"):
        traced(other)
    other.write_bytes(b"PK nothing")
    with pytest.raises(CommandError, match="no table"):
        traced(other)
    assert "study.release-traced" not in acts()


@pytest.mark.security
def test_a_mark_opens_for_its_release_alone_and_needs_the_servers_key(rosa, board, tmp_path, settings):
    release, content = released(rosa, board)
    assert marks.of(release).key not in bytes(release.mark)
    other = Release(study=release.study, asked_by=rosa.user, mark=release.mark)
    with pytest.raises(marks.stored.NotOurs):
        marks.of(other)
    leaked = tmp_path / "found.csv"
    leaked.write_bytes(content["data.csv"])
    settings.STORAGE_KEY = b"x" * 32
    with pytest.raises(CommandError, match="another deployment"):
        traced(leaked)


# --- Days ----------------------------------------------------------------------------------------
def test_years_alone_leave_unless_the_terms_name_a_determination(rosa, board):
    release, content = released(rosa, board)
    assert release.facts["dates"] == "years"
    assert {row["measured"] for row in rows(content["data.csv"])} == {"2024"}


def test_with_a_determination_days_are_shifted_and_still_nobody_stands_alone(rosa, board):
    release, content = released(rosa, board, determination=EXPERT)
    assert release.facts["dates"] == "shifted"
    measured = [row["measured"] for row in rows(content["data.csv"])]
    assert "2024-03-04" not in measured
    assert all(measured.count(one) >= 3 for one in measured)
    fields = {one["name"]: one for one in json.loads(content["datapackage.json"])["resources"][0]["schema"]["fields"]}
    assert "shifted" in fields["measured"]["description"]


def test_each_persons_days_are_shifted_by_a_number_of_their_own(tmp_path):
    names = Pseudonyms(b"k" * 32, shifts=b"s" * 32)
    people = [f"owner-{number}" for number in range(12)]
    documents = [(one, draft.resource.decode()) for one in people for draft in releasing.drafts(3)]
    rules = Rules(date(2026, 11, 21), dates="shifted", fewest=1)
    made = tables.make(
        VIEWS, flattening.documents(documents), names=names, rules=rules, mark=marks.new(), folder=tmp_path
    )
    found = dict(made.frame.select("person", "measured").iter_rows())
    expected = {names.person(one): date(2024, 3, 4) + timedelta(days=names.days(one)) for one in people}
    assert found == expected
    assert date(2024, 3, 4) not in found.values()


@pytest.mark.security
def test_a_study_shifts_alike_in_all_its_releases_and_no_other_study_does(rosa, board):
    shifts = []
    for title in ("First", "Second"):
        study = studying.opened(rosa, board, title=title, determination=EXPERT)
        keyring = running.keys_for(queries.run_at(study, clock.now()))
        both = [crowds.names(keyring, Release(study=study)) for _ in range(2)]
        assert [one.days("ana") for one in both] == [both[0].days("ana")] * 2
        assert both[0].person("ana") != both[1].person("ana")
        shifts.append([both[0].days(f"owner-{number}") for number in range(20)])
    assert shifts[0] != shifts[1]


def of_ages(*ages):
    """Return documents of people of these ages, each with one weight."""
    return [
        (f"owner-{number}", json.dumps(one))
        for number, age in enumerate(ages)
        for one in (
            {"resourceType": "Patient", "id": f"p-{number}", "gender": "female", "birthDate": f"{2026 - age}-01-03"},
            {"resourceType": "Observation", "id": f"w-{number}", "effectiveDateTime": "2024-03-04",
             "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]},
             "valueQuantity": {"value": 60 + number % 7}},
        )
    ]  # fmt: skip


@pytest.mark.parametrize("way", ["full-domain", "mondrian"])
def test_what_leaves_is_shared_also_when_rows_were_left_out_and_numbers_emptied(tmp_path, way):
    ages = [20 + number % 30 for number in range(600)] + [71]
    made = tables.make(
        VIEWS, flattening.documents(of_ages(*ages)), names=Pseudonyms(b"k" * 32),
        rules=Rules(date(2026, 11, 21), fewest=11), mark=marks.new(), folder=tmp_path, way=way,
    )  # fmt: skip
    for name in ("weight", "code"):
        assert made.frame[name].value_counts()["count"].min() >= 11
    assert made.frame["age"].value_counts()["count"].min() >= 11
    assert made.facts["way"] == way


def test_with_spans_of_different_width_nobody_is_left_out_and_crowds_stay_fine(tmp_path):
    ages = [30] * 12 + [31] * 12 + [55, 60, 64, 66, 71, 75, 80, 81, 82, 83, 84]
    documents = flattening.documents(of_ages(*ages))

    def made(way):
        rules, names = Rules(date(2026, 11, 21), fewest=11), Pseudonyms(b"k" * 32)
        return tables.make(VIEWS, documents, names=names, rules=rules, mark=marks.new(), folder=tmp_path, way=way)

    local = made("mondrian")
    assert local.facts["suppressed"] == 0
    assert sorted(local.frame["age"].unique()) == ["30", "31", "55-84"]
    assert "30" not in made("full-domain").frame["age"].to_list()


def test_how_people_are_made_alike_is_in_the_terms_and_what_is_made_follows_it(rosa, board):
    release, content = released(rosa, board, local_recoding=True)
    assert release.facts["way"] == "mondrian"
    assert b"each its own way (Mondrian)" in content["report.html"]
    study = release.study
    assert proposing.intact(study)
    study.local_recoding = False
    assert not proposing.intact(study)


@pytest.mark.security
def test_a_determination_that_was_written_in_after_the_approval_stops_the_study(rosa, board):
    study = studying.opened(rosa, board, views=VIEWS)
    assert proposing.intact(study)
    type(study).objects.filter(pk=study.pk).update(determination=EXPERT)
    study.refresh_from_db()
    assert not proposing.intact(study)
    release = asking.ask(study, by=rosa.user)
    assert making.make(release.pk) == Release.State.STOPPED
