"""Noise, and what it is put on: bounded by the dictionary alone, of the price that was paid, and no other."""

import math
from collections import Counter
from datetime import date
from decimal import Decimal

import pytest

from ehr.words import Category
from research.private import noise
from research.private.answering import variable_of
from research.private.dictionary import DataDictionary, NotDescribed, Variable
from research.private.prices import PRICES, Precision, epsilon, scale, within
from research.private.questions import Kind, Question, question
from research.private.variables import DESCRIBED, described, offered
from tests.research.criteria_made import LOINC, patient, result

HBA1C = Variable(
    "hba1c",
    least=Decimal(3),
    most=Decimal(20),
    step=Decimal("0.1"),
    unit="%",
    edges=(Decimal(3), Decimal("6.5"), Decimal(9)),
)
SEX = Variable("sex", choices=("female", "male"))
DICTIONARY = DataDictionary.of(HBA1C, SEX)
COUNT = question(Kind.COUNT, dictionary=DICTIONARY)
GENEROUS = 10**9 // 2  # rho 0.5: a count with a standard deviation of one
LAVISH = 10**15  # next to no noise


# --- The dictionary --------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "", "choices": ("a",)},
        {"choices": ("a", "a")},
        {"least": Decimal(1), "most": Decimal(1)},
        {"least": Decimal(0), "most": Decimal("NaN")},
        {"least": Decimal(0), "most": Decimal("Infinity")},
        {"least": Decimal(0), "most": Decimal(10), "step": Decimal(0)},
        {"least": Decimal(0), "most": Decimal(10), "step": Decimal(3)},
        {"least": Decimal(0), "most": Decimal(10**9)},
        {"least": Decimal(0), "most": Decimal(10), "edges": (Decimal(1),)},
        {"least": Decimal(0), "most": Decimal(10), "edges": (Decimal(0), Decimal(10))},
    ],
)
def test_a_variable_that_cannot_be_is_refused(wrong):
    with pytest.raises(NotDescribed):
        Variable(**{"name": "x"} | wrong)


@pytest.mark.parametrize(
    ("kind", "name", "more"),
    [
        (Kind.MEAN, "weight", {}),
        (Kind.MEAN, "sex", {}),
        (Kind.QUANTILE, "hba1c", {"percent": 0}),
        (Kind.GROUPS, "plain", {}),
    ],
)
def test_a_question_the_dictionary_does_not_describe_is_refused(kind, name, more):
    plain = Variable("plain", least=Decimal(0), most=Decimal(1))
    with pytest.raises(NotDescribed):
        question(kind, name, dictionary=DataDictionary.of(HBA1C, SEX, plain), **more)


def test_values_beyond_a_bound_count_as_the_bound_and_others_not_at_all():
    told = (-1000, 2, 3, "7.04", 7.06, 10**30, None, "high", float("nan"), True)
    assert [HBA1C.steps(value) for value in told] == [30, 30, 30, 70, 71, 200, None, None, None, None]
    assert [HBA1C.group(value) for value in (0, 6.4, 6.5, 50, None)] == [0, 0, 1, 2, None]
    assert [SEX.group(value) for value in ("male", "other", None)] == [1, None, None]


def test_the_same_question_has_one_digest_and_another_bound_is_another_question():
    assert question(Kind.MEAN, "hba1c", dictionary=DICTIONARY).digest == Question(Kind.MEAN, HBA1C, percent=50).digest
    wider = Variable("hba1c", least=Decimal(3), most=Decimal(21), step=Decimal("0.1"), unit="%", edges=HBA1C.edges)
    digests = {
        question(kind, "hba1c", dictionary=DataDictionary.of(variable), among=among).digest
        for kind in (Kind.MEAN, Kind.GROUPS, Kind.QUANTILE)
        for variable in (HBA1C, wider)
        for among in (b"", b"women")
    }
    assert len(digests) == 12


def test_a_question_is_read_as_it_was_written():
    for kind in Kind:
        for name in ("hba1c", "sex") if kind is Kind.GROUPS else ("hba1c",):
            one = question(kind, name, dictionary=DICTIONARY, among=b"women", percent=30)
            assert Question.read(one.written()) == one


# --- The dictionary there is -------------------------------------------------------------------------
def test_every_variable_has_groups_that_begin_at_its_bound_and_a_place_in_the_record():
    for one in DESCRIBED.values():
        assert one.variable.groups()
        assert one.called
        assert one.codes or one.variable.name in {"age", "sex"}


