"""Letters about an account."""

from django.db import models

from ehr.accounts.models.entering import Link
from ehr.accounts.models.people import User
from ehr.outbox.models import Parcel


class Letter(Parcel):
    """A letter about an account: a link, a lock, a change. `ehr.notices` words it, sends it and shelves a copy."""

    user = models.ForeignKey(User, models.CASCADE, related_name="letters")
    # Where it goes, when that is not the account's own address: one that is to be proven, or was just removed.
    to = models.EmailField(blank=True)
    link = models.ForeignKey(Link, models.CASCADE, null=True, blank=True, related_name="+")
    # When its copy was put among the person's notices; letters with links have no copy.
    shelved_at = models.DateTimeField(null=True, blank=True)

    class Meta(Parcel.Meta):
        abstract = False
        indexes = [models.Index(fields=["due_at"], condition=models.Q(delivered_at=None), name="letter_waiting")]
