"""That the ledger comes out even: budgets, debits and answers say the same, and nobody could have written them anew."""

from collections.abc import Iterator

from django.db import connection
from django.db.models import Count, F, OuterRef, Q, Subquery, Sum
from django.db.models.functions import Coalesce

from research.models import Debit, PatientBudget, PrivateAnswer, StudyBudget
from research.private import triggers


def difference() -> str:
    """Return the first thing that does not agree, with what to do about it; "" where everything does."""
    return next(_differences(), "")


def _differences() -> Iterator[str]:
    for name in triggers.missing(connection):
        yield f"The database no longer refuses changes to the ledger: {name} is gone. Look for who did it."
    by_study = Coalesce(Sum("debits__price", filter=Q(debits__patient=None)), 0)
    for answer in PrivateAnswer.objects.annotate(paid=by_study).exclude(paid=F("price"))[:1]:
        yield f"The answer {answer.pk} cost {answer.price} nano-rho, and its study was debited {answer.paid}."
    for debit in Debit.objects.exclude(price=F("answer__price"))[:1]:
        yield f"A debit of the answer {debit.answer_id} is {debit.price} nano-rho, and the answer's price another."
    studies = Debit.objects.filter(answer__study=OuterRef("study"), patient=None).order_by().values("answer__study")
    for held in _uneven(StudyBudget.objects.all(), studies):
        yield f"The study {held.study_id} spent {held.spent} nano-rho, and its debits add up to {held.paid}."
    patients = Debit.objects.filter(patient=OuterRef("patient")).order_by().values("patient")
    for held in _uneven(PatientBudget.objects.all(), patients):
        yield f"The patient {held.patient_id} spent {held.spent} nano-rho, and their debits add up to {held.paid}."


def _uneven(budgets, debits):
    """Return the budgets whose debits add up to something else; `debits` are grouped by what the budget is of."""
    paid = Coalesce(Subquery(debits.annotate(all=Sum("price")).values("all")), 0)
    return budgets.annotate(paid=paid).exclude(spent=F("paid"))


def counted() -> tuple[int, int]:
    """Return how many answers there are, and how many people at least one of them was made of."""
    people = Debit.objects.aggregate(people=Count("patient", distinct=True))["people"]
    return PrivateAnswer.objects.count(), people
