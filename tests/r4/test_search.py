"""The few values an entry is searched by."""

from ehr.r4 import search


def test_values_say_who_what_when_and_in_which_state():
    glucose = {
        "resourceType": "Observation",
        "id": "g",
        "status": "final",
        "subject": {"reference": "Patient/m"},
        "category": [{"coding": [{"system": "c", "code": "laboratory"}]}],
        "code": {"coding": [{"system": "http://loinc.org", "code": "2345-7"}, {"code": "local"}]},
        "effectiveDateTime": "2026-05-03",
    }
    assert search.values(glucose) == {
        "type": "Observation",
        "id": "g",
        "patient": "Patient/m",
        "codes": ["http://loinc.org|2345-7", "|local", "c|laboratory"],
        "date": "2026-05-03",
        "status": ["final"],
        "p": {
            "category": [["c", "laboratory", ""]],
            "code": [["http://loinc.org", "2345-7", ""], ["", "local", ""]],
            "combo-code": "code",  # the same values are held once
            "date": [["2026-05-03", "2026-05-04"]],
            "patient": "subject",
            "status": [["", "final", ""]],
            "subject": ["Patient/m"],
        },
    }


def test_a_period_gives_both_ends():
    visit = {
        "resourceType": "Encounter",
        "period": {"start": "2026-05-03", "end": "2026-05-04"},
        "class": {"code": "AMB"},
    }
    found = search.values(visit)
    assert (found["date"], found["end"], found["codes"]) == ("2026-05-03", "2026-05-04", ["|AMB"])


def test_values_hold_only_text_that_a_parameter_asks_for():
    note = {
        "resourceType": "Observation",
        "code": {"text": "Feels watched"},
        "note": [{"text": "by Ana"}],
        "text": {"status": "generated", "div": "<div>by Ana</div>"},
    }
    found = search.values(note)
    assert found == {"type": "Observation", "p": {"code": [["", "", "Feels watched"]], "combo-code": "code"}}


def test_every_clinical_synthea_resource_has_a_date_or_no_date_to_give(synthea):
    undated = {"Patient", "Practitioner", "Organization", "Goal"}
    for _name, bundle in synthea[:5]:
        for entry in bundle["entry"]:
            resource = entry["resource"]
            assert resource["resourceType"] in undated or "date" in search.values(resource)
