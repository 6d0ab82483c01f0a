"""Private answers, in a worker: keys for the run, the values of those whose budget holds, then debit, draw and tell.

Clear text and values are in this process's memory and nowhere else. The debit, the noise that it pays for, the answer
and everybody's line are one transaction: a worker that dies before its end has spent nothing and told nothing, and one
that comes after finds what was told.
"""

import json
from collections.abc import Mapping
from datetime import date
from uuid import UUID

from django.db import transaction

from ehr import clock
from patients.models import Patient
from providers.rules import NotPossible
from research import budget, criteria, queries, snapshots
from research.budget import Spent
from research.criteria.matching import Code, Resource, age, latest, sex
from research.models import PrivateAnswer, PrivateQuestion, StudyBudget
from research.private import noise
from research.private.asking import parts_asked, refused, spent_words
from research.private.dictionary import NotDescribed
from research.private.questions import Question
from research.private.variables import LOINC, Described, described
from research.studies import running, work
from research.studies.proposing import log_people
from research.words import Act

# By patient: what the question's variable is for them. Of a count: whether they are among them. None: not known.
Values = Mapping[UUID, object]


def due() -> list[UUID]:
    """Return the questions that wait for a worker, those first that wait longest."""
    return work.due(PrivateQuestion)


def answer(question_id: UUID) -> str:
    """Answer one question and return the state it is in then. May run any number of times, also in two workers."""
    return work.carry(PrivateQuestion, question_id, _answer)


def _answer(row: PrivateQuestion) -> None:
    try:
        asked = Question.read(row.question)
        people = criteria.read(row.criteria) if row.criteria else None
        left = budget.left_of_study(row.study).left
        if row.price > left:
            raise Spent(left)
        _put_down(row, asked, _values(row, asked, people))
    except NotDescribed as problem:
        raise NotPossible(str(problem)) from problem
    except Spent as refusal:
        refused(row.study, bytes(row.digest), row.price, refusal, by=row.asked_by)
        raise NotPossible(spent_words(row.price, budget.left_of_study(row.study))) from refusal


# --- Values --------------------------------------------------------------------------------------
def _values(row: PrivateQuestion, asked: Question, people: criteria.Criteria | None) -> Values:
    """Return the value of everybody who shares what the answer depends on, and of whom so much may still be asked.

    Nobody else's record is opened; for how many take part, nobody's.
    """
    run = work.run_of(row.study)
    parts = parts_asked(asked, people)
    sharing = {one.patient_id for one in queries.participants(row.study) if parts <= set(one.categories)}
    wanted = sharing - budget.without_budget(sharing, row.price)
    if not parts:
        return dict.fromkeys(wanted, True)
    keyring = running.keys_for(run, because="question")
    snapshot = snapshots.take(run, keyring=keyring, watch=work.watch(row), only=wanted)
    records: dict[str, list[Resource]] = {str(one.patient_id): [] for one in snapshot.joinings}
    for owner, document in snapshot.documents:
        records[owner].append(json.loads(document))
    today = clock.now().date()
    return {UUID(owner): _value(asked, people, record, today) for owner, record in records.items()}


def _value(asked: Question, people: criteria.Criteria | None, record: list[Resource], today: date) -> object:
    is_meant = people is None or criteria.matches(people, record, today)
    if asked.variable is None:
        return is_meant
    return variable_of(described(asked.variable), record, today) if is_meant else None


def variable_of(one: Described, record: list[Resource], today: date) -> object:
    """Return what a record says of a variable on a day; None where it does not say it."""
    match one.variable.name:
        case "age":
            return age(record, today)
        case "sex":
            return sex(record)
        case _:
            return latest(record, [Code(LOINC, code) for code in one.codes], one.variable.unit)


# --- Putting it down -----------------------------------------------------------------------------
def _put_down(row: PrivateQuestion, asked: Question, values: Values) -> None:
    """Give the answer that is there of this day, or debit, draw and tell; all of it or nothing."""
    with transaction.atomic():
        # People before budgets, and in one order: so does whoever joins or withdraws, and another study's answer.
        list(Patient.objects.select_for_update(no_key=True).filter(pk__in=list(values)).order_by("pk").values("pk"))
        held = budget.locked_budget(row.study)
        mine = work.mine(row).select_for_update(of=("self",)).first()
        if mine is None:
            raise work.Given
        today = clock.now().date()
        known = PrivateAnswer.objects.filter(study=mine.study, digest=mine.digest, as_of=today, price__gte=mine.price)
        mine.answer = known.order_by("-price").first() or _drawn(mine, asked, values, held, today)
        mine.state, mine.ended_at = PrivateQuestion.State.READY, clock.now()
        mine.save(update_fields=["answer", "state", "ended_at"])


def _drawn(row: PrivateQuestion, asked: Question, values: Values, held: StudyBudget, today: date) -> PrivateAnswer:
    study = row.study
    # Who withdrew while records were opened is not among them any more.
    standing = queries.participants(study).filter(patient__in=list(values)).values_list("patient", flat=True)
    included = budget.who_can_afford(standing, row.price)
    made = PrivateAnswer(
        study=study, digest=bytes(row.digest), price=row.price, as_of=today, question=row.question, answer={}
    )
    budget.debit(held, made, included)
    made.answer = noise.answer(asked, [values[each] for each in included], row.price).written()
    made.save(force_insert=True)
    told = {"answer": str(made.pk), "kind": asked.kind.value, "nano_rho": row.price}
    log_people(Act.ASKED, study, included, actor=running.party(study), **told)
    return made
