# ruff: noqa: ARG002 - the hooks of a worklist share one signature
"""Institutions with their agreements, and who says they work there."""

from datetime import timedelta

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from ehr import clock
from ehr.desk import operations as desk
from ehr.desk.forms import Agreement, NewInstitution, Person
from ehr.desk.worklist import Act, Facts, Line, Nothing, Queue, Section, Worklist, waiting
from providers import institutions, operations, queries, rules
from providers.models import Institution, Membership

SOON = timedelta(days=60)


def sign(institution: Institution, *, by, agreement_until, accreditation_number, accreditation_until):
    """Put an agreement in force from days as the institution counts them."""
    terms = institutions.Terms(
        agreement_until=rules.end_of_day(agreement_until, institution.time_zone),
        accreditation_number=accreditation_number,
        accreditation_until=rules.end_of_day(accreditation_until, institution.time_zone),
    )
    return institutions.sign_agreement(institution, terms=terms, by=by)


SIGN = Act("sign", _("Put this agreement in force"), sign, _("The agreement is in force."), form=Agreement)
END = Act(
    "end",
    _("End the agreement now"),
    institutions.end_agreement,
    _("The agreement has ended. Nobody there reaches a record from now on."),
    help=_("Everybody who works there loses access in this one act."),
    grave=True,
)
SUSPEND = Act(
    "suspend",
    _("Suspend this institution"),
    institutions.suspend_institution,
    _("The institution is suspended. Nobody there reaches a record until it is restored."),
    grave=True,
)
RESTORE = Act("restore", _("Restore this institution"), institutions.restore_institution, _("It is restored."))
APPOINT = Act("appoint", _("Let this person administer it"), desk.appoint, _("They administer it now."), form=Person)
DISMISS = Act(
    "dismiss", _("End this person's administering"), desk.dismiss, _("They administer it no longer."), form=Person
)
CONFIRM = Act("confirm", _("Confirm that they work here"), operations.confirm_membership, _("Confirmed."), form=Nothing)
LEAVE = Act(
    "end",
    _("They do not work here"),
    operations.leave_institution,
    _("This has ended. No record opens for them by this institution from now on."),
    form=Nothing,
    grave=True,
)


