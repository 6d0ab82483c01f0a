"""How much may still be asked: of a study's data, of one person's, and how often the same. Needs no noise to be told.

Amounts are whole nano-rho, 10⁻⁹ of the rho of zero-concentrated differential privacy, for which costs add up.
Source: Bun and Steinke, Concentrated Differential Privacy (2016).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F, Sum
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from ehr import clock
from ehr.accounts.models import User
from patients.models import Patient
from research.models import Asking, Debit, PatientBudget, PrivateAnswer, PrivateQuestion, Study, StudyBudget

UNDER_WAY = (PrivateQuestion.State.ASKED, PrivateQuestion.State.RUNNING)


class Spent(Exception):
    """A study has less left than a question costs; `left` is nano-rho."""

    def __init__(self, left: int) -> None:
        super().__init__(left)
        self.left = left


class Locked(Exception):
    """The same question was asked too often; `until` is when it may be asked again."""

    def __init__(self, until: datetime) -> None:
        super().__init__(until)
        self.until = until


@dataclass(frozen=True)
class Budget:
    """What was granted and what was spent of it, in nano-rho."""

    granted: int
    spent: int

    @property
    def left(self) -> int:
        return self.granted - self.spent

    @property
    def percent_left(self) -> int:
        """Return whole percent, rounded down: what is told as left is there."""
        return self.left * 100 // self.granted if self.granted else 0

    def words(self, part: int) -> str:
        """Return a part of what was granted as percent: "5 %", "0.2 %", or "under 0.1 %"."""
        tenths = part * 1000 // self.granted if self.granted else 0
        if not tenths:
            return _("under 0.1\u00a0%") if part else _("nothing")
        return _("%(percent)s\u00a0%%") % {"percent": number_format(Decimal(tenths) / 10, 1 if tenths % 10 else 0)}


@dataclass(frozen=True)
class Share:
    """What one study's answers cost a person, the latest first."""

    study: Study
    debits: tuple[Debit, ...]

    @property
    def spent(self) -> int:
        """Return nano-rho."""
        return sum(one.price for one in self.debits)


# --- What is left ----------------------------------------------------------------------------------
def left_of_study(study: Study) -> Budget:
    """Return what a study may still spend."""
    row = StudyBudget.objects.filter(study=study).first()
    return Budget(row.granted, row.spent) if row else Budget(settings.RESEARCH_STUDY_NANO_RHO, 0)


def left_of_patient(patient: Patient) -> Budget:
    """Return what may still be asked of a person, in all studies together."""
    row = PatientBudget.objects.filter(patient=patient).first()
    return Budget(row.granted, row.spent) if row else Budget(settings.RESEARCH_PATIENT_NANO_RHO, 0)


def promised(study: Study) -> int:
    """Return what the questions of a study that are under way will cost when they are answered."""
    rows = PrivateQuestion.objects.filter(study=study, state__in=UNDER_WAY)
    return rows.aggregate(all=Sum("price"))["all"] or 0


def without_budget(patient_ids: Iterable[UUID], price: int) -> set[UUID]:
    """Return those of whom so much may not be asked any more, as it stands now: their records need not be opened."""
    wanted = set(patient_ids)
    rows = {row.pk: row for row in PatientBudget.objects.filter(pk__in=wanted)}
    granted = settings.RESEARCH_PATIENT_NANO_RHO
    return {each for each in wanted if price > (rows[each].granted - rows[each].spent if each in rows else granted)}


def shares_of(patient: Patient) -> list[Share]:
    """Return what each study's private answers cost a person, the study first that asked last."""
    rows = Debit.objects.filter(patient=patient).select_related("answer__study").order_by("-at", "-pk")
    found: dict[Study, list[Debit]] = {}
    for row in rows:
        found.setdefault(row.answer.study, []).append(row)
    return [Share(study, tuple(debits)) for study, debits in found.items()]


# --- Asking the same again -------------------------------------------------------------------------
def note_asking(study: Study, digest: bytes, *, by: User | None) -> None:
    """Note that a question is asked. Raises Locked from the eighth time in thirty days on; that is not noted again."""
    most, days = settings.RESEARCH_REPEATS, timedelta(days=settings.RESEARCH_REPEAT_DAYS)
    with transaction.atomic():
        locked_budget(study)
        at = clock.now()
        rows = Asking.objects.filter(study=study, digest=digest, at__gt=at - days).order_by("-at")
        times = list(rows.values_list("at", flat=True)[:most])
        if len(times) >= most:
            raise Locked(times[-1] + days)
        Asking.objects.create(study=study, digest=digest, by=by, at=at)


# --- Spending --------------------------------------------------------------------------------------
def locked_budget(study: Study) -> StudyBudget:
    """Return a study's budget, held until the transaction ends."""
    StudyBudget.objects.get_or_create(study=study, defaults={"granted": settings.RESEARCH_STUDY_NANO_RHO})
    return StudyBudget.objects.select_for_update().get(study=study)


def who_can_afford(patient_ids: Iterable[UUID], price: int) -> list[UUID]:
    """Return those of whom so much may still be asked, their budgets held until the transaction ends.

    That depends on what was asked before and never on what their records say, so it tells nothing of these.
    """
    granted = settings.RESEARCH_PATIENT_NANO_RHO
    ids = sorted(patient_ids)
    PatientBudget.objects.bulk_create(
        [PatientBudget(patient_id=each, granted=granted) for each in ids], ignore_conflicts=True, batch_size=500
    )
    # Everybody's in one order, or two studies would wait for each other.
    rows = PatientBudget.objects.select_for_update().filter(pk__in=ids, spent__lte=F("granted") - price).order_by("pk")
    return list(rows.values_list("pk", flat=True))


def debit(budget: StudyBudget, answer: PrivateAnswer, patient_ids: Iterable[UUID]) -> None:
    """Charge a study and each person for an answer. Raises Spent; the database itself refuses an overspent row.

    `budget` and the persons' are held since `locked_budget` and `who_can_afford`. The answer's own row may come after
    its debits, in the same transaction: it is written once, when it is drawn.
    """
    if answer.price > budget.granted - budget.spent:
        raise Spent(budget.granted - budget.spent)
    ids = list(patient_ids)
    StudyBudget.objects.filter(pk=budget.pk).update(spent=F("spent") + answer.price)
    PatientBudget.objects.filter(pk__in=ids).update(spent=F("spent") + answer.price)
    at = clock.now()
    debits = [Debit(answer=answer, patient_id=each, price=answer.price, at=at) for each in (None, *ids)]
    Debit.objects.bulk_create(debits, batch_size=500)
