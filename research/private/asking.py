"""The one way to a private answer: debited before it is drawn, in one transaction, and on everybody's list.

Outside of it the caller reads the values; the door decided on each of them, and each reading is on the log. Here is
decided whether they may be used, and what that costs. If anything fails nothing is spent, and nothing was answered.
"""

from collections.abc import Callable, Mapping
from uuid import UUID

from django.db import transaction

from audit import log
from audit.log import Party
from ehr import clock
from ehr.accounts.models import User
from ehr.words import Purpose
from research import budget
from research.budget import Locked, Spent
from research.models import PrivateAnswer, Study
from research.private import noise
from research.private.questions import Answer, Question
from research.words import Act

# By patient: what the question's variable is for them. Of a count: whether they are among them. None: not known.
Values = Mapping[UUID, object]


def answered_before(study: Study, question: Question, *, price: int) -> Answer | None:
    """Return the answer given to this question at this price, which costs nothing; None where there is none."""
    row = PrivateAnswer.objects.filter(study=study, digest=question.digest, price=price).first()
    return Answer(**row.answer) if row else None


def ask(
    question: Question, *, study: Study, price: int, actor: Party, by: User | None, read: Callable[[], Values]
) -> Answer:
    """Return the answer to a question at a price in nano-rho: the one given before, or a new one.

    `read` opens the values of everybody who takes part; it is called when they are needed, outside of a transaction.
    `by` is who asked, `actor` as whom they stand on the log. Raises Locked where it was asked too often and Spent where
    the study has less left, both before anything is read and on the log; ValueError for a price that is none. Call it
    outside a transaction.
    """
    if price < 2:  # a mean pays two halves
        raise ValueError("A private answer costs at least two nano-rho.")
    try:
        budget.note_asking(study, question.digest, by=by)
        if known := answered_before(study, question, price=price):
            return known
        if price > (left := budget.left_of_study(study).left):
            raise Spent(left)
        return _draw(question, study=study, price=price, actor=actor, values=read())
    except (Locked, Spent) as refusal:
        because = "asked-too-often" if isinstance(refusal, Locked) else "budget-spent"
        details = {"study": str(study.pk), "digest": question.digest.hex(), "nano_rho": price}
        log.record(
            "study.question-refused", actor=actor, subject=None, outcome="refused", because=because, details=details
        )
        raise


def _draw(question: Question, *, study: Study, price: int, actor: Party, values: Values) -> Answer:
    """Debit, then draw, then tell; all of it or nothing."""
    with transaction.atomic():
        held = budget.locked_budget(study)
        if known := answered_before(study, question, price=price):
            return known
        as_of = clock.now().date()
        row = PrivateAnswer(
            study=study, digest=question.digest, price=price, as_of=as_of, question=question.written(), answer={}
        )
        included = budget.who_can_afford(values, price)
        row.save()
        budget.debit(held, row, included)
        drawn = noise.answer(question, [values[each] for each in included], price)
        row.answer = drawn.written()
        row.save(update_fields=["answer"])
        told = {"answer": str(row.pk), "nano_rho": price, "kind": question.kind.value, "study": str(study.pk)}
        reader = {"reader": str(study.reader_id), "reader_name": study.reader.name if study.reader else study.title}
        log.append_page(
            Act.ASKED, actor=actor, subjects=included, outcome="done", purpose=Purpose.HRESCH, details=told | reader
        )
    return drawn
