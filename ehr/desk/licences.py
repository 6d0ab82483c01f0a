# ruff: noqa: ARG002 - the hooks of a worklist share one signature
"""Licences that wait for a decision, and those that were decided."""

from datetime import timedelta

from django.contrib import admin
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from ehr import clock
from ehr.desk.worklist import Act, Facts, Line, Queue, Section, Worklist, waiting
from providers import credentials
from providers.models import Credential
from providers.roles import approvers_needed
from providers.rules import NotPossible

Status = Credential.Status
LATE = timedelta(days=3)
_LOOKS = {Status.PENDING: "warn", Status.APPROVED: "", Status.REPLACED: "plain"}
_SUFFIX = {"application/pdf": "pdf", "image/png": "png", "image/jpeg": "jpg"}

APPROVE = Act(
    "approve",
    _("Approve this licence"),
    credentials.approve,
    _("Your approval is on file."),
    help=_(
        "You have compared number, issuing body, name and dates with the evidence and the issuer's register. "
        "The last approval also confirms the institutions named above."
    ),
)
REFUSE = Act("refuse", _("Refuse this licence"), credentials.refuse, _("The licence was refused."), grave=True)
SUSPEND = Act(
    "suspend",
    _("Suspend this licence"),
    credentials.suspend,
    _("The licence is suspended with all its roles. No record opens by it from now on."),
    help=_("For as long as something is unclear. All roles under this licence stop at once."),
    grave=True,
)
REVOKE = Act(
    "revoke",
    _("Revoke this licence"),
    credentials.revoke,
    _("The licence is revoked with all its roles. No record opens by it from now on."),
    help=_("For good. All roles under this licence stop at once."),
    grave=True,
)
RESTORE = Act("restore", _("Restore this licence"), credentials.restore, _("The licence is in force again."))
ACTS = {
    Status.PENDING: [APPROVE, REFUSE],
    Status.APPROVED: [SUSPEND, REVOKE],
    Status.SUSPENDED: [RESTORE, REVOKE],
}


