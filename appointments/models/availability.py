"""When and where a clinician may be seen. Free slots are computed from these rows; none is ever stored."""

import uuid

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from ehr import clock
from providers.models import Clinician, Institution, known_zone

STEP_MINUTES = 5  # every length, buffer and beginning is a multiple of this


class Place(models.Model):
    """Where a visit happens: an address that patients can find, in its own time zone. FHIR: Location."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    institution = models.ForeignKey(Institution, models.PROTECT, related_name="places")
    name = models.CharField(_("name"), max_length=120)
    address = models.CharField(_("address"), max_length=300)
    way_in = models.CharField(_("how to get in"), max_length=300, blank=True)
    telephone = models.CharField(_("telephone"), max_length=40, blank=True)
    time_zone = models.CharField(_("time zone"), max_length=64, validators=[known_zone])
    closed_at = models.DateTimeField(_("closed"), null=True, blank=True)
    made_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["institution", "name"], condition=Q(closed_at__isnull=True), name="place_name_once"
            )
        ]

    def __str__(self):
        return self.name


class VisitType(models.Model):
    """What can be booked at an institution: how long, what it costs, what cancelling late costs. FHIR: serviceType.

    A booking copies what it was made by, so that a later change of the price or the policy changes no visit.
    """

    class Mode(models.TextChoices):
        PLACE = "place", _("at the place")
        VIDEO = "video", _("by video")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    institution = models.ForeignKey(Institution, models.PROTECT, related_name="visit_types")
    name = models.CharField(_("name"), max_length=80)
    about = models.CharField(_("what it is for"), max_length=300, blank=True)
    mode = models.CharField(_("where"), max_length=5, choices=Mode, default=Mode.PLACE)
    minutes = models.PositiveSmallIntegerField(_("minutes"), validators=[MinValueValidator(STEP_MINUTES)])
    before_minutes = models.PositiveSmallIntegerField(_("minutes kept free before"), default=0)
    after_minutes = models.PositiveSmallIntegerField(_("minutes kept free after"), default=0)
    price = models.PositiveIntegerField(_("price"), default=0, help_text=_("In the smallest unit, such as cents."))
    currency = models.CharField(_("currency"), max_length=3, default="USD")
    free_cancel_hours = models.PositiveSmallIntegerField(_("hours before which cancelling is free"), default=24)
    late_fee_percent = models.PositiveSmallIntegerField(
        _("percent of the price kept for a late cancellation"), default=0
    )
    no_show_percent = models.PositiveSmallIntegerField(_("percent of the price kept when nobody came"), default=0)
    needs = models.JSONField(_("parts of the record it needs"), default=list, blank=True)  # sorted categories
    retired_at = models.DateTimeField(_("no longer offered"), null=True, blank=True)
    made_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["institution", "name"], condition=Q(retired_at__isnull=True), name="visit_type_name_once"
            ),
            models.CheckConstraint(
                condition=Q(minutes__gte=STEP_MINUTES, late_fee_percent__lte=100, no_show_percent__lte=100),
                name="visit_type_makes_sense",
            ),
        ]

    def __str__(self):
        return self.name


class Timetable(models.Model):
    """One clinician's time, whichever places they work at: who books or blocks it holds this row first."""

    clinician = models.OneToOneField(Clinician, models.PROTECT, primary_key=True, related_name="timetable")
    made_at = models.DateTimeField(default=clock.now, editable=False)

    def __str__(self):
        return f"timetable of {self.clinician_id}"


class Schedule(models.Model):
    """A clinician's hours for some visit types at one place, or by video. FHIR: Schedule."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    timetable = models.ForeignKey(Timetable, models.PROTECT, related_name="schedules")
    institution = models.ForeignKey(Institution, models.PROTECT, related_name="schedules")
    place = models.ForeignKey(Place, models.PROTECT, null=True, blank=True, related_name="schedules")
    visit_types = models.ManyToManyField(VisitType, related_name="schedules")
    time_zone = models.CharField(_("time zone"), max_length=64, validators=[known_zone])
    notice_minutes = models.PositiveIntegerField(_("booked at least so many minutes ahead"), default=120)
    horizon_days = models.PositiveSmallIntegerField(_("booked at most so many days ahead"), default=90)
    retired_at = models.DateTimeField(_("no longer used"), null=True, blank=True)
    made_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        indexes = [models.Index(fields=["institution", "retired_at"], name="schedule_of_institution")]

    def __str__(self):
        return f"schedule {self.id}"


class Hours(models.Model):
    """A weekly rule in local time: on this weekday, from this hour to that one, between two dates."""

    schedule = models.ForeignKey(Schedule, models.CASCADE, related_name="hours")
    weekday = models.PositiveSmallIntegerField(_("weekday"))  # 0 is Monday, as in datetime.date.weekday
    begins = models.TimeField(_("from"))
    ends = models.TimeField(_("until"))  # on the same day; midnight ends a day as 00:00
    since = models.DateField(_("since"))
    until = models.DateField(_("until the day"), null=True, blank=True)  # its last day

    class Meta:
        ordering = ["weekday", "begins"]
        verbose_name_plural = "hours"
        constraints = [models.CheckConstraint(condition=Q(weekday__lte=6), name="hours_on_a_weekday")]

    def __str__(self):
        return f"{self.weekday} {self.begins:%H:%M}–{self.ends:%H:%M}"


class Closure(models.Model):
    """A whole place is closed between two moments, for whatever reason: it never says which.

    What closes time is an Absence of each schedule there; the visits booked in it stay until the desk looked at each.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    place = models.ForeignKey(Place, models.PROTECT, related_name="closures")
    starts = models.DateTimeField(_("from"))
    ends = models.DateTimeField(_("until"))
    made_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        ordering = ["starts", "pk"]
        indexes = [models.Index(fields=["place", "ends"], name="closure_of_place")]
        constraints = [models.CheckConstraint(condition=Q(ends__gt=F("starts")), name="closure_ends_after_start")]

    def __str__(self):
        return f"closure {self.id}"


class Absence(models.Model):
    """Time that cannot be booked, or that can although no weekly rule says so. Never says why: a calendar is read."""

    class Kind(models.TextChoices):
        CLOSED = "closed", _("closed")
        EXTRA = "extra", _("open as well")
        BUSY = "busy", _("busy elsewhere")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    timetable = models.ForeignKey(Timetable, models.PROTECT, related_name="absences")
    # Hours that are open as well are open at one schedule; closed and busy hold wherever a clinician works.
    schedule = models.ForeignKey(Schedule, models.CASCADE, null=True, blank=True, related_name="absences")
    kind = models.CharField(max_length=6, choices=Kind, default=Kind.CLOSED)
    starts = models.DateTimeField(_("from"))
    ends = models.DateTimeField(_("until"))
    # Of a whole place: it goes as it came, with that of every schedule there.
    closure = models.ForeignKey(Closure, models.CASCADE, null=True, blank=True, related_name="absences")
    source = models.CharField(max_length=64, blank=True)  # the calendar it was read from, by an id of our own
    made_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        indexes = [models.Index(fields=["timetable", "ends"], name="absence_of_timetable")]
        constraints = [
            models.CheckConstraint(condition=Q(ends__gt=F("starts")), name="absence_ends_after_start"),
            models.CheckConstraint(
                condition=~Q(kind="extra") | Q(schedule__isnull=False), name="extra_hours_are_of_a_schedule"
            ),
        ]

    def __str__(self):
        return f"{self.kind} {self.starts:%Y-%m-%d %H:%M}"
