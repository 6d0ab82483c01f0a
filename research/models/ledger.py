"""What private questions cost, of what, and what was answered. Amounts are whole nano-rho: 10⁻⁹ of zCDP's rho.

Answers and debits are only ever added, and budgets only spent: triggers (research/private/triggers.py) refuse the rest.
"""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from ehr import clock
from patients.models import Patient
from research.models.studies import Study
from research.models.work import Work


class StudyBudget(models.Model):
    """What a study may spend in all its private questions, and what it spent. Its row is the lock for that."""

    study = models.OneToOneField(Study, models.PROTECT, primary_key=True, related_name="budget")
    granted = models.PositiveBigIntegerField()
    spent = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(spent__lte=F("granted")), name="study_not_overspent")]

    def __str__(self):
        return f"budget of {self.study_id}"


class PatientBudget(models.Model):
    """What may be asked of one person in all studies together, and was. Beyond it, answers are made without them."""

    patient = models.OneToOneField(Patient, models.PROTECT, primary_key=True, related_name="research_budget")
    granted = models.PositiveBigIntegerField()
    spent = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(spent__lte=F("granted")), name="patient_not_overspent")]

    def __str__(self):
        return f"budget of {self.patient_id}"


class PrivateAnswer(models.Model):
    """A private question of a study and its answer, noise and all. Written once; asked again, it is given again.

    `as_of` is the day, UTC, whose records it is of: on another day the same question may be paid for anew.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    study = models.ForeignKey(Study, models.PROTECT, related_name="private_answers")
    digest = models.BinaryField(max_length=32)  # of the question in its normal form
    price = models.PositiveBigIntegerField()
    as_of = models.DateField()
    question = models.JSONField()
    answer = models.JSONField()
    answered_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        ordering = ["-answered_at", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["study", "digest", "price", "as_of"], name="private_answer_once"),
            models.CheckConstraint(condition=Q(price__gt=0), name="private_answer_has_a_price"),
        ]

    def __str__(self):
        return f"answer {self.id}"


class PrivateQuestion(Work):
    """A private question as it was asked, and how far its answer is. An answer that was there is given to many."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    study = models.ForeignKey(Study, models.PROTECT, related_name="private_questions")
    question = models.JSONField()  # in its normal form, with the bounds it was asked with
    criteria = models.JSONField(null=True, blank=True)  # of the people it is about; none for everybody
    digest = models.BinaryField(max_length=32)
    price = models.PositiveBigIntegerField()
    answer = models.ForeignKey(PrivateAnswer, models.PROTECT, null=True, blank=True, related_name="questions")

    class Meta:
        ordering = ["-asked_at", "pk"]
        indexes = [models.Index(fields=["state", "seen_at"], name="question_by_state")]
        constraints = [
            models.UniqueConstraint(
                fields=["study", "digest", "price"],
                condition=Q(state__in=["asked", "running"]),
                name="one_private_question_under_way",
            ),
            models.CheckConstraint(
                condition=Q(state="ready", answer__isnull=False, ended_at__isnull=False)
                | ~Q(state="ready") & Q(answer__isnull=True),
                name="private_question_answered_when_ready",
            ),
        ]

    def __str__(self):
        return f"private question {self.id}"


class Debit(models.Model):
    """What one answer cost: a study, in the row without a patient, and each person among those it was made of."""

    answer = models.ForeignKey(PrivateAnswer, models.PROTECT, related_name="debits")
    patient = models.ForeignKey(Patient, models.PROTECT, null=True, blank=True, related_name="research_debits")
    price = models.PositiveBigIntegerField()
    at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["answer", "patient"], name="patient_debited_once"),
            models.UniqueConstraint(fields=["answer"], condition=Q(patient__isnull=True), name="study_debited_once"),
            models.CheckConstraint(condition=Q(price__gt=0), name="debit_of_something"),
        ]

    def __str__(self):
        return f"{self.price} nano-rho"


class Asking(models.Model):
    """That a question was asked in a study, for the first time or again. The same one too often is locked."""

    study = models.ForeignKey(Study, models.PROTECT, related_name="askings")
    digest = models.BinaryField(max_length=32)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+")
    at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        ordering = ["at", "pk"]
        indexes = [models.Index(fields=["study", "digest", "at"], name="asking_of_study")]

    def __str__(self):
        return f"asking in {self.study_id}"