@admin.register(Credential)
class Licences(Worklist):
    """The queue of applications, the oldest first, and what became of earlier ones."""

    title = _("Licences")
    lede = _("Compare each licence with its evidence and the issuer's register. Nobody decides about their own.")
    empty = _("No licence is in this list.")
    views = (
        ("waiting", _("Waiting")),
        ("in-force", _("In force")),
        ("unconfirmed", _("Not confirmed")),
        ("withdrawn", _("Suspended and revoked")),
        ("refused", _("Refused")),
    )

    def get_queryset(self, request):
        return (
            super()
            .get_queryset(request)
            .select_related("clinician__user", "first_approver", "second_approver", "submitted_by")
        )

    def rows(self, request: HttpRequest, view: str):
        every = self.get_queryset(request)
        return {
            "waiting": every.filter(status=Status.PENDING).order_by("submitted_at", "pk"),
            "in-force": every.filter(status=Status.APPROVED).order_by("expires_at", "pk"),
            "unconfirmed": every.filter(status=Status.APPROVED)
            .exclude(check_problem="")
            .order_by("confirmed_at", "pk"),
            "withdrawn": every.filter(status__in=Credential.WITHDRAWN).order_by("-decided_at", "pk"),
            "refused": every.filter(status=Status.REFUSED).order_by("-decided_at", "pk"),
        }[view]

    def found(self, rows, words: str):
        return rows.filter(
            Q(clinician__professional_name__icontains=words)
            | Q(licence_number__icontains=words)
            | Q(issuing_body__icontains=words)
        )

    def line(self, row: Credential) -> Line:
        return Line(
            title=row.clinician.full_name,
            said=f"{row.get_role_display()}, {row.issuing_body}",
            tag=row.get_status_display(),
            look=_LOOKS.get(row.status, "stop"),
            since=row.submitted_at if row.status == Status.PENDING else row.decided_at,
        )

    def facts(self, row: Credential) -> Facts:
        said = [
            (_("Person"), row.clinician.full_name),
            (_("Signs in as"), f"{row.clinician.user.name}, {row.clinician.user.email}"),
            (_("Applies as"), row.get_role_display()),
            (_("Licence number"), row.licence_number),
            (_("Issuing body"), f"{row.issuing_body}, {row.country}"),
            (_("Valid until"), row.expires_at),
            (_("Training"), row.training),
            (_("Handed in"), row.submitted_at),
        ]
        if row.decided_at:
            said.append((_("Decided"), row.decided_at))
        if row.reason:
            said.append((_("Reason"), row.reason))
        if row.check_problem:
            said.append((_("Last confirmed by the register"), row.confirmed_at))
            said.append((_("What the last check met"), row.check_problem))
        return said

    def sections(self, request: HttpRequest, row: Credential) -> list[Section]:
        works = [
            Line(
                title=one.institution.name,
                said=one.institution.place,
                tag=str(_("confirmed") if one.confirmed_at else _("not confirmed")),
                look="" if one.confirmed_at else "warn",
                since=one.starts_at,
                url="",
            )
            for one in row.clinician.memberships.filter(ended_at__isnull=True).select_related("institution")
        ]
        decided = [
            Line(title=one.by.name, said=one.reason, tag=one.get_decision_display(), since=one.at, url="")
            for one in row.approvals.select_related("by")
        ]
        evidence = Line(
            title=gettext("Open the evidence"),
            said=gettext("That you open it is written down first."),
            url=self.address("evidence", row.pk),
        )
        return [
            Section(_("Evidence"), lines=[evidence]),
            Section(_("Works at"), lines=works),
            Section(_("Decisions"), lines=decided),
        ]

    def notes(self, request: HttpRequest, row: Credential) -> list[str]:
        if row.status != Status.PENDING:
            return []
        said = []
        needed, had = approvers_needed(row.role), row.approvals.count()
        if needed > 1:
            said.append(gettext("An emergency role opens records without a grant, so two different people approve it."))
            said.append(
                ngettext("%(count)s approval is missing.", "%(count)s approvals are missing.", needed - had)
                % {"count": needed - had}
            )
        if request.user.pk in {row.submitted_by_id, row.clinician.user_id}:
            said.append(gettext("This is your own licence. Somebody else decides about it."))
        elif row.approvals.filter(by=request.user).exists():
            said.append(gettext("You have approved it. The other approval is somebody else's."))
        if row.expires_at <= clock.now():
            said.append(gettext("The licence has ended since it was handed in."))
        return said

    def acts(self, request: HttpRequest, row: Credential) -> list[Act]:
        own = request.user.pk in {row.submitted_by_id, row.clinician.user_id}
        if own or not request.user.has_perm("providers.decide_credential"):
            return []
        if row.status == Status.PENDING and row.approvals.filter(by=request.user).exists():
            return []
        return ACTS.get(row.status, [])

    def queues(self, request: HttpRequest) -> list[Queue]:
        unconfirmed = self.rows(request, "unconfirmed")
        return [
            waiting(
                _("Licences to decide"),
                self.rows(request, "waiting"),
                self.address(),
                since="submitted_at",
                late_after=LATE,
            ),
            waiting(
                _("Licences the register did not confirm"),
                unconfirmed,
                f"{self.address()}?view=unconfirmed",
                since="confirmed_at",
                late_after=timedelta(days=2),
            ),
        ]

    def extra(self):
        return [("evidence/", self.evidence_page, "evidence")]

    def evidence_page(self, request: HttpRequest, pk: str) -> HttpResponse:
        """Hand the evidence to a verifier as a file; it is on the log before it is opened."""
        row = self.row(request, pk)
        try:
            document, media_type = credentials.open_evidence(row, by=request.user)
        except NotPossible as stop:
            raise Http404 from stop
        reply = HttpResponse(document, content_type=media_type)
        reply["Content-Disposition"] = f'attachment; filename="evidence.{_SUFFIX[media_type]}"'
        reply["Cache-Control"] = "no-store"
        return reply
