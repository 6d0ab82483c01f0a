"""Which search parameters there are: all of US Core's, all of R4's but those named, and the page says the same."""

from pathlib import Path

import pytest

from ehr.r4 import labels, parameters, paths, table

PAGE = Path(__file__).resolve().parents[2] / "docs" / "fhir-search.md"
# What the capability statement of US Core 7.0.0 lists for servers.
US_CORE = {
    "AllergyIntolerance": "clinical-status patient",
    "CarePlan": "category date patient status",
    "CareTeam": "patient role status",
    "Condition": "_lastUpdated abatement-date asserted-date category clinical-status code encounter onset-date patient "
    "recorded-date",
    "Coverage": "patient",
    "Device": "patient status type",
    "DiagnosticReport": "_lastUpdated category code date patient status",
    "DocumentReference": "_id category date patient period status type",
    "Encounter": "_id _lastUpdated class date discharge-disposition identifier location patient status type",
    "Goal": "description lifecycle-status patient target-date",
    "Immunization": "date patient status",
    "Location": "address address-city address-postalcode address-state name",
    "MedicationDispense": "patient status type",
    "MedicationRequest": "authoredon encounter intent patient status",
    "Observation": "_lastUpdated category code date patient status",
    "Organization": "address name",
    "Patient": "_id birthdate death-date ethnicity family gender gender-identity given identifier name race",
    "Practitioner": "_id identifier name",
    "PractitionerRole": "practitioner specialty",
    "Procedure": "code date patient status",
    "QuestionnaireResponse": "_id authored patient questionnaire status",
    "RelatedPerson": "_id name patient",
    "ServiceRequest": "_id authored category code patient status",
    "Specimen": "_id patient",
}


@pytest.mark.parametrize("kind", US_CORE)
def test_everything_us_core_names_is_searched(kind):
    assert set(US_CORE[kind].split()) <= set(parameters.supported(kind))


def test_every_type_of_a_record_is_searched():
    assert labels.types() <= set(parameters.kinds())


def test_what_is_left_out_is_this_and_no_more():
    left_out = {code for kind in parameters.kinds() for code in parameters.omitted(kind)}
    assert left_out == {"_text", "_content", "_query", "phonetic"}


def test_every_definition_is_searched_or_left_out_with_a_reason():
    for kind in parameters.kinds():
        known, omitted = parameters.supported(kind), parameters.omitted(kind)
        assert known.keys() | omitted.keys() == parameters.defined(kind).keys()
        assert all(len(reason) > 20 for reason in omitted.values())


def test_the_published_table_is_what_the_code_offers():
    assert PAGE.read_text(encoding="utf-8") == table.page()  # python -m ehr.r4.table > docs/fhir-search.md


def test_a_type_that_is_not_kept_has_no_parameters():
    assert parameters.supported("StructureMap") == {}
    assert parameters.supported("Resource") == {}


# --- Expressions -------------------------------------------------------------------------------------
def places(expression: str, kind: str) -> list[tuple[str, str]]:
    """Return (dotted JSON names, FHIR type) of an expression's branches."""
    return [(".".join(step.name for step in one.steps), one.type) for one in paths.compiled(expression, kind)]


def test_a_choice_becomes_the_names_it_has_in_json():
    assert ("valueQuantity", "Quantity") in places("Observation.value", "Observation")
    assert places("(Observation.value as Quantity)", "Observation") == [("valueQuantity", "Quantity")]
    assert places("Observation.value.ofType(Quantity)", "Observation") == [("valueQuantity", "Quantity")]
    assert places("Goal.target.due.as(date)", "Goal") == [("target.dueDate", "date")]


def test_operands_are_joined_and_parentheses_followed():
    assert places("(Observation.value.ofType(CodeableConcept)).text | Observation.code.text", "Observation") == [
        ("valueCodeableConcept.text", "string"),
        ("code.text", "string"),
    ]


def test_conditions_become_tests_of_a_step():
    (branch,) = paths.compiled("Patient.telecom.where(system='email')", "Patient")
    assert branch.steps[-1].test == ("=", "system", "email")
    (branch,) = paths.compiled("Observation.subject.where(resolve() is Patient)", "Observation")
    assert branch.steps[-1].test == ("is", "Patient")


@pytest.mark.parametrize(
    "expression",
    [
        "Observation.code.first()",
        "Observation.code.where(text = 'a' and true)",
        "Observation.where(code.exists())",
        "Observation.where(status = 'final')",
        "Observation.code + 1",
        "Observation.(code",
        "Observation.code)",
        "'text'",
        "",
    ],
)
def test_what_is_not_compiled_is_said_to_be_so(expression):
    with pytest.raises(paths.NotComputable):
        paths.compiled(expression, "Observation")
