"""What the desk watches and cannot change: anchors of the log, transactions, and letters that wait."""

from datetime import timedelta

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from audit.models import Anchor
from ehr.accounts.models import Letter
from ehr.chain.models import Status, Transaction
from ehr.desk.worklist import Facts, Line, Queue, Worklist, waiting
from ehr.notices.models import Mail

LATE = timedelta(hours=1)
_AGREED = {Status.CONFIRMED, Status.FINAL}


@admin.register(Anchor)
class Anchors(Worklist):
    """Signed heads of the log on their way to the chain."""

    title = _("The log on the public record")
    lede = _("Each is a signed state of the log, fixed on the chain. Nobody can change it, here or anywhere.")
    empty = _("No state of the log is in this list.")
    views = (("open", _("On their way")), ("failed", _("Refused")), ("final", _("On the chain")))

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("checkpoint").order_by("-pk")

    def rows(self, request: HttpRequest, view: str):
        status = {
            "open": [Anchor.Status.QUEUED],
            "failed": [Anchor.Status.FAILED],
            "final": [Anchor.Status.CONFIRMED, Anchor.Status.FINAL],
        }
        return self.get_queryset(request).filter(status__in=status[view])

    def line(self, row: Anchor) -> Line:
        lines = row.checkpoint.size
        return Line(
            title=ngettext("%(count)s line", "%(count)s lines", lines) % {"count": lines},
            said="",
            tag=row.get_status_display(),
            look="stop" if row.status == Anchor.Status.FAILED else "plain",
            since=row.queued_at,
        )

    def facts(self, row: Anchor) -> Facts:
        return [
            (_("Lines in the log"), row.checkpoint.size),
            (_("Signed"), row.checkpoint.at),
            (_("Root"), bytes(row.checkpoint.root).hex()),
            (_("Continues the head of"), row.from_size),
            (_("State"), row.get_status_display()),
            (_("Block"), row.block or _("not yet")),
            (_("Signed note"), row.checkpoint.note),
        ]

    def queues(self, request: HttpRequest) -> list[Queue]:
        failed = self.rows(request, "failed")
        return [
            waiting(
                _("States of the log on their way to the public record"),
                self.rows(request, "open"),
                self.address(),
                since="queued_at",
                late_after=LATE,
            ),
            Queue(
                _("States of the log that the public record refused"),
                failed.count(),
                f"{self.address()}?view=failed",
                late=failed.exists(),
            ),
        ]


@admin.register(Transaction)
class Transactions(Worklist):
    """What waits for the chain. Contents are hashes."""

    title = _("What is written to the public record")
    lede = _("Each is sent again by itself until the chain has it. What the chain refused needs an engineer.")
    empty = _("Nothing is in this list.")
    views = (("open", _("On their way")), ("failed", _("Refused")), ("done", _("On the chain")))

    def rows(self, request: HttpRequest, view: str):
        every = self.get_queryset(request).order_by("queued_at", "pk")
        if view == "failed":
            return every.filter(status=Status.FAILED)
        done = Q(status__in=_AGREED)
        return every.filter(done).order_by("-pk") if view == "done" else every.exclude(done | Q(status=Status.FAILED))

    def line(self, row: Transaction) -> Line:
        return Line(
            title=f"{row.contract}.{row.method}" if row.method else row.contract,
            said="",
            tag=row.status,
            look="stop" if row.status == Status.FAILED else "plain",
            since=row.queued_at,
        )

    def facts(self, row: Transaction) -> Facts:
        return [
            (_("Contract"), row.contract),
            (_("Method"), row.method or _("its creation")),
            (_("Digest"), bytes(row.digest).hex()),
            (_("State"), row.status),
            (_("Queued"), row.queued_at),
            (_("Block"), row.block_number or _("not yet")),
            (_("What it met"), row.problem or _("nothing")),
        ]

    def queues(self, request: HttpRequest) -> list[Queue]:
        failed = self.rows(request, "failed")
        rows = self.rows(request, "open")
        return [
            waiting(_("On their way to the public record"), rows, self.address(), since="queued_at", late_after=LATE),
            Queue(
                _("Refused by the public record"),
                failed.count(),
                f"{self.address()}?view=failed",
                late=failed.exists(),
            ),
        ]


class Undelivered(Worklist):
    """Parcels of one kind that have not arrived: tried again by themselves until they are given up."""

    empty = _("Everything has arrived.")
    views = (("waiting", _("Waiting")), ("given-up", _("Given up")))

    def get_queryset(self, request):
        return super().get_queryset(request).filter(delivered_at=None).order_by("created_at", "pk")

    def rows(self, request: HttpRequest, view: str):
        return self.get_queryset(request).filter(gave_up_at__isnull=view == "waiting")

    def line(self, row) -> Line:
        tries = ngettext("%(count)s try", "%(count)s tries", row.attempts) % {"count": row.attempts}
        return Line(
            title=row.kind,
            said=tries,
            tag=gettext("given up") if row.gave_up_at else "",
            look="stop",
            since=row.created_at,
        )

    def facts(self, row) -> Facts:
        return [
            (_("Kind"), row.kind),
            (_("Written"), row.created_at),
            (_("Next try"), row.due_at),
            (_("Tries"), row.attempts),
            (_("Given up"), row.gave_up_at or _("no")),
            (_("What the last try met"), row.last_problem or _("nothing")),
        ]

    def queues(self, request: HttpRequest) -> list[Queue]:
        rows = self.rows(request, "waiting")
        return [waiting(self.title, rows, self.address(), since="created_at", late_after=LATE)]


@admin.register(Mail)
class UndeliveredMail(Undelivered):
    """E-mails about notices."""

    title = _("E-mails that wait")
    lede = _("An e-mail says that there is news, never what. Only its kind is shown here.")


@admin.register(Letter)
class UndeliveredLetters(Undelivered):
    """Letters about accounts."""

    title = _("Account letters that wait")
    lede = _("Links and warnings about accounts. Only their kind is shown here, not to whom.")
