"""SMART scopes as tables: what a text means, what covers what, what a token lets be done."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ehr.smart import scopes, words
from ehr.smart.scopes import read
from ehr.words import Category
from tests.smart.walking import LABORATORY

LAB = {"p": {"category": [[LABORATORY.partition("|")[0], "laboratory", ""]]}}
VITAL = {"p": {"category": [["http://terminology.hl7.org/CodeSystem/observation-category", "vital-signs", ""]]}}


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("patient/Observation.rs", "patient/Observation.rs"),
        ("patient/Observation.read", "patient/Observation.rs"),
        ("patient/Observation.write", "patient/Observation.cud"),
        ("user/*.*", "user/*.cruds"),
        ("patient/Observation.sr", ""),
        ("patient/Observation.rr", ""),
        ("patient/Observation.", ""),
        ("patient/Observation.x", ""),
        ("patient/observation.rs", ""),
        ("everybody/Observation.rs", ""),
        (f"patient/Observation.rs?category={LABORATORY}", f"patient/Observation.rs?category={LABORATORY}"),
        ("patient/Observation.rs?category=laboratory", "patient/Observation.rs?category=laboratory"),
        ("patient/Observation.rs?code=1234-5", ""),
        ("patient/Observation.rs?category=a,b", ""),
        ("patient/Observation.rs?category=a&code=b", ""),
        ("openid fhirUser nonsense", "fhirUser openid"),
        ("launch/encounter", ""),
    ],
)
def test_what_a_text_means(text, means):
    assert str(read(text)) == means


@pytest.mark.parametrize(
    ("may", "asks", "gets"),
    [
        ("patient/*.cruds", "patient/Observation.rs", True),
        ("patient/Observation.rs", "patient/*.rs", False),
        ("patient/Observation.rs", "patient/Observation.cruds", False),
        ("patient/Observation.rs", "user/Observation.rs", False),
        ("patient/Observation.rs", "patient/Observation.rs?category=laboratory", True),
        ("patient/Observation.rs?category=laboratory", "patient/Observation.rs", False),
        ("patient/Observation.rs?category=laboratory", f"patient/Observation.rs?category={LABORATORY}", True),
        (f"patient/Observation.rs?category={LABORATORY}", "patient/Observation.rs?category=laboratory", False),
        ("patient/*.rs", "patient/AuditEvent.rs", False),
        ("patient/*.rs", "patient/Consent.rs", False),
        ("patient/AuditEvent.rs", "patient/AuditEvent.rs", True),
    ],
)
def test_nobody_asks_for_more_than_was_registered(may, asks, gets):
    assert bool(read(asks).within(read(may))) is gets


@pytest.mark.parametrize(
    ("scope", "kind", "interaction", "index", "allowed"),
    [
        ("patient/Observation.r", "Observation", "read", None, True),
        ("patient/Observation.r", "Observation", "vread", None, True),
        ("patient/Observation.r", "Observation", "search-type", None, False),
        ("patient/Observation.s", "Observation", "search-type", None, True),
        ("patient/Observation.rs", "Observation", "create", None, False),
        ("patient/Observation.c", "Observation", "create", None, True),
        ("patient/Observation.c", "Observation", "update", None, False),
        ("patient/Observation.u", "Observation", "patch", None, True),
        ("patient/Observation.cruds", "Observation", "$everything", None, False),
        ("patient/Observation.rs", "Condition", "read", None, False),
        ("patient/*.rs", "Condition", "read", None, True),
        ("patient/*.rs", "AuditEvent", "search-type", None, False),
        ("patient/*.rs", "Consent", "read", None, False),
        ("patient/AuditEvent.rs", "AuditEvent", "search-type", None, True),
        ("user/Observation.rs", "Observation", "read", None, False),
        (f"patient/Observation.rs?category={LABORATORY}", "Observation", "read", None, True),
        (f"patient/Observation.rs?category={LABORATORY}", "Observation", "read", LAB, True),
        (f"patient/Observation.rs?category={LABORATORY}", "Observation", "read", VITAL, False),
        (f"patient/Observation.rs?category={LABORATORY}", "Observation", "read", {}, False),
        ("patient/Observation.rs?category=laboratory", "Observation", "read", LAB, True),
        (f"patient/Observation.rs?category={LABORATORY} patient/Observation.rs", "Observation", "read", VITAL, True),
    ],
)
def test_what_a_token_lets_be_done(scope, kind, interaction, index, allowed):
    assert read(scope).allow(kind, interaction, index, "patient") is allowed


@given(st.text(alphabet="patientusrym/*.crudsObevAE?=&|, ", max_size=80))
def test_what_is_granted_never_means_more_when_it_is_read_again(text):
    told = read(text)
    assert read(str(told)) == read(str(read(str(told))))
    assert read(str(told)).within(told) == read(str(told))


def test_reading_alone_is_left_of_what_was_not_to_be_written():
    assert str(read("patient/Observation.cruds patient/Condition.c").reading()) == "patient/Observation.rs"


@pytest.mark.parametrize(
    ("text", "said", "parts"),
    [
        ("patient/Observation.rs?category=laboratory", "Laboratory results: see", {Category.LABS}),
        ("patient/Observation.rs", "Results and measurements: see", {Category.LABS, Category.HISTORY}),
        ("patient/MedicationRequest.rs", "Prescriptions: see", {Category.TREATMENT}),
        ("patient/Condition.cruds", "Conditions and diagnoses: see, add, change and strike out", {Category.HISTORY}),
        ("patient/AuditEvent.rs", "Who looked at the record: see", set()),
        ("patient/Basic.rs", "Basic: see", {Category.BASIC}),
    ],
)
def test_a_scope_in_words(text, said, parts):
    thing = words.thing(read(text).resources[0])
    assert (thing.text, thing.parts) == (said, parts)


def test_a_wildcard_leaves_out_what_is_asked_for_by_name():
    assert not scopes.read("patient/*.cruds").allow("AuditEvent", "read", None, "patient")
