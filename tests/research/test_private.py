"""Answers with noise: debited before they are drawn, the same again for nothing, bounded by the dictionary alone."""

import math
from collections import Counter
from datetime import timedelta
from decimal import Decimal

import pytest
import time_machine
from django.db import IntegrityError, transaction

from audit.log import SYSTEM
from audit.queries import story, with_action
from ehr import clock
from research import budget
from research.models import Asking, Debit, PatientBudget, PrivateAnswer, StudyBudget
from research.private import (
    DataDictionary,
    Kind,
    Locked,
    NotDescribed,
    Question,
    Spent,
    Variable,
    answered_before,
    ask,
    noise,
    question,
)
from tests.research.private_made import patients, study

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


def asked(of, among, what=COUNT, price=5_000_000, read=None):
    return ask(what, study=of, price=price, actor=SYSTEM, by=None, read=read or (lambda: among))


def yes(people):
    return {one.pk: True for one in people}


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


def fits(drawn, variance: float) -> float:
    every = discrete_gaussian(variance, 60)
    return chi_square(drawn, {number: every[number] for number in range(-5, 6)})


# OpenDP's randomness is the operating system's, which nobody seeds, here neither. So the line is drawn where chance
# crosses it once in some hundred million runs, and what is off by a tenth crosses it always.
LINE = 5.7


