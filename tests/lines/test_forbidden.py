"""What is not to be given or done says so and is taken for nothing else; so does what nobody here understands."""

from decimal import Decimal
from types import SimpleNamespace

import pytest

from ehr.lines import chart, medicines, sentences

UNKNOWN = [{"url": "https://example.org/only-if", "valueBoolean": True}]
IBUPROFEN = {
    "resourceType": "MedicationRequest",
    "status": "active",
    "intent": "order",
    "doNotPerform": True,
    "medicationCodeableConcept": {"text": "Ibuprofen"},
    "reasonCode": [{"text": "Ulcer"}],
    "requester": {"display": "Dr. Mei Lee"},
}
RESUSCITATION = {
    "resourceType": "ServiceRequest",
    "status": "active",
    "intent": "order",
    "doNotPerform": True,
    "code": {"text": "Cardiopulmonary resuscitation"},
}


def charted(*resources: dict) -> chart.Chart:
    return chart.build([SimpleNamespace(resource={"id": str(n), **one}) for n, one in enumerate(resources)])


def titles(items: list) -> list[str]:
    return [item.line.title for item in items]


def glucose(amount: int, day: int, **more) -> dict:
    found = {"value": Decimal(amount), "unit": "mg/dL"}
    when = f"2026-01-0{day}"
    code = {"text": "Glucose"}
    return {"resourceType": "Observation", "code": code, "effectiveDateTime": when, "valueQuantity": found, **more}


def test_an_order_not_to_give_a_medicine_says_so():
    line = sentences.line(IBUPROFEN)
    assert (line.title, line.status) == ("Not to be given: Ibuprofen", "Active")
    assert line.detail == "for Ulcer · ordered by Dr. Mei Lee"


@pytest.mark.parametrize("said", [False, None])
def test_a_prescription_that_forbids_nothing_is_one(said):
    changed = {**IBUPROFEN, "doNotPerform": said}
    assert sentences.line(changed).title == "Ibuprofen"
    assert medicines.in_force(changed)


def test_what_is_not_to_be_given_is_no_current_medicine_and_in_no_pharmacy():
    found = charted(IBUPROFEN)
    assert (titles(found.not_given), found.medicines) == (["Not to be given: Ibuprofen"], [])
    assert not medicines.in_force(IBUPROFEN)


def test_an_order_not_to_give_that_is_over_stands_with_what_is_over():
    found = charted(IBUPROFEN | {"status": "stopped"})
    assert (titles(found.past_medicines), found.not_given) == (["Not to be given: Ibuprofen"], [])


def test_an_order_not_to_resuscitate_says_so():
    line = sentences.line(RESUSCITATION)
    assert (line.title, line.status) == ("Not to be done: Cardiopulmonary resuscitation", "Active")


def test_what_is_not_to_be_done_stands_before_all_plans():
    plan = {"resourceType": "CarePlan", "status": "active", "title": "Diabetes", "created": "2026-05-03"}
    found = charted(plan, RESUSCITATION | {"authoredOn": "2020-01-01"})
    assert titles(found.plans) == ["Not to be done: Cardiopulmonary resuscitation", "Diabetes"]


def test_a_plan_says_apart_what_is_not_to_be_done():
    steps = [
        {"detail": {"status": "in-progress", "code": {"text": "Walking"}}},
        {"detail": {"status": "in-progress", "code": {"text": "Lifting"}, "doNotPerform": True}},
        {"detail": {"status": "in-progress", "doNotPerform": True}},
    ]
    line = sentences.line({"resourceType": "CarePlan", "status": "active", "title": "Rest", "activity": steps})
    assert line.detail == "Not to be done: Lifting, something that was not named · Walking"


def test_whatever_else_is_not_to_be_done_says_so():
    call = {"resourceType": "CommunicationRequest", "status": "active", "doNotPerform": True}
    assert sentences.line(call).title == "Not to be done: Communication request"


def test_a_medicine_that_was_not_given_is_not_among_what_is_taken():
    dose = {"resourceType": "MedicationAdministration", "status": "not-done", "effectiveDateTime": "2026-05-03"}
    [item] = charted(dose).past_medicines
    assert (item.line.status, item.line.detail) == ("Not done", "")


# --- What may change a meaning, and nobody here knows how ----------------------------------------
@pytest.mark.parametrize(
    "resource",
    [
        IBUPROFEN,
        RESUSCITATION,
        glucose(90, 1),
        {"resourceType": "Condition", "code": {"text": "Asthma"}},
        {"resourceType": "NutritionOrder", "status": "active"},
    ],
    ids=lambda one: one["resourceType"],
)
def test_an_entry_with_an_unknown_condition_says_so_before_its_details(resource):
    line = sentences.line(resource | {"modifierExtension": UNKNOWN})
    assert line.beside == str(sentences.CAUTION)
    assert line.detail.startswith(line.beside)
    assert line.beside in str(line)


def test_a_result_with_an_unknown_condition_is_listed_and_not_drawn():
    [result] = charted(glucose(90, 1), glucose(95, 2), glucose(400, 3, modifierExtension=UNKNOWN)).results
    assert len(result.items) == 3
    assert "Between 90 and 95 mg/dL" in result.trend


def test_no_known_allergies_with_an_unknown_condition_is_not_taken_at_its_word():
    none = {"resourceType": "AllergyIntolerance", "code": {"coding": [{"code": "716186003"}]}}
    found = charted(none | {"modifierExtension": UNKNOWN})
    assert (found.no_known_allergies, len(found.allergies)) == (False, 1)
