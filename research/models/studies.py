"""Researchers, the studies they propose, and what a committee of others made of them."""

import uuid

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from ehr import clock
from ehr.accounts.models import KeyVersion, Reader
from providers.models import Clinician, Institution

currency_code = RegexValidator(r"^[A-Z]{3}$", _("Give the currency as three capital letters, such as CAD or EUR."))


class Researcher(models.Model):
    """Somebody who registered to do research. The account is for that alone: nobody's record opens to it by name.

    Licence, training and place of work are those of `providers`, shown for the role of a researcher.
    """

    clinician = models.OneToOneField(Clinician, models.PROTECT, related_name="researcher")
    registered_at = models.DateTimeField(default=clock.now, editable=False)

    def __str__(self):
        return str(self.clinician)


class Agreement(models.Model):
    """The data-use agreement in one edition, signed with a researcher's own author key. Written once."""

    researcher = models.ForeignKey(Researcher, models.PROTECT, related_name="agreements")
    edition = models.CharField(max_length=20)
    digest = models.BinaryField()  # SHA-256 of the text that was signed
    key_version = models.ForeignKey(KeyVersion, models.PROTECT, related_name="+")
    signature = models.BinaryField()
    signed_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["researcher", "edition"], name="agreement_signed_once")]

    def __str__(self):
        return f"agreement {self.edition} of {self.researcher_id}"


class StudyQuerySet(models.QuerySet):
    def open(self, at):
        """Those that people may join, and whose runs may read: approved, and not over."""
        return self.filter(state=Study.State.APPROVED, ends__gt=at)

    def of(self, user):
        """A researcher's own, the newest first."""
        return self.filter(researcher__clinician__user=user).order_by("-created_at", "pk")


class Study(models.Model):
    """A question somebody wants to answer from people's records, and the terms under which these people agree.

    The terms are fixed when it is proposed: what was approved and what is joined is what `terms` is the digest of.
    """

    class State(models.TextChoices):
        DRAFT = "draft", _("being written")
        WAITING = "waiting", _("waiting for the committee")
        ASKED = "asked", _("the committee asks something")
        APPROVED = "approved", _("approved")
        PAUSED = "paused", _("paused by the committee")
        REFUSED = "refused", _("refused")
        CLOSED = "closed", _("closed")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    researcher = models.ForeignKey(Researcher, models.PROTECT, related_name="studies")
    institution = models.ForeignKey(Institution, models.PROTECT, related_name="studies")
    # To whom people who join close their parts. Only the keyholder has its private key; none before the approval.
    reader = models.OneToOneField(Reader, models.PROTECT, null=True, blank=True, related_name="study")
    state = models.CharField(_("state"), max_length=8, choices=State, default=State.DRAFT)
    title = models.CharField(_("title"), max_length=160)
    purpose = models.TextField(_("purpose, for the committee"), max_length=4000)
    plain = models.TextField(_("purpose, for everybody"), max_length=1500)
    categories = models.JSONField(default=list)  # sorted list of Category values: what may be asked for
    views = models.JSONField(default=list, blank=True)  # SQL on FHIR ViewDefinitions, as they were handed in
    # Names of measures, sorted. A study that has any is for figures of a population, and for nothing else.
    measures = models.JSONField(default=list, blank=True)
    # Who determined, and where that is written, that days may leave, moved for each person; without it years alone do.
    determination = models.CharField(_("expert’s determination of days"), max_length=300, blank=True)
    # Whether spans may be of different width in one column (local recoding); else whole columns become coarser alike.
    local_recoding = models.BooleanField(_("groups of different width"), default=False)
    commercial = models.BooleanField(_("somebody may earn money with the results"), default=False)
    ends = models.DateTimeField(_("until"))
    pay = models.PositiveIntegerField(_("pay for each person and release"), default=0)  # minor units
    currency = models.CharField(_("currency"), max_length=3, default="USD", validators=[currency_code])
    # wei that stand for one minor unit, where people are paid through the contract; 0: the institution pays from a file
    unit = models.PositiveBigIntegerField(default=0)
    ethics_body = models.CharField(_("ethics board"), max_length=200)
    ethics_reference = models.CharField(_("its reference"), max_length=100)
    salt = models.BinaryField()  # hides the terms behind their digest in public
    terms = models.BinaryField(null=True, blank=True)  # 32 bytes over all of the above, since it was proposed
    created_at = models.DateTimeField(default=clock.now, editable=False)
    proposed_at = models.DateTimeField(null=True, blank=True)
    # Kept beside the decisions, so that the database itself refuses an approval by the wrong people.
    proposer = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    first_approver = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )
    second_approver = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)

    objects = StudyQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "studies"
        ordering = ["-created_at", "pk"]
        permissions = [("decide_study", _("Sits on the committee that decides about studies"))]
        indexes = [models.Index(fields=["state", "ends"], name="study_by_state")]
        constraints = [
            models.CheckConstraint(
                condition=Q(state="draft") | Q(terms__isnull=False, proposed_at__isnull=False),
                name="study_proposed_with_terms",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["approved", "paused"])
                | Q(first_approver__isnull=False, second_approver__isnull=False, reader__isnull=False),
                name="study_approved_by_two",
            ),
            models.CheckConstraint(
                condition=Q(first_approver__isnull=True) | ~Q(first_approver=F("proposer")),
                name="study_first_approver_is_another",
            ),
            models.CheckConstraint(
                condition=Q(second_approver__isnull=True)
                | (~Q(second_approver=F("proposer")) & ~Q(second_approver=F("first_approver"))),
                name="study_second_approver_is_another",
            ),
        ]

    def __str__(self):
        return self.title

    @property
    def is_for_figures(self) -> bool:
        """Whether figures of a population are all that is made of it: no rows leave, and nobody asks questions."""
        return bool(self.measures)

    @property
    def is_open(self) -> bool:
        """Whether people may join it and its runs may read, at this moment."""
        return self.state == self.State.APPROVED and clock.now() < self.ends


