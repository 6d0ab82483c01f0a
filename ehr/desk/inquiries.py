# ruff: noqa: ARG002 - the hooks of a worklist share one signature
"""What patients wait for: claims of a record until two people saw who they are, and questions about a line of the log.

Nothing here is clinical: a claim shows names and dates of birth to compare with a document, a case the words a
patient chose to write and the line they are about.
"""

from datetime import timedelta

from django import forms
from django.contrib import admin
from django.db.models import Exists, OuterRef
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.text import capfirst
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from audit import cases, log
from audit.models import Case
from consent import queries as consent
from consent import reach, sentences
from consent.models import Claim, Emergency
from consent.sharing import arrivals, questions
from ehr import clock
from ehr.accounts.models import User
from ehr.desk.worklist import Act, Facts, Line, Nothing, Queue, Reason, Section, Worklist, waiting
from ehr.frame import roles
from patients import operations as patients
from patients import queries as patient_queries
from patients.models import Identifier
from providers import queries


class Document(forms.Form):
    """Which document was seen. Its number stays out."""

    document = forms.ChoiceField(
        label=_("The document you saw"),
        choices=[
            ("passport", _("passport")),
            ("identity-card", _("identity card")),
            ("driving-licence", _("driving licence")),
            ("health-card", _("health card with a picture")),
        ],
        widget=forms.RadioSelect,
    )


class Answer(forms.Form):
    """An officer's answer, sealed to the patient and the officers."""

    words = forms.CharField(
        label=_("Your answer"),
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 6}),
        help_text=_("The patient reads this beside the line. Say what you found, and what they can do."),
    )


def refuse(claim: Claim, *, by, reason: str) -> None:
    """End a claim whose claimant is not the patient."""
    arrivals.refuse_claim(claim, by=by, because=reason)


CHECK = Act(
    "check",
    _("I saw this person and their document"),
    arrivals.check_claim,
    _("Your check is on file."),
    help=_("Name and date of birth on the document are those above, and the picture is of the person before you."),
    form=Document,
)
REFUSE = Act(
    "refuse",
    _("This is not the patient"),
    refuse,
    _("The claim has ended. The record stays closed."),
    form=Reason,
    grave=True,
)
ANSWER = Act("answer", _("Send this answer"), questions.answer, _("The patient was told."), form=Answer)


class Officer(forms.Form):
    """Who looks after a case."""

    to = forms.ModelChoiceField(label=_("Officer"), queryset=User.objects.none(), empty_label=_("Choose one"))

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        known = [one.pk for one in consent.officers()]
        self.fields["to"].queryset = User.objects.filter(pk__in=known).order_by("name", "pk")


ASSIGN = Act(
    "assign",
    _("Give this case to them"),
    questions.assign,
    _("They look after it now."),
    help=_("One officer looks after a case. The others still see it."),
    form=Officer,
)
CLOSE = Act("close", _("Close this case"), questions.close, _("The case is closed."), form=Nothing)


@admin.register(Claim)
class Claims(Worklist):
    """Records that arrived before their patient, whose claimant waits for two identity checks."""

    title = _("Claims of a record")
    lede = _(
        "Two of you see the person and their document, one after the other. Only then does the record open to them."
    )
    empty = _("No claim waits for a check.")

    def get_queryset(self, request):
        return (
            super()
            .get_queryset(request)
            .taken_up(clock.now())
            .select_related("patient", "claimant")
            .order_by("claimed_at", "pk")
        )

    def seen(self, request: HttpRequest, rows) -> None:
        reach.name([row.patient for row in rows], to=request.user, because="claim")

    def line(self, row: Claim) -> Line:
        count = consent.seen_by(row)
        seen = ngettext("%(count)s check so far", "%(count)s checks so far", count) % {"count": count}
        return Line(title=row.claimant.name, said=seen, since=row.claimed_at)

    def facts(self, row: Claim) -> Facts:
        return [
            (_("The record is of"), row.patient.name),
            (_("Born"), row.patient.birth_date),
            (_("Claimed by"), f"{row.claimant.name}, {row.claimant.signs_in_with}"),
            (_("Claimed"), row.claimed_at),
        ]

    def sections(self, request: HttpRequest, row: Claim) -> list[Section]:
        seen = [Line(title=one.by.name, said=one.document, since=one.at) for one in row.checks.select_related("by")]
        return [Section(_("Who saw them"), lines=seen)]

    def notes(self, request: HttpRequest, row: Claim) -> list[str]:
        missing = arrivals.STAFF_NEEDED - consent.seen_by(row)
        if missing <= 0:
            return [gettext("Two people have seen them. They can open the record now.")]
        said = ngettext("%(count)s check by another person is missing.", "%(count)s checks are missing.", missing)
        return [said % {"count": missing}]

    def acts(self, request: HttpRequest, row: Claim) -> list[Act]:
        if not request.user.has_perm("consent.change_claim") or row.claimant_id == request.user.pk:
            return []
        done = row.checks.filter(by=request.user).exists() or consent.seen_by(row) >= arrivals.STAFF_NEEDED
        return [REFUSE] if done else [CHECK, REFUSE]

    def queues(self, request: HttpRequest) -> list[Queue]:
        rows = self.get_queryset(request)
        return [waiting(_("Claims to check"), rows, self.address(), since="claimed_at", late_after=timedelta(days=3))]


