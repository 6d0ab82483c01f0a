"""Searching what may be seen: parameters, links, order, pages, shapes."""

import gc
from urllib.parse import quote

import pytest

from audit.models import EventBody
from ehr.fhir.records import Seen
from ehr.words import Category
from tests import people
from tests.fhir.program import Program, json, result, sadness, said

pytestmark = pytest.mark.django_db


@pytest.fixture
def filled(own, ana):
    """Ana's record with a visit, five results of different days and values, and where they come from."""
    program = own(ana)
    visit = {
        "resourceType": "Encounter",
        "status": "finished",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
        "subject": {"reference": f"Patient/{ana.patient.pk}"},
        "period": {"start": "2026-03-01T10:00:00Z", "end": "2026-03-01T11:00:00Z"},
    }
    entries = [{"fullUrl": "urn:uuid:visit", "resource": visit, "request": {"method": "POST", "url": "Encounter"}}]
    for day in range(1, 6):
        one = result(
            ana.patient,
            f"Glucose {day}",
            f"{day}.50",
            effectiveDateTime=f"2026-03-0{day}",
            encounter={"reference": "urn:uuid:visit"},
        )
        entries.append(
            {
                "fullUrl": f"urn:uuid:{day}",
                "resource": one,
                "request": {"method": "POST", "url": "Observation"},
            }
        )
    origin = {
        "resourceType": "Provenance",
        "target": [{"reference": "urn:uuid:1"}],
        "recorded": "2026-03-01T12:00:00Z",
        "agent": [{"who": {"display": "Laboratory"}}],
    }
    entries.append({"resource": origin, "request": {"method": "POST", "url": "Provenance"}})
    answer = program.transact(*entries)
    assert answer.status_code == 200, said(answer)
    return program


def words(found: list[dict]) -> list[str]:
    return [one["code"]["text"].removeprefix("Glucose ") for one in found]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("code=2345-7", "12345"),
        ("code=http://loinc.org|2345-7&date=ge2026-03-03", "345"),
        ("date=gt2026-03-01&date=lt2026-03-04", "23"),
        ("date=2026-03-01,2026-03-05", "15"),
        ("value-quantity=lt3", "12"),
        ("code:text=glucose 4", "4"),
        ("status:not=final", ""),
        ("_has:Provenance:target:recorded=2026-03-01", "1"),
        ("encounter.date=2026-03-01", "12345"),
        ("encounter:Encounter.class=IMP", ""),
        ("subject:Patient.name=costa", "12345"),
        ("patient.birthdate=1984-05-03&value-quantity=gt5", "5"),
        ("combo-value-quantity=2.50", "2"),
    ],
)
def test_what_matches(filled, query, expected):
    assert "".join(sorted(words(filled.find(f"Observation?{quote(query, safe='=&')}")))) == expected


def test_order_by_several_keys(filled):
    assert "".join(words(filled.find("Observation?_sort=date"))) == "12345"
    assert "".join(words(filled.find("Observation?_sort=status,-date"))) == "54321"
    assert "".join(words(filled.find("Observation?_sort=-value-quantity"))) == "54321"


def test_pages_follow_each_other_without_a_gap_or_a_double(filled):
    bundle, seen, pages = filled.read("Observation?_sort=-date&_count=2"), [], 0
    while True:
        pages += 1
        assert bundle["total"] == 5
        seen += words([one["resource"] for one in bundle["entry"]])
        onward = [link["url"] for link in bundle["link"] if link["relation"] == "next"]
        if not onward:
            break
        assert "date" not in onward[0]
        bundle = filled.read(onward[0].partition("/fhir/")[2])
    assert ("".join(seen), pages) == ("54321", 3)


def test_a_page_goes_on_where_it_was_though_its_last_one_is_gone(filled):
    bundle = filled.read("Observation?_sort=date&_count=2")
    [onward] = [link["url"] for link in bundle["link"] if link["relation"] == "next"]
    for one in bundle["entry"]:
        assert filled.ask("DELETE", f"Observation/{one['resource']['id']}").status_code == 204
    assert "".join(words(filled.find(onward.partition("/fhir/")[2]))) == "34"


def test_a_page_is_for_who_asked_and_cannot_be_made_up(filled, own, ana, app):
    bundle = filled.read("Observation?_count=1")
    [onward] = [link["url"].partition("/fhir/")[2] for link in bundle["link"] if link["relation"] == "next"]
    assert app(ana).get(onward).status_code == 400
    assert filled.get(onward[:-4] + "AAAA").status_code == 400
    assert filled.get(onward.replace("Observation", "Encounter")).status_code == 400


