"""A researcher who asks only what may be asked, and puts answers together to find one person: it does not lead there.

Answers and releases laid side by side: by one person, around a withdrawal, in other words, by complement and by sums.
tests/research/test_attacks_by_views.py is about views; test_j7_synthea.py about two studies.
"""

from datetime import timedelta
from itertools import pairwise, product

import pytest
import time_machine

from consent.keyholder import studies as keyholder
from research import joining
from research.cohorts import asking as counts
from research.criteria import NotUnderstood, read
from research.models import CohortCount, Release
from research.release import asking, making
from tests.research import releasing, studying
from tests.research.cohorts_made import Crowd
from tests.research.criteria_made import ASTHMA, DIABETES, document
from tests.research.releasing import VIEWS
from tests.research.studying import BASIC, LABS
from tests.research.test_cohorts import asked, board, crowd, rosa, study  # noqa: F401

pytestmark = [pytest.mark.django_db, pytest.mark.security]
DIABETIC, ASTHMATIC = ({"condition": {"codes": [one]}} for one in (DIABETES, ASTHMA))
EVERYBODY = {"age": {"from": 0}}
EITHER = {"any": [DIABETIC, ASTHMATIC]}
MOMENT = timedelta(minutes=1)
BOTH = {"all": [DIABETIC, ASTHMATIC]}


# --- Counts --------------------------------------------------------------------------------------
def test_averaging_one_question_in_a_dozen_wordings_with_digests_of_their_own_gives_one_answer(crowd: Crowd, asked):  # noqa: F811
    for number in range(57):
        crowd.add(born=f"{1950 + number % 40}-01-01", sex="female" if number % 2 else "male")
    no_ages = [{"age": {"from": 0, "to": most}} for most in range(100, 106)]
    words = [EVERYBODY, {"sex": ["female", "male"]}, *no_ages, *({"all": [DIABETIC, one]} for one in no_ages[:4])]
    told = [asked(node) for node in words]
    assert len({bytes(one.digest) for one in told}) == len(words)
    assert {one.said for one in told} == {55}
    assert CohortCount.objects.filter(same_as=None).count() == 1


def test_taking_one_away_after_another_tells_of_no_one_of_them(crowd: Crowd, asked):  # noqa: F811
    """Everybody younger than 60, than 59, … each step leaves one out, whoever that is; few answers are new ones."""
    for age in range(20, 60):
        crowd.add(born=f"{2026 - age}-01-01")
    told = [asked({"age": {"to": most}}) for most in range(60, 39, -1)]
    true = [min(41, most - 19) for most in range(60, 39, -1)]
    bases = [(one, true[place]) for place, one in enumerate(told) if one.same_as_id is None]
    assert len(bases) <= 3
    assert all(abs(one - other) >= 11 for (_, one), (_, other) in pairwise(bases))
    steps = [before.said == after.said for before, after in pairwise(told)]
    assert steps.count(False) <= 2, "who leaves out one after another sees a change or two, and not whose they are"


def test_a_complement_is_hidden_with_the_group_it_completes(crowd: Crowd, asked):  # noqa: F811
    for number in range(60):
        crowd.add(has=(DIABETES,) if number else ())
    everybody, has, has_not = (asked(node).said for node in (EVERYBODY, DIABETIC, {"not": DIABETIC}))
    assert (everybody, has, has_not) == (60, 60, None)


def test_a_small_group_in_the_overlap_of_two_may_still_be_of_any_size(crowd: Crowd, asked):  # noqa: F811
    """A, B, and both together give A and B at once by a sum; every size it can have agrees with what was told."""
    for number in range(75):
        crowd.add(has=((DIABETES, ASTHMA) if number < 5 else (DIABETES,) if number < 40 else (ASTHMA,)))
    one, other, together, overlap = (asked(node).said for node in (DIABETIC, ASTHMATIC, EITHER, BOTH))
    assert (one, other, together, overlap) == (40, 40, 75, None)
    near = range(-2, 3)
    sizes = {one + a + other + b - together - c for a, b, c in product(near, repeat=3)}
    assert set(range(11)) <= sizes


def test_before_and_after_a_withdrawal_and_a_joining_counts_are_one(crowd: Crowd, asked):  # noqa: F811
    everybody = [crowd.add() for _ in range(48)]
    with time_machine.travel(studying.calm_noon(), tick=False) as moment:
        first = asked(DIABETIC).said
        for number in range(3):
            moment.shift(counts.FRESH + MOMENT)
            crowd.people.pop(everybody[number])
            assert asked(DIABETIC).said == first
            crowd.add()
            moment.shift(counts.FRESH + MOMENT)
            assert asked(DIABETIC).said == first


# --- Releases ------------------------------------------------------------------------------------
def test_a_release_around_each_withdrawal_and_joining_is_not_made_and_does_not_say_how_many_are_missing(
    board,  # noqa: F811
    rosa,  # noqa: F811
    settings,
):
    settings.RESEARCH_SMALL, settings.RESEARCH_BASE = 3, 3
    keyholder._begun.clear()
    opened = studying.opened(rosa, board, views=VIEWS)
    joined = releasing.joined(opened)

    def released() -> Release:
        made = asking.ask(opened, by=rosa.user)
        making.make(made.pk)
        made.refresh_from_db()
        return made

    first = released()
    assert first.state == Release.State.READY
    b"".join(asking.fetch(first, by=rosa.user, keyring=rosa.keyring))
    joining.withdraw(joined[0].joining, keyring=joined[0].keyring)
    told = [released()]
    studying.join(joined[-1], opened, BASIC, LABS)
    told.append(released())
    assert {one.state for one in told} == {Release.State.STOPPED}
    assert len({one.because for one in told}) == 1
    assert not any(one.size or one.people or one.digest for one in told)


# --- Criteria ------------------------------------------------------------------------------------
def nested(depth: int) -> dict:
    node = DIABETIC
    for _ in range(depth):
        node = {"not": node}
    return node


def _has(number: int) -> dict:
    return {"condition": {"codes": [{"system": "s", "code": f"{number:03}"}]}}


ABUSES = {
    "groups within groups": nested(900),
    "a very long list": {"any": [DIABETIC] * 100_000},
    "a very long list of lists": {"any": [{"any": [DIABETIC] * 300}] * 300},
    "codes without end": {"condition": {"codes": [DIABETES] * 50_000}},
    "a text without end": {"condition": {"codes": [{"system": "s", "code": "x" * 10_000_000}]}},
    "names without end": {"age": {f"from{number}": 1 for number in range(2_000)}},
    "a number without end": {"lab": {"codes": [DIABETES], "from": "9" * 100_000, "unit": "%"}},
    "a number that is huge": {"lab": {"codes": [DIABETES], "from": "1e999999999", "unit": "%"}},
    "no number": {"lab": {"codes": [DIABETES], "from": "NaN", "unit": "%"}},
    "half a letter": {"condition": {"codes": [{"system": "\ud800", "code": 7}]}},
    "an expression": {"age": {"from": "__import__('os').system('id')"}},
    "a path": {"name": {"family": "Costa"}},
    "a statement": {"sex": "female' OR '1'='1"},
    "an id": {"id": "0b00570a-5882-4bb7-98da-25109c3c001a"},
    "parts that all depend on each other": {
        "any": [{"all": [_has(number), _has(199 - number)]} for number in range(100)]
    },
}


@pytest.mark.parametrize("abuse", ABUSES)
def test_criteria_that_are_an_attack_are_not_understood(abuse):
    with pytest.raises(NotUnderstood) as told:
        read(document(ABUSES[abuse]))
    assert len(str(told.value)) < 5_000_000
