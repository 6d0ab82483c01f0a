"""Who is seen by whom, when, and what became of it. FHIR: Appointment."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from appointments.models.availability import Place, Schedule, Timetable, VisitType
from consent.models import Grant, Referral
from ehr import clock
from ehr.accounts.models import User
from patients.models import Patient


class Status(models.TextChoices):
    """What an appointment is. The values are FHIR's AppointmentStatus; being seen is FHIR's Encounter in progress."""

    PROPOSED = "proposed", _("proposed")
    BOOKED = "booked", _("booked")
    ARRIVED = "arrived", _("arrived")
    IN_PROGRESS = "in-progress", _("being seen")
    FULFILLED = "fulfilled", _("done")
    CANCELLED = "cancelled", _("cancelled")
    NO_SHOW = "noshow", _("nobody came")
    MISTAKE = "entered-in-error", _("entered by mistake")
    WAITLIST = "waitlist", _("on the waiting list")


class Hold(models.Model):
    """Minutes kept for somebody who is still filling in a page, or to whom a freed slot is offered."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    timetable = models.ForeignKey(Timetable, models.PROTECT, related_name="holds")
    schedule = models.ForeignKey(Schedule, models.PROTECT, related_name="holds")
    visit_type = models.ForeignKey(VisitType, models.PROTECT, related_name="holds")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    starts = models.DateTimeField()
    expires_at = models.DateTimeField()
    made_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        indexes = [models.Index(fields=["expires_at"], name="hold_by_its_end")]
        constraints = [models.CheckConstraint(condition=Q(expires_at__gt=F("made_at")), name="hold_lasts_a_while")]

    def __str__(self):
        return f"hold {self.id}"


class Appointment(models.Model):
    """One visit of one patient. What it was booked by stands in it; why somebody comes is a sealed entry."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    patient = models.ForeignKey(Patient, models.PROTECT, related_name="appointments")
    timetable = models.ForeignKey(Timetable, models.PROTECT, related_name="appointments")
    schedule = models.ForeignKey(Schedule, models.PROTECT, related_name="appointments")
    place = models.ForeignKey(Place, models.PROTECT, null=True, blank=True, related_name="appointments")
    visit_type = models.ForeignKey(VisitType, models.PROTECT, related_name="appointments")
    status = models.CharField(max_length=16, choices=Status, default=Status.BOOKED)
    starts = models.DateTimeField()
    ends = models.DateTimeField()
    time_zone = models.CharField(max_length=64)  # of the place, in which its hour was chosen
    price = models.PositiveIntegerField()  # smallest unit
    currency = models.CharField(max_length=3)
    # As it was shown when it was booked: {"free_cancel_hours", "late_fee_percent", "no_show_percent"}.
    policy = models.JSONField()
    self_pay = models.BooleanField(default=False)  # the payer hears nothing of this visit
    # Why: the FHIR id of a sealed entry, and a salted commitment to it, which is all that anybody else gets.
    reason = models.UUIDField(null=True, blank=True)
    reason_commitment = models.BinaryField(max_length=32, default=bytes)
    referral = models.ForeignKey(Referral, models.PROTECT, null=True, blank=True, related_name="appointments")
    grant = models.ForeignKey(Grant, models.PROTECT, null=True, blank=True, related_name="appointments")
    moved_from = models.OneToOneField("self", models.PROTECT, null=True, blank=True, related_name="moved_to")
    booked_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    made_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        ordering = ["starts", "pk"]
        indexes = [
            models.Index(fields=["patient", "starts"], name="appointment_of_patient"),
            models.Index(fields=["timetable", "starts"], name="appointment_of_timetable"),
            models.Index(fields=["status", "starts"], name="appointment_by_status"),
        ]
        constraints = [models.CheckConstraint(condition=Q(ends__gt=F("starts")), name="appointment_ends_after_start")]

    def __str__(self):
        return f"appointment {self.id}"


class Taken(models.Model):
    """Five minutes of a clinician that are gone. The database itself refuses to give them twice.

    A visit of thirty minutes with a buffer of ten has eight of these; cancelling deletes them.
    """

    timetable = models.ForeignKey(Timetable, models.PROTECT, related_name="taken")
    at = models.DateTimeField()  # a multiple of five minutes
    appointment = models.ForeignKey(Appointment, models.CASCADE, null=True, blank=True, related_name="taken")
    hold = models.ForeignKey(Hold, models.CASCADE, null=True, blank=True, related_name="taken")

    class Meta:
        verbose_name_plural = "taken"
        constraints = [
            models.UniqueConstraint(fields=["timetable", "at"], name="five_minutes_are_given_once"),
            models.CheckConstraint(
                condition=Q(appointment__isnull=True, hold__isnull=False)
                | Q(appointment__isnull=False, hold__isnull=True),
                name="taken_by_a_visit_or_a_hold",
            ),
        ]

    def __str__(self):
        return f"taken {self.at:%Y-%m-%d %H:%M}"


class Change(models.Model):
    """One change of what an appointment is: from, to, by whom, when, and why. Rows are only ever added."""

    appointment = models.ForeignKey(Appointment, models.PROTECT, related_name="changes")
    number = models.PositiveSmallIntegerField()  # 1, 2, 3 … in one appointment: each change is made once
    before = models.CharField(max_length=16, choices=Status, blank=True)  # empty: it was made by this
    after = models.CharField(max_length=16, choices=Status)
    by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")  # empty: by a rule
    because = models.CharField(max_length=40, blank=True)  # a code of ours, never somebody's words
    undoes = models.OneToOneField("self", models.PROTECT, null=True, blank=True, related_name="undone_by")
    at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        ordering = ["appointment", "number"]
        constraints = [
            models.UniqueConstraint(fields=["appointment", "number"], name="change_once_in_its_place"),
            models.CheckConstraint(condition=~Q(before=F("after")), name="change_changes_something"),
        ]

    def __str__(self):
        return f"{self.before} → {self.after}"
