"""A resource without an id gets one by what it is, never by where it stands."""

from decimal import Decimal

import pytest

from ehr.r4 import identity, references
from ehr.r4.references import Entry

ASTHMA = {"resourceType": "Condition", "code": {"text": "asthma"}}
GOUT = {"resourceType": "Condition", "code": {"text": "gout"}}


def ids(*resources: dict, urls: tuple[str, ...] = ()) -> list[str]:
    """Return the ids that these get as entries 1, 2, …"""
    entries = [
        Entry(number, urls[number - 1] if urls else "", dict(one)) for number, one in enumerate(resources, start=1)
    ]
    references.give_ids(entries)
    return [entry.resource["id"] for entry in entries]


def test_another_content_gets_another_id():
    assert ids(ASTHMA) != ids(GOUT)


def test_the_same_content_keeps_its_id_wherever_it_stands():
    assert ids(ASTHMA, GOUT) == ids(GOUT, ASTHMA)[::-1]


def test_an_oid_keeps_its_id_wherever_it_stands():
    urls = ("urn:oid:1.2.3.1", "urn:oid:1.2.3.2")
    assert ids(ASTHMA, GOUT, urls=urls) == ids(GOUT, ASTHMA, urls=urls[::-1])[::-1]


def test_the_order_of_keys_does_not_count():
    assert ids(ASTHMA) == ids({name: ASTHMA[name] for name in reversed(ASTHMA)})


def test_a_versioned_address_gives_the_id_and_not_the_version():
    assert ids(ASTHMA, urls=("https://a.example/Condition/c/_history/2",)) == ["c"]


def test_a_uuid_is_one_in_capitals_too():
    assert ids(ASTHMA, urls=("URN:UUID:ABCDEFAB-2222-4222-8222-222222222222",)) == [
        "abcdefab-2222-4222-8222-222222222222"
    ]


def test_a_person_keeps_their_id_when_they_move():
    person = {"resourceType": "Patient", "identifier": [{"system": "urn:mrn", "value": "A1"}]}
    assert ids(person) == ids(person | {"address": [{"city": "Lisbon"}]})
    assert ids(person) != ids(person | {"identifier": [{"system": "urn:mrn", "value": "B2"}]})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([1, [2]], [[1], 2]),
        ([1, [2]], [1, 2]),
        ({"a": "b"}, ["a", "b"]),
        ("1", 1),
        (True, 1),
        (None, "None"),
        (Decimal("1.0"), Decimal("1.00")),
        ({"a": {}, "b": 1}, {"a": {"b": 1}}),
        ("a\0b", ["a", "b"]),
    ],
)
def test_different_values_have_different_digests(one, other):
    assert identity.content_digest(one) != identity.content_digest(other)


def test_a_value_nested_without_end_has_a_digest():
    value: list = []
    for _level in range(100_000):
        value = [value]
    assert len(identity.content_digest(value)) == 64


@pytest.mark.parametrize("value", ["-", "?", "--", " ", "…"])
def test_a_placeholder_names_nobody(value):
    assert not identity.says_something(value)


@pytest.mark.parametrize("value", ["0", "A-1", "山", "㎏"])
def test_a_letter_or_digit_names_somebody(value):
    assert identity.says_something(value)
