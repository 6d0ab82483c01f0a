"""Emergencies that somebody else than who opened one looks at, within 72 hours; and letters that contacts wait for.

What was read stays sealed: an officer sees who, why in their own words, when, and the lines it left on the log.
"""

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from audit import log
from consent import emergency, reach, sentences
from consent.models import ContactParcel, Emergency
from ehr import clock
from ehr.desk import operations as desk
from ehr.desk.oversight import Undelivered
from ehr.desk.worklist import Act, Facts, Line, Nothing, Queue, Section, Worklist
from ehr.frame import roles
from ehr.words import Category
from providers import queries

MAY_REVIEW = "consent.review_emergency"
ACTS = {
    "emergency.opened": _("Opened the record"),
    "chart.opened": _("Read the chart"),
    "entry.opened": _("Read one entry"),
    "attachment.opened": _("Opened a file"),
    "chart.refused": _("Was refused"),
    "emergency.ended": _("Ended it"),
}


class Review(forms.Form):
    """What a review found. The patient reads it."""

    outcome = forms.ChoiceField(
        label=_("Was it right to open this record without asking?"),
        choices=[
            (Emergency.Outcome.JUSTIFIED, _("Yes, it was justified")),
            (Emergency.Outcome.UNJUSTIFIED, _("No: it ends now, and a case is opened")),
        ],
        widget=forms.RadioSelect,
        error_messages={"required": _("Say whether it was right.")},
    )
    words = forms.CharField(
        label=_("What you found"),
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 5}),
        help_text=_("The patient reads this, and so do the other officers. At least 20 characters."),
        error_messages={"required": _("Say in a sentence what you found.")},
    )


def end(row: Emergency, *, by) -> None:
    """End an emergency that is still open."""
    emergency.end(row, by=by)


def suspend(row: Emergency, *, by, reason: str) -> None:
    """Suspend the account of who opened it."""
    desk.suspend_account(row.reader.user, by=by, reason=reason)


REVIEW = Act("review", _("Send what I found"), emergency.review, _("The patient was told."), form=Review)
END = Act(
    "end",
    _("End it now"),
    end,
    _("It has ended. From the next request on nothing opens by it."),
    help=_("It is open at this moment. Ending it says nothing yet about whether it was right."),
    form=Nothing,
    grave=True,
)
SUSPEND = Act(
    "suspend",
    _("Suspend the account of who opened it"),
    suspend,
    _("The account is suspended and all its sessions have ended."),
    help=_("Found not justified. While the case is looked into, you can keep them out of everything."),
    grave=True,
)