def test_what_is_linked_comes_along(filled, ana):
    bundle = filled.read("Observation?date=2026-03-01&_include=Observation:encounter&_revinclude=Provenance:target")
    kinds = {one["resource"]["resourceType"]: one["search"]["mode"] for one in bundle["entry"]}
    assert kinds == {"Observation": "match", "Encounter": "include", "Provenance": "include"}
    assert bundle["total"] == 1
    everything = filled.read("Observation?date=2026-03-01&_include=*&_revinclude=*")
    assert {one["resource"]["resourceType"] for one in everything["entry"]} == {*kinds, "Patient"}
    again = filled.read("Provenance?_include=Provenance:target&_include:iterate=Observation:encounter")
    assert {one["resource"]["resourceType"] for one in again["entry"]} == {"Provenance", "Observation", "Encounter"}


def test_a_question_by_form_is_answered_and_its_pages_tell_nothing(filled):
    answer = filled.ask(
        "POST", "Observation/_search", b"code:text=glucose&_count=2", kind="application/x-www-form-urlencoded"
    )
    bundle = json(answer)
    assert bundle["total"] == 5
    [onward] = [link["url"] for link in bundle["link"] if link["relation"] == "next"]
    assert "glucose" not in onward
    assert len(filled.find(onward.partition("/fhir/")[2])) == 2


def test_shapes(filled):
    assert filled.read("Observation?_summary=count")["total"] == filled.read("Observation?_count=0")["total"] == 5
    assert "entry" not in filled.read("Observation?_summary=count")
    assert "total" not in filled.read("Observation?_total=none")
    [one, *_] = filled.find("Observation?_elements=code")
    assert {"resourceType", "id", "meta", "status", "code"} == set(one)
    assert one["meta"]["tag"][0]["code"] == "SUBSETTED"
    [one, *_] = filled.find("Observation?_summary=true")
    assert "encounter" in one
    assert "category" not in one
    assert b"\n" in filled.get("Observation?_pretty=true").content


def test_what_is_not_known_is_left_out_and_said_or_refused(filled):
    bundle = filled.read("Observation?code=2345-7&colour=red")
    assert bundle["total"] == 5
    [self_link] = [link["url"] for link in bundle["link"] if link["relation"] == "self"]
    assert "colour" not in self_link
    assert "code=2345-7" in self_link
    outcome = bundle["entry"][-1]
    assert outcome["search"]["mode"] == "outcome"
    assert outcome["resource"]["issue"][0]["severity"] == "warning"
    strict = filled.get("Observation?colour=red", Prefer="handling=strict")
    assert strict.status_code == 400
    assert json(strict)["issue"][0]["expression"] == ["http.colour"]


@pytest.mark.parametrize(
    "query",
    ["date=yesterday", "_count=-1", "_count=many", "_summary=all", "_total=some", "value-quantity=much", "_pretty=2"],
)
def test_what_cannot_be_read_is_refused_with_words(filled, query):
    answer = filled.get(f"Observation?{query}")
    assert answer.status_code == 400, said(answer)
    assert json(answer)["issue"][0]["diagnostics"]


def test_one_patients_compartment(filled, ana, ben):
    assert len(filled.find(f"Patient/{ana.patient.pk}/Observation?date=2026-03-02")) == 1
    assert filled.get(f"Patient/{ben.patient.pk}/Observation").status_code == 404


def logged(action: str) -> int:
    return sum(action in bytes(body.payload).decode() for body in EventBody.objects.all())


def test_a_clinician_searches_whoever_let_them_in_with_a_line_for_each(filled, own, ward, ana, ben, lee):
    own(ben).make(result(ben.patient, "Glucose 9"))
    stranger = people.patient("Cara Lindt")
    own(stranger).make(result(stranger.patient, "Glucose 8"))
    people.give(ana, lee, Category.LABS)
    people.give(ben, lee, Category.LABS)
    before = logged("record.searched")
    program = ward(lee)
    assert "".join(sorted(words(program.find("Observation")))) == "123459"
    assert logged("record.searched") - before == 2
    assert words(program.find(f"Observation?patient={ben.patient.pk}")) == ["9"]
    assert logged("record.searched") - before == 3
    assert program.find(f"Observation?patient={stranger.patient.pk}") == []
    assert {one["id"] for one in program.find("Patient")} == {str(ana.patient.pk), str(ben.patient.pk)}
    assert [one["id"] for one in program.find("Patient?name=okoro")] == [str(ben.patient.pk)]


