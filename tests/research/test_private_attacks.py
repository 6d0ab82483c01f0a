"""What is tried against private questions: to tell one person by two answers, and to write the ledger anew."""

from datetime import timedelta
from io import StringIO

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction

from audit.models import Erasure
from ehr import clock
from research import budget
from research.models import Debit, Joining, PatientBudget, StudyBudget
from research.private import checking, triggers
from research.private.asking import ask
from research.private.questions import Kind
from tests.research import studying
from tests.research.criteria_made import document
from tests.research.private_made import DIABETIC, PRICE, acts, asked, number, spent

pytestmark = pytest.mark.django_db


# --- Attacks ---------------------------------------------------------------------------------------
def test_a_difference_of_two_private_counts_does_not_tell_whether_one_person_has_it(study, rosa, records):
    """Everybody with diabetes, and everybody with it who is under ninety: the one of 91 is in one of them at most."""
    records.people(study, 20)
    her = records.people(study, 1, born="1935-01-01")
    younger = document({"all": [DIABETIC["who"], {"age": {"to": 89}}]})
    pairs = [
        [number(asked(study, rosa.user, among=among, price=25_000_000 + paid)) for among in (DIABETIC, younger)]
        for paid in range(7)
    ]
    # What is left pays for three pairs more, and then she cannot be asked about any more: that is the end of it.
    assert spent(study, *her) == [14 * 25_000_000 + 42] * 2
    off = [(whole - 21, rest - 20) for whole, rest in pairs]
    squares = sum(one**2 for pair in off for one in pair) / 20  # each answer's variance is 20
    assert 1 < squares < 60, "each answer has noise of its own; chance leaves this once in some ten million runs"
    assert len({whole - rest for whole, rest in pairs}) > 1
    with pytest.raises(budget.Locked):
        ask(study, Kind.COUNT, among=DIABETIC, price=50_000_000, by=rosa.user)


def test_all_that_may_be_spent_leaves_an_attacker_in_doubt_about_one_person():
    """rho 0.5 moves what can be told by one standard deviation: the best guess is right in 69 of 100 cases."""
    granted, price = 500_000_000, 25_000_000
    pairs = granted // (2 * price)
    deviation = (2 * 10**9 / (2 * price) / pairs) ** 0.5  # of the mean difference, which is one person
    assert round(deviation, 6) == 2


def test_before_and_after_somebody_withdrew_the_same_question_has_one_answer_or_noise_of_its_own(study, rosa, records):
    everybody = records.people(study, 12)
    with time_machine.travel(studying.calm_noon(), tick=False) as moment:
        first = asked(study, rosa.user, among=DIABETIC)
        Joining.objects.filter(patient=everybody[0]).update(withdrawn_at=clock.now())
        assert asked(study, rosa.user, among=DIABETIC) == first
        assert asked(study, rosa.user, among=DIABETIC, anew=True) == first
        told = [number(first)]
        for _ in range(4):
            moment.shift(timedelta(days=1))
            told.append(number(asked(study, rosa.user, among=DIABETIC, anew=True)))
    assert len(set(told)) > 1
    assert spent(study, everybody[0], everybody[1]) == [5 * PRICE, PRICE, 5 * PRICE]
    assert len(acts(everybody[0])) == 1


# --- What the database refuses ---------------------------------------------------------------------
@pytest.fixture
def paid(study, rosa, records):
    everybody = records.people(study, 1)
    asked(study, rosa.user)
    return everybody[0]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE research_privateanswer SET price = price + 1",
        "DELETE FROM research_privateanswer",
        "UPDATE research_debit SET price = 1",
        "DELETE FROM research_debit WHERE patient_id IS NULL",
        "DELETE FROM research_debit WHERE patient_id IS NOT NULL",
        "UPDATE research_studybudget SET spent = 0",
        "DELETE FROM research_studybudget",
        "UPDATE research_patientbudget SET spent = spent - 1",
        "DELETE FROM research_patientbudget",
        "UPDATE research_studybudget SET spent = granted + 1",
        "UPDATE research_patientbudget SET spent = granted + 1",
    ],
)
def test_the_database_refuses_to_change_the_ledger(paid, statement):
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert Debit.objects.count() == 2


def told_by_command():
    told = StringIO()
    call_command("check_budgets", stdout=told)
    return told.getvalue().strip()


def test_the_ledger_comes_out_even_and_who_wrote_it_anew_is_found(paid, study):
    assert told_by_command() == "Answers: 1, people: 1. It comes out even."
    triggers.remove(connection)
    with pytest.raises(CommandError, match="no longer refuses changes"):
        told_by_command()
    StudyBudget.objects.update(spent=1)
    triggers.install(connection)
    with pytest.raises(CommandError, match=f"The study {study.pk} spent 1 nano-rho, and its debits add up to {PRICE}"):
        told_by_command()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda: PatientBudget.objects.update(spent=0), "The patient"),
        (lambda: Debit.objects.filter(patient=None).delete(), "its study was debited 0"),
        (lambda: Debit.objects.exclude(patient=None).update(price=1), "A debit of the answer"),
    ],
    ids=["budget", "gone", "cheaper"],
)
def test_each_difference_is_named(paid, change, words):
    triggers.remove(connection)
    change()
    triggers.install(connection)
    assert words in checking.difference()


def test_with_an_erased_record_its_debits_go_and_the_study_s_stays(paid, study):
    (line,) = acts(paid)
    Erasure.objects.create(event_id=line.event_id, because="asked to")
    PatientBudget.objects.filter(patient=paid).delete()
    Debit.objects.filter(patient=paid).delete()
    assert (Debit.objects.get().patient, *spent(study)) == (None, PRICE)


def test_every_trigger_of_the_ledger_stands_and_a_missing_one_is_noticed():
    assert triggers.missing(connection) == []
    triggers.remove(connection)
    assert len(triggers.missing(connection)) >= len(triggers.REFUSED)
    triggers.install(connection)
    assert triggers.missing(connection) == []
