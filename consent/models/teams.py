"""Which nurse looks after which patient. Teams themselves are providers' business."""

from django.db import models
from django.db.models import F, Q

from ehr import clock
from ehr.accounts.models import Reader, User
from patients.models import Patient


class Assignment(models.Model):
    """That a member of a team looks after a patient, from and until. Without one a nurse reaches nobody by the team."""

    patient = models.ForeignKey(Patient, models.PROTECT, related_name="assignments")
    team = models.ForeignKey(Reader, models.PROTECT, related_name="assignments")
    reader = models.ForeignKey(Reader, models.PROTECT, related_name="assigned")
    starts = models.DateTimeField()
    ends = models.DateTimeField()
    made_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    made_at = models.DateTimeField(default=clock.now, editable=False)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(ends__gt=F("starts")), name="assignment_ends_after_start")]
        indexes = [models.Index(fields=["reader", "patient", "ends"], name="assignment_between")]

    def __str__(self):
        return f"assignment {self.pk}"
