"""The roles of the desk: which permissions come with each. A role is a Django group of the same name."""

from collections.abc import Iterable
from enum import StrEnum

from django.contrib.auth.models import Group, Permission
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class DeskRole(StrEnum):
    """What somebody does at the desk. The values name groups, so they never change."""

    VERIFIER = "credential-verifier"
    PRIVACY = "privacy-officer"
    INSTITUTION = "institution-administrator"
    IDENTITY = "identity-checker"
    OPERATOR = "desk-operator"
    COMMITTEE = "study-committee"
    PAYMENTS = "research-payments"


NAMES = {
    DeskRole.VERIFIER: _("credential verifier"),
    DeskRole.PRIVACY: _("privacy officer"),
    DeskRole.INSTITUTION: _("institution administrator"),
    DeskRole.IDENTITY: _("identity checker"),
    DeskRole.OPERATOR: _("desk operator"),
    DeskRole.COMMITTEE: _("member of the study committee"),
    DeskRole.PAYMENTS: _("payments officer for research"),
}

# app.codename. Duties are kept apart: who decides about licences gives no roles, who gives roles answers no cases.
PERMISSIONS = {
    DeskRole.VERIFIER: (
        "providers.view_credential",
        "providers.decide_credential",
        "providers.view_membership",
        "providers.view_institution",
        "providers.manage_institution",
        "notices.view_hook",
        "notices.manage_hook",
        "smart.view_app",
        "smart.review_app",
    ),
    DeskRole.PRIVACY: (
        "audit.view_case",
        "audit.change_case",
        "audit.view_anchor",
        "consent.view_emergency",
        "consent.review_emergency",
        "accounts.view_user",
        "accounts.change_user",
        "consent.explain_access",
        "research.view_recall",
        "research.view_unusual",
        "research.review_unusual",
    ),
    DeskRole.INSTITUTION: (
        "providers.view_membership",
        "providers.view_team",
        "appointments.view_place",
        "appointments.view_visittype",
        "appointments.view_payer",
        "appointments.view_schedule",
        "consent.explain_access",
    ),
    DeskRole.IDENTITY: (
        "consent.view_claim",
        "consent.change_claim",
        "patients.view_identifier",
        "patients.check_identity",
        "accounts.check_recovery",
        "accounts.view_paperinvitation",
        "accounts.view_postaladdress",
        "accounts.issue_paper",
        "notices.view_errand",
        "notices.run_errand",
        "consent.view_delegation",
        "consent.vouch_delegation",
        "intake.view_joining",
        "intake.join_records",
        "intake.view_stray",
        "intake.remove_stray",
    ),
    DeskRole.OPERATOR: (
        "accounts.view_user",
        "accounts.change_user",
        "auth.change_group",
        "audit.view_anchor",
        "chain.view_transaction",
        "notices.view_mail",
        "notices.view_digest",
        "notices.view_hookparcel",
        "consent.view_contactparcel",
        "accounts.view_letter",
        "intake.view_feed",
        "intake.manage_feed",
        "intake.view_broken",
        "intake.repair_message",
        "consent.view_granttemplate",
        "consent.change_granttemplate",
    ),
    # Who decides about studies does nothing else at the desk that comes near somebody's data.
    DeskRole.COMMITTEE: (
        "research.view_study",
        "research.decide_study",
        "research.view_result",
        "research.view_figurerun",
    ),
    # Who pays learns names, and of no study who is in it; so it is neither the committee nor anybody else here.
    DeskRole.PAYMENTS: ("research.view_payout", "research.pay_participants"),
}


def ensure_desk_roles() -> dict[DeskRole, Group]:
    """Make the groups and give them exactly their permissions; return them. May run any number of times."""
    groups = {}
    for role, names in PERMISSIONS.items():
        group, _new = Group.objects.get_or_create(name=str(role))
        group.permissions.set(_permissions(names))
        groups[role] = group
    return groups


def _permissions(names: Iterable[str]) -> list[Permission]:
    wanted = Q(pk=None)
    for name in names:
        app, codename = name.split(".")
        wanted |= Q(content_type__app_label=app, codename=codename)
    return list(Permission.objects.filter(wanted))


def roles_of(user) -> list[DeskRole]:
    """Return somebody's desk roles, in the order of their names."""
    held = set(user.groups.values_list("name", flat=True))
    return [role for role in DeskRole if role in held]