def test_a_study_is_offered_what_its_parts_hold():
    assert [one.variable.name for one in offered({Category.BASIC})] == ["age", "sex"]
    assert offered({Category.GENETIC}) == []


def test_a_bound_that_is_not_the_dictionary_s_any_more_is_not_used():
    with pytest.raises(NotDescribed):
        described(HBA1C)


@pytest.mark.parametrize(
    ("results", "value"),
    [
        ([(7, "2026-01-15"), (8, "2025-01-15")], 7),
        ([(7, "2026-01-15"), (6, "2026-01-15")], 7),
        ([], None),
    ],
)
def test_the_latest_result_counts_and_of_several_the_highest(results, value):
    record = [result({"system": LOINC, "code": "4548-4"}, number, day=day) for number, day in results]
    found = [variable_of(DESCRIBED["hba1c"], each, date(2026, 5, 1)) for each in (record, record[::-1])]
    assert found == [value, value]


def test_what_is_in_another_unit_or_about_a_number_counts_for_nothing():
    code = {"system": LOINC, "code": "4548-4"}
    other, about = result(code, 53, unit="mmol/mol"), result(code, 7)
    about["valueQuantity"]["comparator"] = "<"
    assert variable_of(DESCRIBED["hba1c"], [other, about], date(2026, 5, 1)) is None


def test_age_and_sex_are_those_of_the_day():
    record = [patient("1980-06-01", "female")]
    assert variable_of(DESCRIBED["age"], record, date(2026, 5, 1)) == 45
    assert variable_of(DESCRIBED["sex"], record, date(2026, 5, 1)) == "female"
    assert [variable_of(DESCRIBED[name], [], date(2026, 5, 1)) for name in ("age", "sex")] == [None, None]


# --- Noise -----------------------------------------------------------------------------------------
VALUES = [Decimal(4) + Decimal(number % 90) / 10 for number in range(900)]


def test_with_next_to_no_noise_answers_are_true():
    def true(kind, **more):
        return noise.answer(question(kind, "hba1c", dictionary=DICTIONARY, **more), VALUES, LAVISH)

    assert noise.answer(COUNT, [True] * 40 + [False, None, "yes", 1], LAVISH).number == 40
    assert true(Kind.GROUPS).numbers == {"3": "250", "6.5": "250", "9": "400"}
    assert (true(Kind.MEAN).number, true(Kind.MEAN).people) == (Decimal("8.45"), 900)
    assert abs(true(Kind.QUANTILE).number - Decimal("8.4")) <= Decimal("0.1")
    assert abs(true(Kind.QUANTILE, percent=90).number - Decimal("12")) <= Decimal("0.1")


def test_an_answer_of_nobody_is_within_bounds():
    for kind in (Kind.MEAN, Kind.QUANTILE):
        drawn = noise.answer(question(kind, "hba1c", dictionary=DICTIONARY), [], 5_000_000)
        assert 3 <= drawn.number <= 20
    assert set(noise.answer(question(Kind.GROUPS, "sex", dictionary=DICTIONARY), [], 5_000_000).numbers) == {
        "female",
        "male",
    }


def test_one_far_value_moves_a_mean_no_farther_than_the_bound():
    with_it = noise.answer(question(Kind.MEAN, "hba1c", dictionary=DICTIONARY), [*VALUES, 10**9], LAVISH)
    assert with_it.number - Decimal("8.45") < Decimal("0.02")


def discrete_gaussian(variance: float, farthest: int) -> dict[int, float]:
    weights = {number: math.exp(-(number**2) / (2 * variance)) for number in range(-farthest, farthest + 1)}
    return {number: weight / sum(weights.values()) for number, weight in weights.items()}


def chi_square(drawn, expected) -> float:
    """Return by how many standard deviations the draws are off, by Wilson and Hilferty's cube root."""
    tail = 1 - sum(expected.values())
    seen = Counter(number if number in expected else None for number in drawn)
    cells = [(seen[number], len(drawn) * chance) for number, chance in expected.items()] + [
        (seen[None], len(drawn) * tail)
    ]
    statistic, freedom = sum((count - mean) ** 2 / mean for count, mean in cells), len(cells) - 1
    return ((statistic / freedom) ** (1 / 3) - (1 - 2 / (9 * freedom))) / math.sqrt(2 / (9 * freedom))


def fits(drawn, variance: float, farthest: int) -> float:
    """As chi_square, what is farther counted together: a cell that expects less than one draw fits nothing."""
    every = discrete_gaussian(variance, 60)
    return chi_square(drawn, {number: every[number] for number in range(-farthest, farthest + 1)})