@pytest.mark.parametrize("price", [GENEROUS, GENEROUS // 4])
def test_noise_is_the_discrete_gaussian_of_its_price(price):
    variance = 10**9 / (2 * price)
    many = Variable("many", choices=tuple(map(str, range(200))))
    groups = question(Kind.GROUPS, "many", dictionary=DataDictionary.of(many))
    drawn = [int(number) for _ in range(25) for number in noise.answer(groups, [], price).numbers.values()]
    assert fits(drawn, variance) < LINE
    assert fits(drawn, variance * 1.25) > LINE
    assert fits(drawn, variance * 0.8) > LINE


def test_the_noise_of_a_count_is_the_same():
    drawn = [int(noise.answer(COUNT, [True] * 3, GENEROUS).number) - 3 for _ in range(500)]
    assert fits(drawn, 1) < LINE


def test_what_is_told_as_within_holds_for_nineteen_of_twenty():
    answers = [noise.answer(COUNT, [True] * 50, 5_000_000) for _ in range(300)]
    inside = sum(abs(one.number - 50) <= Decimal(one.within) for one in answers)
    assert answers[0].within == "20"
    assert inside > 300 * 0.87


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


# --- The ledger ------------------------------------------------------------------------------------
pytestmark = pytest.mark.django_db


def test_an_answer_is_paid_for_by_the_study_and_by_each_person_it_is_made_of():
    of, people = study(), patients(3)
    asked(of, yes(people[:2]))
    assert budget.left_of_study(of) == budget.Budget(500_000_000, 5_000_000)
    assert [budget.left_of_patient(one).spent for one in people] == [5_000_000, 5_000_000, 0]
    assert sorted(map(str, Debit.objects.values_list("patient", flat=True))) == sorted(
        ["None", *(str(one.pk) for one in people[:2])]
    )
    assert [(one.study, one.answers, one.spent) for one in budget.shares_of(people[0])] == [(of, 1, 5_000_000)]
    assert budget.left_of_study(of).percent_left == 99


def test_everybody_who_was_asked_about_reads_of_it():
    of, people = study(), patients(2)
    asked(of, yes(people[:1]))
    (line,) = story(people[0].pk)
    assert line.action == "research.asked"
    assert line.details["nano_rho"] == 5_000_000
    assert story(people[1].pk) == []


def test_a_repeated_question_has_the_stored_answer_and_costs_nothing():
    of, people = study(), patients(2)
    first = asked(of, yes(people))
    again = asked(of, None, read=lambda: pytest.fail("nothing is opened for an answer that is there"))
    assert again == first == answered_before(of, COUNT, price=5_000_000)
    assert budget.left_of_study(of).spent == 5_000_000
    assert len(story(people[0].pk)) == 1


def test_another_price_is_another_answer_and_paid_for():
    of, people = study(), patients(1)
    asked(of, yes(people), price=10)
    asked(of, yes(people), price=20)
    assert budget.left_of_study(of).spent == budget.left_of_patient(people[0]).spent == 30


def test_another_study_pays_for_itself_and_the_person_for_both():
    one, other, people = study(), study("Another"), patients(1)
    for of in (one, other):
        asked(of, yes(people), price=10)
    assert budget.left_of_study(one).spent == budget.left_of_study(other).spent == 10
    assert budget.left_of_patient(people[0]).spent == 20
    assert len(budget.shares_of(people[0])) == 2


def test_a_study_that_spent_all_is_refused_before_anything_is_opened(settings):
    settings.RESEARCH_STUDY_NANO_RHO = 15
    of, people = study(), patients(1)
    asked(of, yes(people), price=10)
    with pytest.raises(Spent) as told:
        asked(of, None, price=6, read=lambda: pytest.fail("nothing is opened"))
    assert told.value.left == 5
    (refused,) = with_action({"study.question-refused"})
    assert (refused.outcome, refused.because, refused.details["study"]) == ("refused", "budget-spent", str(of.pk))


def test_what_somebody_else_spent_meanwhile_counts(settings):
    settings.RESEARCH_STUDY_NANO_RHO = 15
    of, people = study(), patients(1)

    def read():
        StudyBudget.objects.filter(study=of).update(spent=10)
        return yes(people)

    with pytest.raises(Spent):
        asked(of, None, price=6, read=read)
    assert (PrivateAnswer.objects.count(), Debit.objects.count()) == (0, 0)
    assert budget.left_of_patient(people[0]).spent == 0


def test_who_spent_all_is_left_out_and_not_charged():
    of, people = study(), patients(2)
    PatientBudget.objects.create(patient=people[0], granted=10, spent=8)
    answer = asked(of, yes(people), price=5)
    assert answer.within
    assert [budget.left_of_patient(one).spent for one in people] == [8, 5]
    assert [len(story(one.pk)) for one in people] == [0, 1]


def test_values_of_who_is_left_out_are_not_among_those_drawn_from(monkeypatch):
    of, people = study(), patients(3)
    PatientBudget.objects.create(patient=people[0], granted=1, spent=0)
    drawn_from = []
    monkeypatch.setattr(
        noise, "answer", lambda _question, values, _price: drawn_from.append(len(values)) or noise.Answer({}, None)
    )
    asked(of, yes(people), price=5)
    assert drawn_from == [2]


def test_if_the_noise_fails_nothing_is_spent(monkeypatch):
    of, people = study(), patients(1)

    def fail(*_):
        raise noise.Costly

    monkeypatch.setattr(noise, "answer", fail)
    with pytest.raises(noise.Costly):
        asked(of, yes(people))
    assert (budget.left_of_study(of).spent, budget.left_of_patient(people[0]).spent) == (0, 0)
    assert (PrivateAnswer.objects.count(), len(story(people[0].pk))) == (0, 0)


def test_the_debit_stands_before_the_noise_is_drawn(monkeypatch):
    of, people = study(), patients(1)
    seen = []
    drawing = noise.answer

    def answer(*args):
        seen.append(
            (Debit.objects.count(), budget.left_of_study(of).spent, transaction.get_connection().in_atomic_block)
        )
        return drawing(*args)

    monkeypatch.setattr(noise, "answer", answer)
    asked(of, yes(people), price=7)
    assert seen == [(2, 7, True)]


def test_the_database_itself_refuses_an_overspent_row():
    row = StudyBudget.objects.create(study=study(), granted=10)
    with pytest.raises(IntegrityError), transaction.atomic():
        StudyBudget.objects.filter(pk=row.pk).update(spent=11)
    (one,) = patients(1)
    with pytest.raises(IntegrityError), transaction.atomic():
        PatientBudget.objects.create(patient=one, granted=10, spent=11)


def test_a_price_is_two_at_least():
    of = study()
    for price in (-5, 0, 1):
        with pytest.raises(ValueError, match="at least two"):
            asked(of, {}, price=price)


# --- Asking the same again -------------------------------------------------------------------------
def test_j7_5_the_same_question_is_locked_the_eighth_time_in_thirty_days():
    with time_machine.travel("2026-03-01T12:00Z", tick=False) as moment:
        of, people = study(), patients(1)
        for _ in range(7):
            asked(of, yes(people))
            moment.shift(timedelta(days=1))
        first = clock.now() - timedelta(days=7)
        with pytest.raises(Locked) as told:
            asked(of, yes(people))
        assert told.value.until == first + timedelta(days=30)
        asked(of, yes(people), question(Kind.GROUPS, "sex", dictionary=DICTIONARY))  # another one is not locked
        asked(study("Another"), yes(people))
        moment.move_to(told.value.until)
        asked(of, yes(people))
        assert Asking.objects.filter(study=of, digest=COUNT.digest).count() == 8


def test_a_lock_holds_whatever_is_paid():
    of, people = study(), patients(1)
    for price in range(2, 9):
        asked(of, yes(people), price=price)
    with pytest.raises(Locked):
        asked(of, yes(people), price=100)
