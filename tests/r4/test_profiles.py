"""A resource that declares a US Core profile keeps it, or is told where it does not and what to do."""

import copy
import re
import time

import pytest

from ehr.r4 import profile_rules, profiles, validate

from .defects import observation, patient
from .planted import defects

OBSERVATION_CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
UCUM = "http://unitsofmeasure.org"


def concept(code: str, system: str = "http://loinc.org") -> dict:
    return {"coding": [{"system": system, "code": code}]}


def millimetres(code: str, value: int) -> dict:
    quantity = {"value": value, "unit": "mmHg", "system": UCUM, "code": "mm[Hg]"}
    return {"code": concept(code), "valueQuantity": quantity}


def pressure(**changes: object) -> dict:
    """Return a blood pressure that keeps its profile but for the changes; None leaves an element out."""
    whole = {
        "meta": {"profile": [f"{profiles.CORE}us-core-blood-pressure"]},
        "category": [concept("vital-signs", OBSERVATION_CATEGORY)],
        "code": concept("85354-9"),
        "effectiveDateTime": "2026-05-03T09:30:00Z",
        "component": [millimetres("8480-6", 120), millimetres("8462-4", 80)],
    }
    return observation(**whole | changes)


def person(*extensions: dict, **changes: object) -> dict:
    whole = {
        "meta": {"profile": [f"{profiles.CORE}us-core-patient|7.0.0"]},
        "extension": list(extensions),
        "identifier": [{"system": "https://hospital.example/mrn", "value": "1"}],
        "gender": "female",
    }
    return {name: value for name, value in patient(**whole | changes).items() if value not in (None, [])}


def race(*groups: str, system: str = "urn:oid:2.16.840.1.113883.6.238", text: str = "as told") -> dict:
    inner = [{"url": "ombCategory", "valueCoding": {"system": system, "code": code}} for code in groups]
    inner += [{"url": "text", "valueString": text}] if text else []
    return {"url": f"{profiles.CORE}us-core-race", "extension": inner}


def told(resource: dict) -> list[tuple[str, str]]:
    return [(problem.path, problem.message) for problem in validate.check(resource)]


@pytest.mark.parametrize("resource", [pressure(), person(), person(race("2106-3", "2028-9"))])
def test_what_keeps_its_profile_passes(resource):
    assert told(resource) == []


def test_what_declares_no_profile_is_not_held_to_one():
    assert told(pressure(meta=None, component=None, valueString="low")) == []


@pytest.mark.parametrize("version", ["6.1.0", "8.0.0"])
def test_another_version_of_a_profile_is_another_profile(version):
    old = {"profile": [f"{profiles.CORE}us-core-blood-pressure|{version}"]}
    assert told(pressure(meta=old, component=None, valueString="low")) == []


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"subject": None}, "Observation.subject"),
        ({"effectiveDateTime": None}, "Observation.effective[x]"),
        ({"effectiveDateTime": "2026-05"}, "Observation.effectiveDateTime"),
        ({"effectiveDateTime": None, "effectiveInstant": "2026-05-03T09:30:00Z"}, "Observation.effectiveInstant"),
        ({"category": [concept("laboratory", OBSERVATION_CATEGORY)]}, "Observation.category"),
        ({"category": [concept("vital-signs", "http://example.org/own")]}, "Observation.category"),
        ({"code": concept("8480-6")}, "Observation.code"),
        ({"component": [millimetres("8480-6", 120), millimetres("8480-6", 121)]}, "Observation.component"),
        ({"component": [millimetres("8480-6", 120)]}, "Observation.component"),
        ({"subject": {"reference": "Group/1"}}, "Observation.subject"),
        ({"component": [millimetres("8480-6", 120), {"code": concept("8462-4")}]}, "Observation.component[1]"),
    ],
)
def test_a_blood_pressure_that_does_not_keep_its_profile_is_told_where(changes, path):
    assert path in [found for found, _words in told(pressure(**changes))]


def test_a_unit_of_another_kind_is_told_to_be_the_one_the_profile_fixes():
    crooked = pressure()
    crooked["component"][0]["valueQuantity"]["code"] = "kPa"
    ((path, words),) = told(crooked)
    assert path == "Observation.component[0].valueQuantity.code"
    assert words == f"{path} must be “mm[Hg]” by its profile us-core-blood-pressure."


def test_what_is_missing_says_that_a_reason_would_do_too():
    ((_path, words),) = told(person(gender=None))
    assert words == (
        "Patient.gender is missing, and its profile us-core-patient asks for it. "
        "Give it, or say why it is not known (data-absent-reason)."
    )


