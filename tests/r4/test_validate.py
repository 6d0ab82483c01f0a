"""Whether a resource is FHIR R4: what is right passes, what is wrong is named."""

import pytest

from ehr.r4 import definitions, invariants, model, schema, tree, validate
from ehr.r4.validate import Depth

from .defects import DEFECTS, DIV, condition, observation, patient


@pytest.mark.parametrize(("resource", "path"), [row[1:] for row in DEFECTS], ids=[row[0] for row in DEFECTS])
def test_each_planted_defect_is_found_at_its_element(resource, path):
    assert path in [problem.path for problem in validate.check(resource)]


@pytest.mark.parametrize(
    "resource", [observation(), condition(), patient()], ids=["observation", "condition", "patient"]
)
def test_what_the_defects_were_planted_in_is_fine(resource):
    assert validate.check(resource) == []


@pytest.mark.parametrize("space", ["\u3000", "\u00a0", "\u2009", "\u202f"])
def test_a_text_may_hold_any_space(space):
    assert validate.check(patient(name=[{"text": f"山田{space}太郎"}])) == []
    assert validate.check(observation(valueString=f"5{space}000")) == []


def test_the_schema_still_has_what_is_put_in_its_place():
    assert definitions.schema()["string"]["pattern"] == schema.PLAIN_SPACE


def test_a_message_reads_as_a_sentence():
    assert str(validate.check(observation(status=None))[0]) == "Observation.status is missing."


def test_a_message_does_not_repeat_what_the_sender_wrote():
    found = validate.check(observation(status="Ana Costa has asthma", severity="Ana Costa"))
    assert found
    assert not any("Ana" in problem.message for problem in found)


def test_every_synthea_resource_passes_all_three_layers(synthea):
    wrong = [
        (name, str(problem))
        for name, bundle in synthea[::4]
        for entry in bundle["entry"]
        for problem in validate.check(entry["resource"])
    ]
    assert wrong == []


def test_every_synthea_bundle_passes_as_a_bundle(synthea):
    assert [name for name, bundle in synthea if validate.check(bundle, depth=Depth.QUICK)] == []


def test_every_us_core_example_passes_all_three_layers(us_core):
    assert [(name, str(problem)) for name, resource in us_core for problem in validate.check(resource)] == []


def test_contained_resources_may_refer_to_each_other():
    patient = {"resourceType": "Patient", "id": "p", "birthDate": "1984-05-03"}
    specimen = {"resourceType": "Specimen", "id": "s", "subject": {"reference": "#p"}}
    assert validate.check(observation(specimen={"reference": "#s"}, contained=[patient, specimen])) == []


def test_what_a_contained_resource_refers_to_must_be_in_its_container():
    specimen = {"resourceType": "Specimen", "id": "s", "subject": {"reference": "#p"}}
    found = validate.check(observation(specimen={"reference": "#s"}, contained=[specimen]))
    assert [problem.path for problem in found] == ["Observation.contained[0].subject"]


def test_a_defect_inside_a_contained_resource_is_named_from_outside():
    holder = observation(
        specimen={"reference": "#s"}, contained=[{"resourceType": "Specimen", "id": "s", "status": "lost"}]
    )
    assert [problem.path for problem in validate.check(holder)] == ["Observation.contained[0].status"]


def test_a_defect_inside_a_bundle_names_the_entry():
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": observation(status=None)}]}
    assert [problem.path for problem in validate.check(bundle)] == ["Bundle.entry[0].resource.status"]


@pytest.mark.parametrize("nonsense", [None, [], "Patient", {}, {"resourceType": 3}, {"resourceType": "Ghost"}])
def test_what_is_no_resource_is_refused_in_words(nonsense):
    assert len(validate.check(nonsense)) == 1


def test_a_resource_nested_without_end_is_refused():
    deep: dict = {"url": "a", "valueString": "x"}
    for _ in range(2_000):
        deep = {"url": "a", "extension": [deep]}
    assert "levels deep" in str(validate.check(patient(extension=[deep]))[0])


@pytest.mark.parametrize(
    "markup",
    [
        "<script>alert(1)</script>",
        '<img src="x" onerror="alert(1)"/>',
        '<a href="java\nscript:alert(1)">x</a>',
        "<iframe></iframe>",
        '<svg onload="x"></svg>',
        '<form action="https://example.org"></form>',
    ],
)
def test_a_narrative_that_runs_or_fetches_is_refused(markup):
    assert validate.check(patient(text={"status": "generated", "div": DIV.format(markup)}))


def test_a_plain_narrative_passes():
    table = '<table class="grid"><tr><td colspan="2">Ana <b>Costa</b></td></tr></table>'
    assert validate.check(patient(text={"status": "generated", "div": DIV.format(table)})) == []


@pytest.mark.parametrize(
    ("start", "end", "fine"),
    [
        ("2026-05", "2026-05-03", True),
        ("2026-05-03", "2026-05", True),
        ("2026-05-03T10:00:00+02:00", "2026-05-03T09:00:00Z", True),
        ("2026-05-03T10:00:00+02:00", "2026-05-03T07:59:00Z", False),
        ("2026-05-03T23:59:60Z", "2026-05-03T23:59:59Z", True),
        ("2027", "2026-12-31", False),
    ],
)
def test_a_period_may_not_run_backwards_in_any_zone(start, end, fine):
    found = validate.check(patient(address=[{"city": "Ceuta", "period": {"start": start, "end": end}}]))
    assert (found == []) is fine


def test_a_type_that_r4b_rewrote_is_left_to_the_other_layers():
    assert all(kind in definitions.resource_types() for kind in model.REWRITTEN)
    assert validate.check({"resourceType": "MedicinalProduct", "name": [{"productName": "Axid"}]}) == []


def test_every_rule_of_r4_compiles():
    assert invariants.uncompiled() == set()


def test_a_rule_about_a_place_is_kept_there_and_not_elsewhere():
    home = {"name": "Acme", "address": [{"use": "home", "city": "Ceuta"}]}
    assert [problem.path for problem in validate.check({"resourceType": "Organization", **home})] == [
        "Organization.address[0]"
    ]
    assert validate.check({"resourceType": "Location", "name": "Acme", "address": home["address"][0]}) == []


def test_what_holds_at_a_glance_holds(us_core):
    resources = [*(resource for _name, resource in us_core), *(row[1] for row in DEFECTS if "code" not in row[0])]
    spared = 0
    for resource in resources:
        for node in tree.nodes(resource):
            for rule in invariants.rules_at(node.part, node.place):
                if rule.holds_at_a_glance(node.value):
                    spared += 1
                    assert not invariants._broken(rule, node.value, resource)
    assert spared > 1_000


def test_quick_is_the_schema_and_our_own_checks():
    breaks_a_rule = observation(valueInteger=5, dataAbsentReason={"text": "unknown"})
    assert validate.check(breaks_a_rule, depth=Depth.QUICK) == []
    assert validate.check(breaks_a_rule)
