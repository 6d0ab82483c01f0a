"""What the desk does to accounts: suspend, restore, and give and take desk roles. Each change is on the log.

Nobody does any of this to themselves, and nobody without the permission for it.
"""

from django.contrib.auth.models import Permission
from django.db import transaction
from django.db.models import F, Q
from django.utils.translation import gettext as _

from audit import log
from audit.models import Event
from ehr.accounts.models import User
from ehr.desk.roles import NAMES, DeskRole, ensure_desk_roles, roles_of
from ehr.notices import operations as notices
from providers import institutions, queries
from providers.models import Institution
from providers.rules import NotPossible


def _check(user: User, by: User, permission: str, reason: str) -> None:
    if not by.is_active or not by.has_perm(permission):
        raise NotPossible(_("Your desk role does not include this."))
    if user.pk == by.pk:
        raise NotPossible(_("Nobody does this to their own account. Ask a colleague at the desk."))
    if not reason.strip():
        raise NotPossible(_("Say in a few words what the decision rests on."))


def _log(action: str, user: User, by: User | None, **details: object) -> Event:
    return log.append(
        action,
        actor=queries.party(by) if by else log.SYSTEM,
        subject=None,
        outcome="done",
        details={"user": str(user.pk), **details},
    )


def suspend_account(user: User, *, by: User, reason: str) -> None:
    """Suspend an account and end all its sessions: from the next request on nothing opens for it."""
    _check(user, by, "accounts.change_user", reason)
    with transaction.atomic():
        changed = User.objects.filter(pk=user.pk, is_active=True)
        if not changed.update(is_active=False, session_epoch=F("session_epoch") + 1):
            raise NotPossible(_("This account is suspended already."))
        _log("account.suspended", user, by)


def restore_account(user: User, *, by: User, reason: str) -> None:
    """End the suspension of an account. They sign in anew."""
    _check(user, by, "accounts.change_user", reason)
    with transaction.atomic():
        if not User.objects.filter(pk=user.pk, is_active=False).update(is_active=True):
            raise NotPossible(_("This account is not suspended."))
        _log("account.restored", user, by)


def give_role(user: User, *, role: str, by: User | None, reason: str) -> None:
    """Give somebody a desk role; the first one makes them staff. `by` None is whoever runs the machine."""
    if by is not None:
        _check(user, by, "auth.change_group", reason)
    role = DeskRole(role)
    with transaction.atomic():
        user = User.objects.select_for_update().get(pk=user.pk)
        if user.email_verified_at is None:
            raise NotPossible(_("Who works at the desk needs a proven e-mail address. Ask them to add theirs."))
        if role in roles_of(user):
            raise NotPossible(_("They have this role: %(role)s.") % {"role": NAMES[role]})
        user.groups.add(ensure_desk_roles()[role])
        User.objects.filter(pk=user.pk).update(is_staff=True)
        event = _log("privilege.given", user, by, privilege=str(role))
        _tell_colleagues(user, by, event)


def _tell_colleagues(user: User, by: User | None, event: Event) -> None:
    """Tell everybody else who gives roles or watches over them: one alone could vouch for accounts of their own."""
    watch = Permission.objects.filter(
        Q(content_type__app_label="auth", codename="change_group")
        | Q(content_type__app_label="audit", codename="change_case")
    )
    colleagues = User.objects.filter(is_active=True, is_staff=True, groups__permissions__in=watch).distinct()
    for one in colleagues.exclude(pk__in=[user.pk, *([by.pk] if by else [])]):
        notices.notify(one, "desk.privilege-given", about=event.pk, key=f"privilege:{event.pk}:{one.pk}")


def take_role(user: User, *, role: str, by: User, reason: str) -> None:
    """Take a desk role from somebody and end their sessions; with the last one they are staff no longer."""
    _check(user, by, "auth.change_group", reason)
    role = DeskRole(role)
    with transaction.atomic():
        User.objects.select_for_update().get(pk=user.pk)
        if role not in roles_of(user):
            raise NotPossible(_("They do not have this role: %(role)s.") % {"role": NAMES[role]})
        user.groups.remove(ensure_desk_roles()[role])
        staff = bool(roles_of(user))
        User.objects.filter(pk=user.pk).update(is_staff=staff, session_epoch=F("session_epoch") + 1)
        _log("privilege.taken", user, by, privilege=str(role))


def appoint(institution: Institution, *, by: User, email: str) -> None:
    """Let the person with this e-mail address administer one institution, at the desk and nowhere else."""
    user = User.objects.by_email(email).filter(is_active=True, email_verified_at__isnull=False).first()
    if user is None:
        raise NotPossible(_("Nobody with this address has an account. Ask them to sign up first."))
    with transaction.atomic():
        institutions.appoint_administrator(institution, user=user, by=by)
        if DeskRole.INSTITUTION not in roles_of(user):
            give_role(user, role=DeskRole.INSTITUTION, by=None, reason="appointed")


def dismiss(institution: Institution, *, by: User, email: str) -> None:
    """End the administering of one institution by the person with this e-mail address."""
    user = User.objects.by_email(email).first()
    if user is None or not queries.administered_by(user).filter(pk=institution.pk).exists():
        raise NotPossible(_("Nobody with this address administers this institution."))
    institutions.dismiss_administrator(institution, user=user, by=by)