@admin.register(Emergency)
class Emergencies(Worklist):
    """Records that were opened in an emergency, the first due first."""

    title = _("Emergency access to review")
    lede = _("Somebody opened a record without its patient's leave. Find out whether it was right, within 72 hours.")
    empty = _("No emergency access is in this list.")
    views = (
        ("waiting", _("To review")),
        ("open", _("Open now")),
        ("unjustified", _("Not justified")),
        ("reviewed", _("Reviewed")),
    )

    def get_queryset(self, request):
        rows = super().get_queryset(request).exclude(ended_by=Emergency.EndedBy.FAILED)
        return rows.select_related("patient", "reader__user", "reviewed_by")

    def rows(self, request: HttpRequest, view: str):
        every = self.get_queryset(request)
        if view == "waiting":
            return every.filter(outcome="").order_by("review_due_at", "pk")
        if view == "open":
            return every.filter(ended_at__isnull=True, ends_at__gt=clock.now()).order_by("opened_at", "pk")
        done = every.exclude(outcome="").order_by("-reviewed_at", "pk")
        return done.filter(outcome=Emergency.Outcome.UNJUSTIFIED) if view == "unjustified" else done

    def seen(self, request: HttpRequest, rows) -> None:
        reach.name([row.patient for row in rows], to=request.user, because="emergency-review")

    def line(self, row: Emergency) -> Line:
        about = gettext("%(reason)s. The record of %(patient)s.") % {
            "reason": str(row.get_reason_display()).capitalize(),
            "patient": row.patient.name,
        }
        tag, look = self._tag(row)
        return Line(title=row.reader.name, said=about, tag=tag, look=look, since=row.opened_at)

    def _tag(self, row: Emergency) -> tuple[str, str]:
        at = clock.now()
        if row.outcome:
            return row.get_outcome_display(), "stop" if row.outcome == Emergency.Outcome.UNJUSTIFIED else "plain"
        if row.review_due_at <= at:
            return gettext("overdue"), "stop"
        return (gettext("open now"), "warn") if row.is_open(at) else ("", "")

    def facts(self, row: Emergency) -> Facts:
        who = emergency.actor_of(row)
        named = (who.name, who.role, who.place) if who else (row.reader.name,)
        reviewed = f"{row.reviewed_by.name}: {row.get_outcome_display()}" if row.reviewed_by else _("not yet")
        return [
            (_("Opened by"), ", ".join(one for one in named if one)),
            (_("The record is of"), row.patient.name),
            (_("Reason"), row.get_reason_display()),
            (_("Opened"), row.opened_at),
            (_("Open until"), min(row.ended_at or row.ends_at, row.ends_at)),
            (_("Ended by"), row.get_ended_by_display() if row.ended_by else _("its time")),
            (_("Parts of the record"), _("all six") if set(row.parts) == set(Category) else sentences.parts(row.parts)),
            (_("Review by"), row.review_due_at),
            (_("Reviewed"), reviewed),
        ]

    def sections(self, request: HttpRequest, row: Emergency) -> list[Section]:
        closed_to_you = gettext("Sealed before you were an officer, so it does not open for you.")
        said = [Line(title=row.reader.name, said=emergency.reason_of(row, request.keyring) or closed_to_you)]
        if row.reviewed_by:
            found = emergency.review_of(row, request.keyring) or closed_to_you
            said.append(Line(title=row.reviewed_by.name, said=found, since=row.reviewed_at))
        looks = [
            Line(
                title=ACTS.get(one.action, one.action),
                said=sentences.parts(one.categories),
                tag=gettext("refused") if one.outcome == "refused" else "",
                look="stop",
                since=one.time,
            )
            for one in emergency.looks_in(row)
        ]
        return [Section(_("In their words"), lines=said), Section(_("What was opened"), lines=looks)]

    def notes(self, request: HttpRequest, row: Emergency) -> list[str]:
        if row.reader.user_id == request.user.pk:
            return [gettext("You opened this yourself. Another officer reviews it.")]
        if row.case_id:
            return [gettext("A case about this is open under “Questions about the log”, with its own clock.")]
        return []

    def acts(self, request: HttpRequest, row: Emergency) -> list[Act]:
        if not request.user.has_perm(MAY_REVIEW) or row.reader.user_id == request.user.pk:
            return []
        chosen = [] if row.outcome else [REVIEW]
        if row.is_open(clock.now()):
            chosen.append(END)
        unjustified = row.outcome == Emergency.Outcome.UNJUSTIFIED
        if unjustified and row.reader.user.is_active and request.user.has_perm("accounts.change_user"):
            chosen.append(SUSPEND)
        return chosen

    def before(self, request: HttpRequest, row: Emergency) -> HttpResponse | None:
        """Put the look on the log. The words are sealed, so the officer's keys must be open."""
        if request.keyring is None:
            return redirect(roles.with_next("front:unlock", self.address("change", row.pk)))
        log.record(
            "emergency.read",
            actor=queries.party(request.user),
            subject=row.patient_id,
            details={"emergency": str(row.pk)},
        )
        return None

    def queues(self, request: HttpRequest) -> list[Queue]:
        rows = self.rows(request, "waiting")
        oldest = rows.first()
        late = bool(oldest and oldest.review_due_at <= clock.now())
        since = oldest.opened_at if oldest else None
        return [Queue(_("Emergency access to review"), rows.count(), self.address(), late=late, oldest=since)]


@admin.register(ContactParcel)
class UndeliveredContacts(Undelivered):
    """What emergency contacts were not told yet."""

    title = _("Letters to emergency contacts that wait")
    lede = _("Whoever a patient named is told within a minute. Only how often it was tried is shown here, not to whom.")