class EthicsApproval(models.Model):
    """The document of an ethics board, sealed at rest under the storage key. Apart, so that lists never load it."""

    study = models.OneToOneField(Study, models.PROTECT, related_name="ethics")
    media_type = models.CharField(max_length=40)
    sealed = models.BinaryField()
    size = models.PositiveIntegerField(help_text=_("bytes, before sealing"))
    digest = models.BinaryField()  # SHA-256 of the document; part of the terms

    def __str__(self):
        return f"ethics approval of {self.study_id}"


class Vote(models.Model):
    """What one member of the committee decided on one set of terms. Written once."""

    class Decision(models.TextChoices):
        APPROVED = "approved", _("approved")
        REFUSED = "refused", _("refused")

    study = models.ForeignKey(Study, models.PROTECT, related_name="votes")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    proposer = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    terms = models.BinaryField()
    decision = models.CharField(max_length=8, choices=Decision)
    reason = models.CharField(max_length=500)
    event_id = models.UUIDField()  # the line of the log that says so; the keyholder asks for it
    at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        ordering = ["at", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["study", "by", "terms"], name="study_decided_once"),
            models.CheckConstraint(condition=~Q(by=F("proposer")), name="study_vote_is_anothers"),
        ]

    def __str__(self):
        return f"{self.get_decision_display()} {self.study_id}"


class Question(models.Model):
    """What the committee asks before it decides, and what the researcher answers."""

    study = models.ForeignKey(Study, models.PROTECT, related_name="questions")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    text = models.TextField(max_length=2000)
    asked_at = models.DateTimeField(default=clock.now, editable=False)
    answer = models.TextField(max_length=4000, blank=True)
    answered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["asked_at", "pk"]

    def __str__(self):
        return f"question about {self.study_id}"


class Run(models.Model):
    """That a member of the committee let a study's worker read, until a moment. The keyholder asks for its line.

    Without one that holds the study's keys stay with the keyholder, whatever state the study's row says it is in.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    study = models.ForeignKey(Study, models.PROTECT, related_name="runs")
    approved_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    approved_at = models.DateTimeField(default=clock.now, editable=False)
    until = models.DateTimeField()
    event_id = models.UUIDField(unique=True)

    class Meta:
        ordering = ["-approved_at", "pk"]

    def __str__(self):
        return f"run of {self.study_id}"