# OpenDP's randomness is the operating system's, which nobody seeds, here neither. So the line is drawn where chance
# crosses it once in some hundred million runs, and what is off by a tenth crosses it always.
LINE = 5.7


@pytest.mark.parametrize(("price", "farthest"), [(GENEROUS, 2), (GENEROUS // 4, 5)])
def test_noise_is_the_discrete_gaussian_of_its_price(price, farthest):
    variance = 10**9 / (2 * price)
    many = Variable("many", choices=tuple(map(str, range(200))))
    groups = question(Kind.GROUPS, "many", dictionary=DataDictionary.of(many))
    drawn = [int(number) for _ in range(50) for number in noise.answer(groups, [], price).numbers.values()]
    assert fits(drawn, variance, farthest) < LINE
    assert fits(drawn, variance * 1.25, farthest) > LINE
    assert fits(drawn, variance * 0.8, farthest) > LINE


def test_the_noise_of_a_count_is_the_same():
    drawn = [int(noise.answer(COUNT, [True] * 3, GENEROUS).number) - 3 for _ in range(500)]
    assert fits(drawn, 1, 2) < LINE


def test_what_is_told_as_within_holds_for_nineteen_of_twenty():
    answers = [noise.answer(COUNT, [True] * 50, 5_000_000) for _ in range(300)]
    inside = sum(abs(one.number - 50) <= Decimal(one.within) for one in answers)
    assert answers[0].within == "20"
    assert inside > 300 * 0.87


def test_what_a_mean_tells_as_within_holds_for_nineteen_of_twenty():
    mean = question(Kind.MEAN, "hba1c", dictionary=DICTIONARY)
    answers = [noise.answer(mean, VALUES, 25_000_000) for _ in range(200)]
    assert all(Decimal("0.05") < Decimal(one.within) < Decimal("0.5") for one in answers)
    assert sum(abs(one.number - Decimal("8.45")) <= Decimal(one.within) for one in answers) > 200 * 0.85


def test_a_mean_of_too_few_does_not_pretend_to_know_how_near_it_is():
    mean = question(Kind.MEAN, "hba1c", dictionary=DICTIONARY)
    assert noise.answer(mean, VALUES[:5], 5_000_000).within is None


@pytest.mark.parametrize("percent", [10, 50, 90])
def test_between_a_quantile_and_the_true_one_are_no_more_people_than_it_says(percent):
    median = question(Kind.QUANTILE, "hba1c", dictionary=DICTIONARY, percent=percent)
    answers = [noise.answer(median, VALUES, 5_000_000) for _ in range(60)]
    off = [abs(sum(value < one.number for value in VALUES) - 9 * percent) for one in answers]
    step = 10  # so many people share each step of these values
    assert sum(far <= one.between + step for far, one in zip(off, answers, strict=True)) > 60 * 0.87
    assert 20 < answers[0].between < 60


def test_finer_costs_more_and_is_nearer_and_the_words_are_the_noise_s():
    fine, usual, rough = (PRICES[one] for one in (Precision.FINE, Precision.USUAL, Precision.ROUGH))
    assert [within(scale(1, price)) for price in (fine, usual, rough)] == [9, 20, 44]
    assert noise.answer(COUNT, [], fine).within == "9"
    assert list(map(str, map(epsilon, (fine, usual, rough)))) == ["1.21", "0.54", "0.24"]
    assert str(epsilon(500_000_000)) == "5.76"


def test_opendp_proves_that_no_question_costs_more_than_its_price(monkeypatch):
    costs = []
    measured = noise._measured
    monkeypatch.setattr(
        noise, "_measured", lambda m, values, price: costs.append((m.map(1), price)) or measured(m, values, price)
    )
    for price in (2, 3, 999, 5_000_000, 10**9):
        for kind in Kind:
            noise.answer(question(kind, "hba1c", dictionary=DICTIONARY), VALUES, price)
            assert sum(paid for _, paid in costs) == price
            assert all(0.99 * paid < proven * 10**9 <= paid * (1 + 1e-12) for proven, paid in costs)
            costs.clear()


def test_a_measurement_that_would_cost_more_is_not_drawn():
    with pytest.raises(noise.Costly):
        noise._measured(
            (noise._WHOLE, noise.dp.symmetric_distance())
            >> noise.dp.t.then_count(TO="i64")
            >> noise.dp.m.then_gaussian(scale=1.0),
            [],
            499_999_999,
        )
