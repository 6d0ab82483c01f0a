# ruff: noqa: ARG002 - the hooks of a worklist share one signature
"""The committee's list: what is asked, of whom and for what, and the buttons by which two decide.

Nobody who takes part is on any of these pages, and no number small enough to tell one.
"""

import json
from dataclasses import replace
from datetime import timedelta
from functools import partial

from django import forms
from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from appointments.payments import amounts
from consent import sentences
from consent.keyholder.studies import COMMITTEE, DECIDES
from ehr import clock
from ehr.desk.worklist import Act, Facts, Line, Nothing, Queue, Section, Worklist, waiting
from ehr.frame import figures, roles
from providers.rules import NotPossible
from research import queries
from research.figures.words import titles
from research.models import Study, Vote
from research.release import asking as releases
from research.release import reported
from research.studies import deciding, proposing
from research.studies.states import State, Verb, may

LATE = timedelta(days=14)
SIGNED = frozenset({"approve", "let-run"})  # with the keys of whoever presses them
_LOOKS = {State.WAITING: "warn", State.ASKED: "plain", State.APPROVED: "", State.CLOSED: "plain"}
_SUFFIX = {"application/pdf": "pdf", "image/png": "png", "image/jpeg": "jpg"}


class Asking(forms.Form):
    """What the committee wants to know first."""

    text = forms.CharField(
        label=_("What you want to know"),
        max_length=2_000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("The researcher reads this and answers on the study’s page."),
    )


ACTS = (
    (
        Verb.VOTE,
        Act(
            "approve",
            _("Approve these terms"),
            deciding.approve,
            _("Your approval is on file."),
            help=_(
                "Two of you approve, one after the other, and sign with your own keys. The second approval makes the "
                "study’s keys, opens it to whoever wants to join, and lets it read for 30 days."
            ),
        ),
    ),
    (
        Verb.ASK,
        Act(
            "ask", _("Ask the researcher first"), deciding.ask, _("Your question is with the researcher."), form=Asking
        ),
    ),
    (Verb.REFUSE, Act("refuse", _("Refuse it"), deciding.refuse, _("The study was refused."), grave=True)),
    (
        Verb.LET_RUN,
        Act(
            "let-run",
            _("Let it read for another 30 days"),
            deciding.let_run,
            _("Its runs may read for another 30 days."),
            help=_("Without this the keyholder keeps the study’s keys, whatever anybody asks for."),
        ),
    ),
    (
        Verb.PAUSE,
        Act("pause", _("Hold it still"), deciding.pause, _("Nobody joins and nothing is read until it goes on.")),
    ),
    (Verb.RESUME, Act("resume", _("Let it go on"), deciding.resume, _("The study goes on."))),
    (
        Verb.CLOSE,
        Act(
            "close",
            _("End it for good"),
            deciding.close,
            _("The study is over, and its keys are destroyed."),
            help=_("Its keys are destroyed with this. Everybody who joined is told."),
            grave=True,
        ),
    ),
)
FINISH = Act(
    "finish",
    _("Make its keys now"),
    deciding.finish,
    _("The study is open."),
    help=_("Two approved it while the keyholder was away. It also happens by itself within a minute."),
    form=Nothing,
)


