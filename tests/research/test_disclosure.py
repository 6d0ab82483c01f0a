"""Small groups are hidden, and nothing hidden can be worked out from what is shown beside it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from research.disclosure import (
    Answered,
    NotATable,
    Published,
    Rules,
    Table,
    earlier_answer,
    publish,
    publish_list,
    shown,
)
from research.disclosure.differencing import margin
from tests.research.attacker import solve

RULES = Rules()
KEY = bytes(range(32))


@pytest.mark.parametrize(
    ("count", "said"),
    [(0, None), (1, None), (10, None), (11, 10), (12, 10), (13, 15), (17, 15), (18, 20), (1002, 1000)],
)
def test_small_groups_are_hidden_and_others_rounded_to_five(count, said):
    assert shown(count) == said


def test_no_group_has_fewer_than_nobody():
    with pytest.raises(ValueError, match="fewer than no people"):
        shown(-1)


@pytest.mark.parametrize("rules", [{"base": 4}, {"base": 0}, {"small": 3}])
def test_rules_that_would_show_a_small_group_as_none_are_refused(rules):
    with pytest.raises(ValueError, match="odd base"):
        Rules(**rules)


def test_what_is_not_a_table_is_refused():
    for cells in ((), ((),), ((1, 2), (3,)), ((1, -1),), tuple((20,) * 21 for _ in range(20))):
        with pytest.raises(NotATable):
            Table(cells)


def test_one_hidden_cell_takes_three_others_with_it():
    published = publish(Table(((40, 3, 50), (60, 70, 30), (80, 25, 90))))
    hidden = {(r, c) for r, row in enumerate(published.cells) for c, said in enumerate(row) if said is None}
    assert (0, 1) in hidden
    assert len(hidden) == 4
    assert (published.rows, published.total) == ((95, 160, 195), 450)


def test_a_list_with_one_small_group_does_not_tell_it_by_the_sum():
    said, total = publish_list([200, 3, 100])
    assert total == 305
    assert said == (200, None, None)


def test_a_table_without_small_groups_is_shown_whole():
    published = publish(Table(((40, 30), (20, 11))))
    assert published.cells == ((40, 30), (20, 10))
    assert published.columns == (60, 40)


def test_a_table_of_few_people_says_nothing():
    published = publish(Table(((1, 2), (3, 4))))
    assert {*published.rows, *published.columns, published.total} | {*sum(published.cells, ())} == {None}


def test_a_table_with_only_its_small_cell_hidden_can_be_solved_and_as_published_it_cannot():
    truth = ((40, 3), (60, 70))
    naive = Published(cells=((40, None), (60, 70)), rows=(45, 130), columns=(100, 75), total=175)
    ((least, most, _),) = solve(naive, truth, slack=0)
    assert (least, most) == (3, 3)
    assert [most - least > 9.5 for least, most, _ in solve(publish(Table(truth)), truth, slack=0)] == [True] * 4


counts = st.one_of(st.integers(0, 12), st.integers(0, 60), st.sampled_from([0, 1, 10, 11, 300]))
tables = st.integers(1, 4).flatmap(
    lambda width: st.lists(st.tuples(*[counts] * width), min_size=1, max_size=4).map(tuple)
)


@settings(max_examples=100)
@given(tables, st.booleans(), st.sampled_from([0, 2]))
def test_no_hidden_number_of_any_table_can_be_worked_out(truth, columns_shown, slack):
    """Neither from the numbers as they are shown, nor by who knows those shown as they were before."""
    for least, most, count in solve(publish(Table(truth, columns_shown=columns_shown)), truth, slack):
        assert most - least > 9.5
        assert count >= 11 or (least < 0.5 and most > 9.5)


@settings(max_examples=50)
@given(tables)
def test_what_is_shown_is_within_two_of_eleven_people_or_more(truth):
    for row, said in zip(truth, publish(Table(truth)).cells, strict=True):
        for count, number in zip(row, said, strict=True):
            assert number is None or (abs(number - count) <= 2 and count >= 11)


def test_a_large_table_is_published():
    truth = tuple(tuple((row * 37 + column * 11) % 61 for column in range(20)) for row in range(20))
    published = publish(Table(truth))
    hidden = sum(said is None for row in published.cells for said in row)
    assert hidden < 150
    assert None not in published.rows


def answered(people, said, digest=b"first"):
    return Answered(digest, frozenset(people), said)


def ask(people, *before, digest=b"asked"):
    return earlier_answer(frozenset(people), digest=digest, answered=before, key=KEY, rules=RULES)


def test_a_group_without_one_person_has_the_same_answer():
    everybody = answered(range(102), 100)
    for person in range(102):
        assert ask(set(range(102)) - {person}, everybody) == everybody


def test_a_group_of_other_people_has_an_answer_of_its_own():
    assert ask(range(50, 102), answered(range(50), 50)) is None


def test_the_nearest_answer_stands():
    near, far = answered(range(100), 100, b"near"), answered(range(96), 95, b"far")
    assert ask(range(101), far, near) == near


def test_how_few_is_few_is_between_eleven_and_twice_that_and_not_told():
    margins = {margin(KEY, b"asked", bytes([number]), RULES) for number in range(200)}
    assert margins == set(range(11, 22))


def test_who_knows_ten_people_cannot_tell_whether_an_eleventh_is_in_the_group():
    # Whether the answer changes between ten taken away and eleven depends on a key, not on the eleventh alone.
    moved = 0
    for number in range(40):
        key = bytes([number]) * 32
        before = answered(range(200), 200)
        ten, eleven = frozenset(range(10, 200)), frozenset(range(11, 200))
        told = [
            earlier_answer(group, digest=b"x", answered=[before], key=key, rules=RULES) is None
            for group in (ten, eleven)
        ]
        assert told[0] is False
        moved += told[1]
    assert moved < 12


@settings(max_examples=100)
@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 60), st.binary(min_size=32, max_size=32))
def test_groups_that_differ_by_fewer_than_eleven_have_one_answer_and_those_that_share_little_have_two(
    both, one, other, key
):
    first = frozenset(range(both)) | frozenset(range(100, 100 + one))
    second = frozenset(range(both)) | frozenset(range(200, 200 + other))
    before = answered(first, shown(len(first)))
    stands = earlier_answer(second, digest=b"x", answered=[before], key=key, rules=RULES) is before
    if one + other < 11:
        assert stands
    if one + other > 21 or (one + other >= 11 and both == 0):
        assert not stands
