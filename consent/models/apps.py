"""Programs that patients let in."""

from django.db import models

from ehr import clock
from ehr.accounts.models import Reader
from patients.models import Patient


class App(models.Model):
    """A program that one patient let in, as a reader with keys of its own: whose record it is for, and which program.

    Each connection is a reader by itself, so that what one patient's copy of a program holds says nothing of another's.
    """

    reader = models.OneToOneField(Reader, models.PROTECT, primary_key=True, related_name="app")
    patient = models.ForeignKey(Patient, models.PROTECT, related_name="apps")
    client = models.CharField(max_length=200, blank=True)  # the program as it is registered: the same for everybody
    connected_at = models.DateTimeField(default=clock.now, editable=False)
    withdrawn_at = models.DateTimeField(null=True, blank=True)  # the program was taken out of use here

    class Meta:
        indexes = [models.Index(fields=["client"], name="app_client")]

    def __str__(self):
        return f"app {self.reader_id}"
