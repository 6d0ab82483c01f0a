"""When a figure may be told anew: never of people who differ by few from those it was told of, at whatever level."""

from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from research.disclosure import Rules
from research.measures.editions import Edition, Level, finest

KEY, RULES = b"k" * 32, Rules()
GROUPS = [f"{band} {sex}" for band, sex in product(("18-44", "45-64"), ("female", "male"))]
places = st.tuples(st.sampled_from(GROUPS), st.booleans())
months = st.lists(st.lists(places, min_size=20, max_size=160), min_size=2, max_size=5)


def level_of(now, before):
    return finest(now, before, measure="diabetes", key=KEY, rules=RULES)


def numbers(people, level):
    """Return of whom each number of a table is, with its sums."""
    found = {}
    for person, (group, met) in people.items():
        for one, part in product({level.group(group), ""}, ("all", met)):
            found.setdefault((one, part), set()).add(person)
    return found


@settings(max_examples=60)
@given(months)
def test_no_number_that_is_told_is_of_few_others_than_it_ever_was(made):
    told: list[tuple[Level, dict]] = []
    for number, month in enumerate(made):
        people = dict(enumerate(month, start=number * 7))
        level = level_of(people, [Edition(bytes([at]), one) for at, (_level, one) in enumerate(told)])
        if level is None:
            continue
        now = numbers(people, level)
        for _level, earlier in told:
            then = numbers(earlier, level)
            for each in now.keys() | then.keys():
                one, other = now.get(each, set()), then.get(each, set())
                assert max(len(one), len(other)) < RULES.small or len(one ^ other) >= RULES.small
        told.append((level, people))
    assert told


@settings(max_examples=60)
@given(st.lists(places, min_size=21, max_size=120), st.lists(places, max_size=10), st.integers(0, 10))
def test_ten_people_more_less_or_otherwise_make_no_new_figure(people, others, gone):
    before = dict(enumerate(people))
    now = dict(list(before.items())[gone:])
    now |= dict(enumerate(others[gone:], start=1000))
    assert level_of(now, [Edition(b"first", before)]) is None


def test_the_first_is_told_as_finely_as_can_be():
    assert level_of(dict.fromkeys(range(40), ("18-44 female", True)), []) is Level.AGE_AND_SEX
