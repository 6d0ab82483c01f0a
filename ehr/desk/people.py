# ruff: noqa: ARG002 - the hooks of a worklist share one signature
"""Accounts as the desk sees them: whether they are active, and their desk roles. No passphrase, no keys, no record."""

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from audit import log
from ehr.accounts.models import User
from ehr.desk import operations as desk
from ehr.desk.forms import RoleAndReason
from ehr.desk.roles import NAMES, roles_of
from ehr.desk.worklist import Act, Facts, Line, Queue, Section, Worklist
from providers import queries

SUSPEND = Act(
    "suspend",
    _("Suspend this account"),
    desk.suspend_account,
    _("The account is suspended and all its sessions have ended."),
    grave=True,
)
RESTORE = Act("restore", _("Restore this account"), desk.restore_account, _("The account is active again."))
GIVE = Act(
    "give",
    _("Give this desk role"),
    desk.give_role,
    _("They have the role. They need a second factor to use it."),
    form=RoleAndReason,
)
TAKE = Act(
    "take",
    _("Take this desk role"),
    desk.take_role,
    _("They have the role no longer, and all their sessions have ended."),
    form=RoleAndReason,
    grave=True,
)


@admin.register(User)
class People(Worklist):
    """Accounts, found by name or address. Who is a patient is not shown."""

    title = _("Accounts")
    lede = _("Suspend an account when it may be in the wrong hands. Every change of a desk role is on the log.")
    empty = _("No account is in this list.")
    views = (("staff", _("Staff")), ("suspended", _("Suspended")), ("all", _("Everybody")))

    def rows(self, request: HttpRequest, view: str):
        every = self.get_queryset(request).order_by("name", "pk")
        if view == "staff":
            return every.filter(is_staff=True)
        return every.filter(is_active=False) if view == "suspended" else every

    def found(self, rows, words: str):
        return rows.filter(Q(name__icontains=words) | Q(email__icontains=words) | Q(sign_in_name__icontains=words))

    def seen(self, request: HttpRequest, rows) -> None:
        """Write down whose accounts were shown: many of them are patients'."""
        shown = [str(row.pk) for row in rows]
        log.record("account.shown", actor=queries.party(request.user), subject=None, details={"users": shown})

    def line(self, row: User) -> Line:
        tag, look = ("", "") if row.is_active else (gettext("suspended"), "stop")
        return Line(title=row.name, said=row.signs_in_with, tag=tag, look=look)

    def facts(self, row: User) -> Facts:
        return [
            (_("Name"), row.name),
            (_("E-mail address"), row.email or _("none")),
            (_("Address proven"), row.email_verified_at or _("not yet")),
            *([(_("Sign-in name"), row.sign_in_name)] if row.sign_in_name else []),
            *([(_("Vouched for by two of the staff"), row.vouched_at or _("not yet"))] if row.sign_in_name else []),
            (_("Second factor"), row.second_factor_at or _("none")),
            (_("Joined"), row.joined_at),
            (_("Active"), _("yes") if row.is_active else _("suspended")),
        ]

    def sections(self, request: HttpRequest, row: User) -> list[Section]:
        held = [Line(title=str(NAMES[role]).capitalize(), said="", url="") for role in roles_of(row)]
        return [Section(_("Desk roles"), lines=held)]

    def notes(self, request: HttpRequest, row: User) -> list[str]:
        if row.pk == request.user.pk:
            return [gettext("This is your own account. A colleague changes it.")]
        return []

    def acts(self, request: HttpRequest, row: User) -> list[Act]:
        if row.pk == request.user.pk:
            return []
        chosen = []
        if request.user.has_perm("accounts.change_user"):
            chosen.append(SUSPEND if row.is_active else RESTORE)
        if request.user.has_perm("auth.change_group"):
            chosen += [GIVE, TAKE] if roles_of(row) else [GIVE]
        return chosen

    def queues(self, request: HttpRequest) -> list[Queue]:
        bare = self.get_queryset(request).filter(is_staff=True, is_active=True, second_factor_at=None)
        count = bare.count()
        title = ngettext("Staff account without a second factor", "Staff accounts without a second factor", count)
        return [Queue(title, count, self.address())]