@admin.register(Institution)
class Institutions(Worklist):
    """Institutions, those whose agreement or accreditation ends soon first."""

    title = _("Institutions")
    lede = _("People reach records only while their institution's agreement and accreditation run.")
    empty = _("No institution is in this list.")
    views = (
        ("in-force", _("In force")),
        ("ending", _("Ending soon")),
        ("without", _("Without agreement")),
        ("closed", _("Suspended and left")),
    )
    new_form = NewInstitution
    new_label = _("Put an institution on file")

    def _in_force(self, request):
        at = clock.now()
        return self.get_queryset(request).filter(
            agreement_until__gt=at, accreditation_until__gt=at, agreement_ended_at=None, suspended_at=None
        )

    def rows(self, request: HttpRequest, view: str):
        soon = clock.now() + SOON
        every = self.get_queryset(request)
        closed = Q(agreement_ended_at__isnull=False) | Q(suspended_at__isnull=False)
        if view == "in-force":
            return self._in_force(request)
        if view == "ending":
            ending = Q(agreement_until__lte=soon) | Q(accreditation_until__lte=soon)
            return self._in_force(request).filter(ending).order_by("agreement_until", "pk")
        if view == "closed":
            return every.filter(closed)
        return every.exclude(closed).exclude(pk__in=self._in_force(request).values("pk"))

    def found(self, rows, words: str):
        return rows.filter(Q(name__icontains=words) | Q(region__icontains=words))

    def line(self, row: Institution) -> Line:
        tag, look = "", ""
        if row.suspended_at:
            tag, look = gettext("suspended"), "stop"
        elif row.agreement_ended_at:
            tag, look = gettext("left"), "plain"
        elif row.agreement_signed_at is None:
            tag, look = gettext("no agreement"), "warn"
        return Line(title=row.name, said=f"{row.get_kind_display()}, {row.place}", tag=tag, look=look)

    def facts(self, row: Institution) -> Facts:
        return [
            (_("Kind"), row.get_kind_display()),
            (_("Place"), row.place),
            (_("Time zone"), row.time_zone),
            (_("Contact"), row.contact),
            (_("Agreement signed"), row.agreement_signed_at or _("not yet")),
            (_("Agreement until"), row.agreement_until or _("not yet")),
            (_("Agreement ended"), row.agreement_ended_at or _("no")),
            (_("Accreditation"), row.accreditation_number or _("not yet")),
            (_("Accredited until"), row.accreditation_until or _("not yet")),
            (_("Suspended"), row.suspended_at or _("no")),
        ]

    def sections(self, request: HttpRequest, row: Institution) -> list[Section]:
        people = [Line(title=one.name, said=one.signs_in_with, url="") for one in queries.administrators(row)]
        return [
            Section(_("Administered by"), lines=people),
            Section(_("People"), facts=[(_("Confirmed and at work"), queries.members(row).count())]),
        ]

    def acts(self, request: HttpRequest, row: Institution) -> list[Act]:
        if not request.user.has_perm("providers.manage_institution"):
            return []
        chosen = [SIGN, APPOINT, DISMISS]
        if row.agreement_signed_at and not row.agreement_ended_at:
            chosen.append(END)
        return [*chosen, RESTORE if row.suspended_at else SUSPEND]

    def may_make(self, request: HttpRequest) -> bool:
        return request.user.has_perm("providers.manage_institution")

    def make(self, request: HttpRequest, **asked):
        return institutions.register_institution(by=request.user, **asked)

    def queues(self, request: HttpRequest) -> list[Queue]:
        return [
            Queue(_("Agreements that end within 60 days"), self.rows(request, "ending").count(), self._view("ending")),
            Queue(_("Institutions without agreement"), self.rows(request, "without").count(), self._view("without")),
        ]

    def _view(self, name: str) -> str:
        return f"{self.address()}?view={name}"


@admin.register(Membership)
class Memberships(Worklist):
    """Who says they work at an institution. Its administrators see their own institutions only."""

    title = _("People at institutions")
    lede = _("Confirm only whom you know to work here. When somebody leaves, end it the same day.")
    empty = _("Nobody is in this list.")
    views = (("waiting", _("To confirm")), ("at-work", _("At work")))

    def get_queryset(self, request):
        rows = super().get_queryset(request).select_related("clinician__user", "institution")
        rows = rows.filter(ended_at=None)
        if request.user.has_perm("providers.decide_credential"):
            return rows
        return rows.filter(institution__in=queries.administered_by(request.user))

    def rows(self, request: HttpRequest, view: str):
        return self.get_queryset(request).filter(confirmed_at__isnull=view == "waiting").order_by("created_at", "pk")

    def found(self, rows, words: str):
        return rows.filter(Q(clinician__professional_name__icontains=words) | Q(institution__name__icontains=words))

    def line(self, row: Membership) -> Line:
        waits = row.confirmed_at is None
        return Line(
            title=row.clinician.full_name,
            said=row.institution.name,
            tag=gettext("to confirm") if waits else "",
            look="warn",
            since=row.created_at,
        )

    def facts(self, row: Membership) -> Facts:
        return [
            (_("Person"), row.clinician.full_name),
            (_("Signs in as"), row.clinician.user.email),
            (_("Institution"), row.institution.name),
            (_("From"), row.starts_at),
            (_("Confirmed"), row.confirmed_at or _("not yet")),
        ]

    def acts(self, request: HttpRequest, row: Membership) -> list[Act]:
        if row.clinician.user_id == request.user.pk:
            return [LEAVE]
        return [LEAVE] if row.confirmed_at else [CONFIRM, LEAVE]

    def queues(self, request: HttpRequest) -> list[Queue]:
        rows = self.rows(request, "waiting")
        return [waiting(_("People to confirm"), rows, self.address(), since="created_at", late_after=timedelta(days=3))]
