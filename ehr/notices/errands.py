"""Telling people who have no mailbox: somebody at the desk writes or calls, and says that they did.

An errand is made where an e-mail would leave, so what an outage held up is not lost. Whoever adds a mailbox before
then gets the e-mail. Only what must reach somebody becomes one; the rest waits for them in the portal.
"""

from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from audit import log
from ehr import clock
from ehr.accounts import queries as accounts
from ehr.accounts.models import User
from ehr.accounts.operations import Refused
from ehr.notices import kinds
from ehr.notices.models import Errand

TELLS = "notices.run_errand"
SOON, IN_TIME = timedelta(hours=24), timedelta(days=7)


def put_on_the_list(user: User, kind: str, *, key: str) -> Errand | None:
    """Let the desk tell a person something, once per key; None for what they need not be told by letter."""
    told = kinds.of(kind)
    if not told.by_desk:
        return None
    soon = min(SOON, settings.RECOVERY_DELAY / 2)
    due = clock.now() + (soon if told.emergency else IN_TIME)
    return Errand.objects.get_or_create(key=key, defaults={"user": user, "kind": kind, "due_at": due})[0]


def newest(user: User, kind: str) -> Errand | None:
    """Return the last time that somebody had to be told this by the desk, or None."""
    return Errand.objects.filter(user=user, kind=kind).order_by("-made_at").first()


def done(errand: Errand, *, how: str, by: User, subject: UUID | None = None) -> None:
    """Note that somebody was told, how and by whom. `subject` is on whose list the line belongs. Raises Refused."""
    if not by.is_active or not by.has_perm(TELLS):
        raise Refused(_("Your role does not include telling people by letter or telephone."))
    how = Errand.How(how)
    with transaction.atomic():
        open_one = Errand.objects.filter(pk=errand.pk, done_at=None)
        if not open_one.update(done_at=clock.now(), done_by=by, how=how):
            raise Refused(_("A colleague told them meanwhile. There is nothing left to do here."))
        log.append(
            "person.told",
            actor=accounts.party(by, role="staff"),
            subject=subject,
            outcome="done",
            because=str(how),
            details={"user": str(errand.user_id), "kind": errand.kind},
        )