def test_what_must_be_there_may_say_why_it_is_not():
    unknown = {"extension": [{"url": profile_rules.ABSENT, "valueCode": "unknown"}]}
    assert told(person(gender=None, _gender=unknown)) == []
    assert told(person(name=[unknown])) == []


def test_an_absent_reason_beside_a_name_contradicts_it():
    both = {"family": "Costa", "extension": [{"url": profile_rules.ABSENT, "valueCode": "masked"}]}
    assert [path for path, _words in told(person(name=[both]))] == ["Patient.name[0]"]


@pytest.mark.parametrize(
    ("extension", "path"),
    [
        (race("2106-3", text=""), "Patient.extension[0].extension"),
        (race("9999-9"), "Patient.extension[0].extension[0].valueCoding"),
        (race("2106-3", system="http://example.org/own"), "Patient.extension[0].extension[0].valueCoding"),
        (race("UNK", "ASKU", system="http://terminology.hl7.org/CodeSystem/v3-NullFlavor"), "Patient.extension[0]"),
    ],
)
def test_a_race_that_the_guide_does_not_know_is_told(extension, path):
    assert path in [found for found, _words in told(person(extension))]


def test_the_same_extension_twice_is_once_too_often():
    assert [path for path, _words in told(person(race("2106-3"), race("2028-9")))] == ["Patient.extension"]


@pytest.mark.parametrize(("number", "fine"), [("1234567893", True), ("1234567890", False), ("12345", False)])
def test_a_national_provider_number_is_checked_by_its_check_digit(number, fine):
    organization = {
        "resourceType": "Organization",
        "meta": {"profile": [f"{profiles.CORE}us-core-organization"]},
        "active": True,
        "name": "Harbour Medical Centre",
        "identifier": [{"system": "http://hl7.org/fhir/sid/us-npi", "value": number}],
    }
    assert (told(organization) == []) is fine


def test_a_profile_about_another_type_is_told_apart():
    ((path, words),) = told(patient(meta={"profile": [f"{profiles.CORE}us-core-goal"]}))
    assert path == "Patient.meta.profile"
    assert "about Goal" in words


def test_a_message_about_a_profile_does_not_repeat_what_the_sender_wrote():
    secret = concept("Ana Costa has asthma", "http://ana.example")
    found = told(pressure(code=secret, category=[secret], component=[{"code": secret, "valueString": "Ana"}] * 2))
    assert found
    assert not any("Ana" in words or "ana.example" in words for _path, words in found)


def test_every_message_ends_in_a_sentence_that_says_what_to_do():
    crooked = pressure(subject=None, category=None, code=concept("1"), component=None)
    for _path, words in told(crooked):
        assert re.fullmatch(r"Observation\S* .+\.", words)
        assert "us-core-blood-pressure" in words


def test_every_rule_of_every_profile_is_written_in_python():
    trees = [profiles.tree(name) for name in profiles.types()]
    asked = {rule for tree in trees for rule in _rules(tree)}
    assert len(asked) >= 27
    assert len({key for key, _words in asked}) == len({key for _place, key in profile_rules.RULES})


def _rules(element):
    yield from ((key, words) for key, words, _holds in element.rules)
    for inner in (*element.children.values(), *element.slices.values()):
        yield from _rules(inner)


def test_the_one_required_value_set_that_does_not_ship_is_named():
    assert profiles.left_out() == ["http://cts.nlm.nih.gov/fhir/ValueSet/2.16.840.1.113762.1.4.1021.24"]


def examples(us_core) -> list[tuple[str, str, dict]]:
    return [(file, name, one) for file, one in us_core for name in profiles.declared(one)]


def test_nearly_every_profile_has_an_example(us_core):
    about_resources = {name for name, kind in profiles.types().items() if kind != "Extension"}
    assert about_resources - {name for _file, name, _one in examples(us_core)} <= {
        "us-core-vital-signs",
        "us-core-practitionerrole",
    }


def test_every_requirement_that_an_example_meets_is_caught_when_it_is_broken(us_core):
    missed, planted = [], 0
    for file, name, one in examples(us_core):
        for what, broken in defects(name, one):
            planted += 1
            if not profiles.check(broken):
                missed.append(f"{file}: {what}")
    assert missed == []
    assert planted > 1_300


def test_holding_an_example_to_its_profile_takes_less_than_a_third_of_a_millisecond(us_core):
    declared = [one for _file, _name, one in examples(us_core)]
    started = time.process_time()
    for one in declared:
        profiles.check(one)
    assert (time.process_time() - started) / len(declared) < 0.0003


def test_checking_changes_nothing(us_core):
    for _file, one in us_core[::10]:
        before = copy.deepcopy(one)
        profiles.check(one)
        assert one == before