class NumberedDocument(Document):
    """Which document was seen, and the number on it: compared with what the patient gave, and not kept."""

    number = forms.CharField(
        label=_("The number on the document"),
        max_length=60,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        help_text=_("Type it from the document before you, not from what the person says."),
    )


IDENTIFY = Act(
    "check",
    _("I saw this person and their document"),
    patients.check_identity,
    _("Your check is on file."),
    help=_("Name and date of birth on the document are those above, and the picture is of the person before you."),
    form=NumberedDocument,
)


@admin.register(Identifier)
class Identities(Worklist):
    """People who signed up and whose identity two of the staff confirm. Identifiers are digests: unreadable."""

    title = _("Identities to confirm")
    lede = _("Two of you see the person and their document, one after the other.")
    empty = _("Nobody waits for a check of who they are.")

    def get_queryset(self, request):
        return patient_queries.awaiting_identity_check().filter(patient__user__isnull=False)

    def seen(self, request: HttpRequest, rows) -> None:
        reach.name([row.patient for row in rows], to=request.user, because="identity-check")

    def line(self, row: Identifier) -> Line:
        count = row.checks.count()
        seen = ngettext("%(count)s check so far", "%(count)s checks so far", count) % {"count": count}
        return Line(title=row.patient.name, said=seen, since=row.patient.created_at)

    def facts(self, row: Identifier) -> Facts:
        return [
            (_("Name"), row.patient.name),
            (_("Born"), row.patient.birth_date),
            (_("Ask for the number in"), row.system),
            (_("Signed up"), row.patient.created_at),
        ]

    def sections(self, request: HttpRequest, row: Identifier) -> list[Section]:
        seen = [Line(title=one.by.name, said=one.document, since=one.at) for one in row.checks.all()]
        return [Section(_("Who saw them"), lines=seen)]

    def acts(self, request: HttpRequest, row: Identifier) -> list[Act]:
        own = row.patient.user_id == request.user.pk
        if own or not request.user.has_perm("consent.change_claim"):
            return []
        return [] if any(one.by_id == request.user.pk for one in row.checks.all()) else [IDENTIFY]

    def queues(self, request: HttpRequest) -> list[Queue]:
        rows = self.get_queryset(request)
        return [Queue(_("Identities to confirm"), rows.count(), self.address())]


@admin.register(Case)
class Cases(Worklist):
    """Patients who do not recognise a line. The words open with the officer's own keys, and the look is on the log."""

    title = _("Questions about the log")
    lede = _("A patient does not recognise a line. Find out, and answer within ten days.")
    empty = _("No question is in this list.")
    views = (("open", _("To answer")), ("answered", _("Answered")), ("closed", _("Closed")))

    def get_queryset(self, request):
        found = Emergency.objects.filter(case_id=OuterRef("pk"))
        return super().get_queryset(request).annotate(by_review=Exists(found))

    def rows(self, request: HttpRequest, view: str):
        return self.get_queryset(request).filter(state=view).order_by("due_at", "pk")

    def line(self, row: Case) -> Line:
        late = row.state == Case.State.OPEN and row.due_at < clock.now()
        return Line(
            title=gettext("An emergency access that was not justified")
            if row.by_review
            else gettext("A line that somebody does not recognise"),
            said=row.assigned_name,
            tag=gettext("late") if late else row.get_state_display(),
            look="stop" if late else "plain",
            since=row.opened_at,
        )

    def facts(self, row: Case) -> Facts:
        line = questions.line(row)
        looked_after = row.assigned_name or _("nobody yet")
        about = [(_("Asked"), row.opened_at), (_("Answer by"), row.due_at), (_("Looked after by"), looked_after)]
        if line is None or line.actor is None:
            return about
        return [
            *about,
            (_("The line"), capfirst(line.action.replace(".", " ").replace("-", " "))),
            (_("Who"), ", ".join(part for part in (line.actor.name, line.actor.role, line.actor.place) if part)),
            (_("When"), line.time),
            (_("Parts of the record"), sentences.parts(line.categories) or _("none")),
            (_("Purpose"), sentences.PURPOSES.get(line.purpose) or _("none given")),
            (_("Outcome"), line.outcome),
        ]

    def sections(self, request: HttpRequest, row: Case) -> list[Section]:
        closed_to_you = gettext("Sealed before you were an officer, so it does not open for you.")
        said = [
            Line(title=one.by.name, said=closed_to_you if one.words is None else one.words, since=one.at)
            for one in questions.read(row, keyring=request.keyring)
        ]
        return [Section(_("What was said"), lines=said)]

    def acts(self, request: HttpRequest, row: Case) -> list[Act]:
        if not request.user.has_perm("audit.change_case") or row.state == Case.State.CLOSED:
            return []
        return [ANSWER, CLOSE, ASSIGN] if row.state == Case.State.ANSWERED else [ANSWER, ASSIGN]

    def before(self, request: HttpRequest, row: Case) -> HttpResponse | None:
        """Put the look on the log. What was said is sealed, so the officer's keys must be open."""
        if request.keyring is None:
            return redirect(roles.with_next("front:unlock", self.address("change", row.pk)))
        log.record("case.read", actor=queries.party(request.user), subject=row.subject, details={"case": str(row.pk)})
        return None

    def queues(self, request: HttpRequest) -> list[Queue]:
        rows = self.rows(request, "open")
        oldest = rows.values_list("opened_at", flat=True).first()
        late = cases.overdue(clock.now()).exists()
        return [Queue(_("Questions to answer"), rows.count(), self.address(), late=late, oldest=oldest)]
