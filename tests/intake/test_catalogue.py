"""Whoever receives a FHIR resource asks the catalogue where it goes."""

import pytest
from django.apps import apps

from ehr.catalogue import rules


@pytest.mark.parametrize("kind", ["Patient", "Observation", "MedicationRequest", "Claim", "Provenance"])
def test_what_is_part_of_a_record_belongs_to_patients(kind):
    assert rules.owner(kind) == "patients"
    assert rules.why_not(kind) == ""


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("Questionnaire", "A Questionnaire is not part of anybody's record."),
        ("ActivityDefinition", "An ActivityDefinition is not part of anybody's record."),
        ("Bundle", "A Bundle is not part of anybody's record."),
        ("Ghost", "resourceType is not a type that FHIR R4 has."),
    ],
)
def test_what_is_nobodys_record_says_so(kind, words):
    assert rules.owner(kind) is None
    assert rules.why_not(kind) == words


def test_every_owner_is_an_app_of_this_project():
    assert {apps.get_app_config(owner).label for owner in set(rules.OWNERS.values())} == {"patients"}