def test_more_records_than_are_opened_at_once_are_refused(filled, ward, ana, ben, lee, settings):
    settings.FHIR_RECORDS_AT_ONCE = 1
    people.give(ana, lee, Category.LABS)
    people.give(ben, lee, Category.LABS)
    answer = ward(lee).get("Observation")
    assert (answer.status_code, json(answer)["issue"][0]["code"]) == (422, "too-costly")
    assert ward(lee).get(f"Observation?patient=Patient/{ana.patient.pk}").status_code == 200


def test_a_search_after_a_stop_finds_nothing(filled, app, ana):
    program: Program = app(ana, Category.LABS)
    filled.make(sadness(ana.patient))
    assert len(program.find("Observation")) == 5
    assert program.find("Condition") == []


def test_scopes_narrow_to_a_category(filled, own, ana):
    vital = "http://terminology.hl7.org/CodeSystem/observation-category|vital-signs"
    assert own(ana, scope=f"patient/Observation.rs?category={vital}").find("Observation") == []
    lab = vital.replace("vital-signs", "laboratory")
    assert len(own(ana, scope=f"patient/Observation.rs?category={lab}").find("Observation")) == 5


def test_everything_of_one_patient(filled, ana):
    bundle = filled.read(f"Patient/{ana.patient.pk}/$everything")
    kinds = [one["resource"]["resourceType"] for one in bundle["entry"]]
    assert kinds[0] == "Patient"
    assert sorted(set(kinds)) == ["Encounter", "Observation", "Patient", "Provenance"]
    only = filled.read(f"Patient/{ana.patient.pk}/$everything?_type=Observation&start=2026-03-04&_count=1")
    assert only["total"] == 2
    [onward] = [link["url"] for link in only["link"] if link["relation"] == "next"]
    assert filled.read(onward.partition("/fhir/")[2])["total"] == 2
    assert filled.read(f"Patient/{ana.patient.pk}/$everything?_since=2099-01-01").get("entry") is None


def test_elements_are_those_of_what_was_found_and_not_of_what_comes_along(filled):
    bundle = filled.read("Observation?_elements=status&_include=Observation:encounter")
    by_mode = {one["search"]["mode"]: one["resource"] for one in bundle["entry"]}
    assert "effectiveDateTime" not in by_mode["match"]
    assert "period" in by_mode["include"]
    assert "tag" not in by_mode["include"]["meta"]


@pytest.mark.parametrize("name", ["value", "value[x]", "valueQuantity", "Observation.value"])
def test_a_choice_is_asked_for_by_the_name_of_all_its_types(filled, name):
    [one, *_] = filled.find(f"Observation?_elements={name}")
    assert "valueQuantity" in one
    assert "effectiveDateTime" not in one


def test_the_last_of_each_measurement(filled, ana):
    assert words(filled.find(f"Observation/$lastn?patient={ana.patient.pk}&max=2")) == ["5", "4"]
    assert filled.get("Observation/$lastn").status_code == 400


def test_the_last_is_told_by_the_moment_and_not_by_what_its_zone_shows(own, ana):
    program = own(ana)
    for value, at in (("1.0", "2026-03-01T01:00:00+12:00"), ("2.0", "2026-02-28T23:00:00Z")):
        program.make(result(ana.patient, f"Glucose {value}", value, effectiveDateTime=at))
    assert words(program.find(f"Observation/$lastn?patient={ana.patient.pk}")) == ["2.0"]


def test_the_same_codes_in_another_order_are_one_measurement(own, ana):
    program = own(ana)
    codings = [{"system": "http://loinc.org", "code": "2345-7"}, {"system": "urn:lab", "code": "GLU"}]
    exam = [{"coding": [{"code": "exam"}]}]
    for day, listed, more in ((1, codings, {}), (2, codings[::-1], {"category": exam}), (3, codings[:1], {})):
        code = {"coding": listed, "text": f"Glucose {day}"}
        program.make(result(ana.patient, code=code, effectiveDateTime=f"2026-03-0{day}", **more))
    assert words(program.find(f"Observation/$lastn?patient={ana.patient.pk}")) == ["3", "2"]


def test_what_was_opened_is_let_go_of_with_the_answer(filled):
    gc.collect()
    gc.disable()
    try:
        assert filled.get("Observation?_count=2").status_code == 200
        assert not [one for one in gc.get_objects() if type(one) is Seen]
    finally:
        gc.enable()