@admin.register(Study)
class Studies(Worklist):
    """What was proposed, the oldest first, and what became of it. A draft is its researcher’s, and not here."""

    title = _("Studies")
    lede = _("Two of you approve what was proposed, word for word. Nobody decides about their own.")
    empty = _("No study is in this list.")
    views = (
        ("waiting", _("Waiting")),
        ("asked", _("Asked about")),
        ("open", _("Open")),
        ("over", _("Refused and closed")),
    )

    def has_view_permission(self, request: HttpRequest, obj=None) -> bool:
        return request.user.has_perm(DECIDES)

    def get_queryset(self, request):
        rows = super().get_queryset(request).exclude(state=State.DRAFT)
        return rows.select_related("researcher__clinician__user", "institution", "reader")

    def rows(self, request: HttpRequest, view: str):
        every = self.get_queryset(request)
        return {
            "waiting": every.filter(state=State.WAITING).order_by("proposed_at", "pk"),
            "asked": every.filter(state=State.ASKED).order_by("proposed_at", "pk"),
            "open": every.filter(state__in=[State.APPROVED, State.PAUSED]).order_by("ends", "pk"),
            "over": every.filter(state__in=[State.REFUSED, State.CLOSED]).order_by("-decided_at", "pk"),
        }[view]

    def found(self, rows, words: str):
        return rows.filter(title__icontains=words)

    def line(self, row: Study) -> Line:
        return Line(
            title=row.title,
            said=f"{row.researcher}, {row.institution}",
            tag=row.get_state_display(),
            look=_LOOKS.get(State(row.state), "stop"),
            since=row.proposed_at,
        )

    def facts(self, row: Study) -> Facts:
        joined, rules = queries.how_many(row), queries.rules()
        few = gettext("fewer than %(small)s") % {"small": rules.small}
        said = [
            (_("Researcher"), row.researcher),
            (_("Institution"), row.institution),
            (_("What people read"), row.plain),
            (_("Purpose and method"), row.purpose),
            (_("Parts of the record"), sentences.parts(row.categories)),
            (_("Figures, and nothing else"), "; ".join(str(title) for title in titles(row)) or _("no")),
            (_("Dates leave as"), self.dates(row)),
            (_("Ages, years and areas become coarser"), self.coarser(row)),
            (_("Somebody may earn money with the results"), _("yes") if row.commercial else _("no")),
            (_("Until"), row.ends),
            (_("Pay for each person and release"), amounts.words(row.pay, row.currency)),
            (_("How it is paid"), self.paid(row)),
            (_("Ethics board"), f"{row.ethics_body}, {row.ethics_reference}"),
        ]
        if row.reader_id:
            said.append(
                (_("Who takes part"), few if joined is None else gettext("about %(count)s") % {"count": joined})
            )
            run = queries.run_at(row, clock.now())
            said.append((_("May read until"), run.until if run else _("nobody let it read")))
        return said

    @staticmethod
    def paid(row: Study) -> str:
        """Return how people are paid: what the committee approves with the terms."""
        if not row.unit:
            return gettext("by the institution, from a file")
        return gettext("through the contract, %(unit)s wei for the smallest unit") % {"unit": f"{row.unit:,}"}

    @staticmethod
    def dates(row: Study) -> str:
        """Return how dates leave: what the committee approves with the terms."""
        if not row.determination:
            return gettext("years")
        said = gettext("whole days, moved by a number of days of each person’s own; determined by: %(whom)s")
        return said % {"whom": row.determination}

    @staticmethod
    def coarser(row: Study) -> str:
        """Return how people are made alike: what the committee approves with the terms."""
        if row.local_recoding:
            return gettext("in spans of different width (Mondrian); nobody is left out")
        return gettext("as whole columns; who would still stand alone is left out")

    def sections(self, request: HttpRequest, row: Study) -> list[Section]:
        document = Line(
            title=gettext("Open the ethics board’s approval"),
            said=gettext("That you open it is written down first."),
            url=self.address("evidence", row.pk),
        )
        views = [
            (_("View %(number)s") % {"number": place}, json.dumps(view, indent=1, ensure_ascii=False))
            for place, view in enumerate(row.views, start=1)
        ]
        asked = [
            Line(
                title=one.by.name, said=f"{one.text} — {one.answer or gettext('not answered yet')}", since=one.asked_at
            )
            for one in queries.questions(row)
        ]
        decided = [
            Line(title=one.by.name, said=one.reason, tag=one.get_decision_display(), since=one.at)
            for one in queries.votes(row)
        ]
        left = [
            Line(
                title=one.get_state_display(),
                said=one.because,
                since=one.asked_at,
                url=self.address("releases", row.pk),
            )
            for one in releases.releases(row)
        ]
        return [
            Section(_("Ethics approval"), lines=[document]),
            Section(_("Views: what may leave"), facts=views),
            Section(_("Questions"), lines=asked),
            Section(_("Decisions"), lines=decided),
            Section(_("Releases"), lines=left),
        ]

    def before(self, request: HttpRequest, row) -> HttpResponse | None:
        return redirect(roles.step(request, "front:unlock")) if request.keyring is None else None

    def notes(self, request: HttpRequest, row: Study) -> list[str]:
        said = []
        if not proposing.intact(row):
            said.append(gettext("This is not what was proposed: somebody changed it. Tell the operator."))
        if row.proposer_id == request.user.pk:
            said.append(gettext("This is your own study. Others decide about it."))
        elif row.state == State.WAITING:
            had = [one for one in queries.votes(row) if one.decision == Vote.Decision.APPROVED]
            left = COMMITTEE - len(had)
            said.append(
                ngettext("%(count)s approval is missing.", "%(count)s approvals are missing.", left) % {"count": left}
            )
            if any(one.by_id == request.user.pk for one in had):
                said.append(gettext("You have approved it. The other approval is somebody else’s."))
        return said

    def acts(self, request: HttpRequest, row: Study) -> list[Act]:
        if row.proposer_id == request.user.pk:
            return []
        if row.second_approver_id is not None and row.state == State.WAITING:
            return [FINISH]
        voted = any(one.by_id == request.user.pk for one in queries.votes(row))
        offered = [act for verb, act in ACTS if may(row, verb) and not (verb == Verb.VOTE and voted)]
        return [
            replace(act, verb=partial(act.verb, keyring=request.keyring)) if act.name in SIGNED else act
            for act in offered
        ]

    def queues(self, request: HttpRequest) -> list[Queue]:
        rows = self.rows(request, "waiting")
        return [
            waiting(_("Studies to decide"), rows, self.address(), since="proposed_at", late_after=LATE),
        ]

    def extra(self):
        return [("evidence/", self.ethics_page, "evidence"), ("releases/", self.releases_page, "releases")]

    def releases_page(self, request: HttpRequest, pk: str) -> HttpResponse:
        """Show what each release of a study risks and lost, in the numbers that are in the file as well."""
        row = self.row(request, pk)
        told = []
        for one in releases.releases(row):
            drawn = figures.shown(reported.figures(one.facts, gettext=gettext), of=f"{one.asked_at:%Y-%m-%d %H:%M:%S}")
            told.append({"release": one, "figures": drawn})
        context = {"study": row, "releases": told, "back": self.address("change", row.pk)}
        return render(request, "desk/releases.html", context)

    def ethics_page(self, request: HttpRequest, pk: str) -> HttpResponse:
        """Hand the ethics board's document to a member as a file; it is on the log before it is opened."""
        row = self.row(request, pk)
        try:
            document, media_type = proposing.open_ethics(row, by=request.user)
        except NotPossible as stop:
            raise Http404 from stop
        reply = HttpResponse(document, content_type=media_type)
        reply["Content-Disposition"] = f'attachment; filename="ethics-approval.{_SUFFIX[media_type]}"'
        reply["Cache-Control"] = "no-store"
        return reply
