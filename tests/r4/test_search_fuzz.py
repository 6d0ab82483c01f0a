"""Whatever is asked, the answer is a criterion or a sentence; whatever is stored, it can be asked."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ehr.r4 import extraction, links, parameters, ranges, search, text
from ehr.r4.matching import BadValue, Unsupported, held

from . import made
from .asking import HERE
from .mangled import STRANGE, steps, with_one_left_out, with_one_replaced

KINDS = parameters.kinds()
MARKS = st.sampled_from(
    ["|", ",", "$", "\\", ":", ".", "/", "-", "+", "~", "ge", "ap", "1e", "T", "Z", "_has:", "2020", "é"]
)
RAW = st.lists(st.one_of(MARKS, st.text(max_size=6)), max_size=8).map("".join)
SOME = {
    kind: [search.values(resource) for resource in made.resources(kind)]
    for kind in ("Observation", "Patient", "Location")
}


def find(kind, criterion):
    return [index for index in SOME.get(kind, ()) if criterion.matches(index)]


def attempt(ask):
    """Return (what came back, None), or (None, the sentence that refused it)."""
    try:
        return ask(), None
    except (Unsupported, BadValue) as refusal:
        return None, str(refusal)


@st.composite
def queries(draw) -> tuple[str, str, str]:
    """Return (type, name, raw value): mostly of parameters there are, sometimes of none."""
    kind = draw(st.sampled_from(sorted(SOME)))
    code = draw(st.one_of(st.sampled_from(sorted(parameters.supported(kind))), RAW))
    ending = draw(st.sampled_from(["", "", ":missing", ":not", ":exact", ":of-type", ":Patient", ":below", ".name"]))
    return kind, code + ending, draw(RAW)


@settings(max_examples=600)
@given(queries())
def test_any_query_is_read_or_refused_in_words(query):
    kind, name, raw = query
    criterion, refusal = attempt(lambda: links.read(kind, name, [raw], find, HERE))
    if refusal is None:
        assert all(criterion.matches(index) in (True, False) for index in SOME[kind])
    else:
        assert len(refusal) > 20


@settings(max_examples=200)
@given(st.sampled_from(sorted(SOME)), RAW)
def test_any_order_and_include_is_read_or_refused_in_words(kind, raw):
    for ask in (lambda: links.ordered(kind, raw, SOME[kind], lambda index: index), lambda: links.included(raw, [kind])):
        answer, refusal = attempt(ask)
        assert answer is not None or len(refusal) > 20


@settings(max_examples=300)
@given(st.datetimes())
def test_the_order_of_moments_as_text_is_their_order_in_time(at):
    span = ranges.span(at.isoformat(timespec="microseconds")[:26] + "Z")
    assert span.start < (span.end or ranges.LAST)
    assert ranges.moment(ranges.read_moment(span.start)) == span.start


@settings(max_examples=300)
@given(st.datetimes(), st.datetimes())
def test_earlier_is_less(one, other):
    first, second = (ranges.span(at.isoformat(timespec="microseconds") + "Z").start for at in (one, other))
    assert (one < other) == (first < second)


@settings(max_examples=300)
@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**9), max_value=10**9))
def test_a_number_lies_within_what_its_digits_mean(value):
    asked = ranges.around(str(value))
    assert asked.low < value < asked.high


def test_no_strange_value_breaks_what_is_held_or_asked():
    for kind in KINDS:
        resource = made.resources(kind)[0]
        for number, path in enumerate(steps(resource)):
            if path == ("resourceType",) or number % 7:
                continue
            extraction.taken(with_one_replaced(resource, path, STRANGE[number % len(STRANGE)]))
            extraction.taken(with_one_left_out(resource, path))


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_held_survives_being_sealed(kind):
    for resource in made.resources(kind):
        index = search.values(resource)
        assert json.loads(text.dumps(index)) == index
        assert all(held(index, code).__class__ is list for code in index.get("p", {}))
