"""What a resource says is what is kept of it: every digit, extensions on primitives, what is contained, every order."""

import copy
import json
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from ehr.r4 import labels, search, text, validate

from .defects import observation, patient

# Numbers as senders write them, as text: trailing zeros, exponents, and more digits than any machine word holds.
NUMBERS = st.one_of(
    st.from_regex(r"-?(0|[1-9][0-9]{0,59})(\.[0-9]{1,40})?", fullmatch=True),
    st.from_regex(r"-?[1-9](\.[0-9]{1,6})?[eE][+-]?[1-9][0-9]?", fullmatch=True),
    st.sampled_from(["1.50", "1E3", "-0.0", "0.10", "9" * 60, "1." + "0" * 60, "1e-7", "100.00"]),
)
WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp"]), min_size=1, max_size=12)
EXTENSIONS = st.lists(
    st.fixed_dictionaries({"url": st.just("https://example.org/e"), "valueString": WORDS}), min_size=1, max_size=3
)


def measured(number: str) -> str:
    return f'{{"resourceType":"Observation","valueQuantity":{{"value":{number}}}}}'


def kept(raw: str) -> bytes:
    """Return what is stored of what was sent."""
    resource = text.loads(raw)
    return text.dumps(labels.stamp(resource, labels.label(resource)))


def without_labels(raw: bytes) -> dict:
    resource = text.loads(raw)
    del resource["meta"]["security"]
    if not resource["meta"]:
        del resource["meta"]
    return resource


def exact(value: object) -> object:
    """Return a value with its numbers down to the last zero, and its keys in their order."""
    if isinstance(value, dict):
        return [(name, exact(item)) for name, item in value.items()]
    if isinstance(value, list):
        return [exact(item) for item in value]
    # 10 and 1.0E1 are one number with the same digits.
    is_number = isinstance(value, (int, Decimal)) and not isinstance(value, bool)
    return Decimal(value).as_tuple() if is_number else value


@given(NUMBERS)
def test_a_number_keeps_its_value_and_its_last_zero(number):
    raw = measured(number)
    sent, stored = text.loads(raw), without_labels(kept(raw))
    assert exact(stored) == exact(sent)
    assert Decimal(str(stored["valueQuantity"]["value"])) == Decimal(number)


@given(
    st.lists(WORDS, min_size=1, max_size=4, unique=True), EXTENSIONS, st.permutations(["name", "gender", "birthDate"])
)
def test_extensions_on_primitives_and_every_order_are_kept(given_names, extensions, order):
    whole = patient(
        name=[{"given": given_names, "_given": [{"extension": extensions}, *[None] * (len(given_names) - 1)]}]
    )
    whole |= {"gender": "female", "_birthDate": {"extension": extensions}}
    shuffled = {"resourceType": "Patient", **{name: whole[name] for name in order}, "_birthDate": whole["_birthDate"]}
    raw = json.dumps(shuffled, ensure_ascii=False)
    assert exact(without_labels(kept(raw))) == exact(text.loads(raw))


@settings(max_examples=50)
@given(st.lists(NUMBERS, min_size=1, max_size=4), EXTENSIONS)
def test_what_is_contained_is_kept_in_its_place(numbers, extensions):
    specimens = [{"resourceType": "Specimen", "id": f"s{i}", "extension": extensions} for i in range(len(numbers))]
    parts = [f'{{"code":{{"text":"c"}},"valueQuantity":{{"value":{number}}}}}' for number in numbers]
    whole = observation(contained=specimens, specimen={"reference": "#s0"})
    raw = json.dumps(whole, ensure_ascii=False)[:-1] + f',"component":[{",".join(parts)}]}}'
    assert exact(without_labels(kept(raw))) == exact(text.loads(raw))


@settings(max_examples=50)
@given(NUMBERS, EXTENSIONS)
def test_looking_at_a_resource_changes_nothing_of_it(number, extensions):
    resource = text.loads(measured(number))
    resource |= {
        "status": "final",
        "code": {"text": "x"},
        "extension": extensions,
        "_status": {"extension": extensions},
    }
    before = copy.deepcopy(resource)
    validate.check(resource)
    labels.label(resource)
    search.values(resource)
    assert exact(resource) == exact(before)


def test_every_us_core_example_is_kept_to_the_last_zero(us_core):
    for name, resource in us_core:
        stored = text.loads(text.dumps(labels.stamp(resource, labels.label(resource))))
        stored["meta"] = {key: value for key, value in stored["meta"].items() if key != "security"}
        sent = copy.deepcopy(resource)
        sent["meta"] = {key: value for key, value in (sent.get("meta") or {}).items() if key != "security"}
        assert dict(exact(stored)) == dict(exact(sent)), name
