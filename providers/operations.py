"""People and where they work: registering, joining, confirming, leaving. Licences are in `credentials`."""

from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from audit import log
from ehr import clock
from ehr.accounts.models import User
from providers import queries, teams
from providers.models import Clinician, Institution, Membership
from providers.rules import NotPossible
from providers.telling import tell


def register_clinician(
    user: User, *, title: str, professional_name: str, institution: Institution | None, by: User
) -> Clinician:
    """Register somebody as a provider, who says they work at an institution. That alone lets nobody in anywhere.

    Raises NotPossible when somebody else registers them, they have registered before, or have no
    proven e-mail address.
    """
    if by.pk != user.pk:
        raise NotPossible(_("Only the person themselves registers as a provider."))
    if Clinician.objects.filter(user=user).exists():
        raise NotPossible(_("You have already registered. Change what has changed on your account page."))
    if user.email_verified_at is None:
        raise NotPossible(_("Clinicians need an e-mail address, so that news reaches them. Add yours to your account."))
    with transaction.atomic():
        clinician = Clinician(user=user, title=title.strip(), professional_name=professional_name.strip())
        clinician.full_clean()
        clinician.save(force_insert=True)
        log.append(
            "clinician.registered",
            actor=queries.party(by),
            subject=None,
            outcome="done",
            details={"user": str(user.pk)},
        )
        if institution is not None:
            join_institution(clinician, institution=institution, by=by)
    return clinician


def join_institution(
    clinician: Clinician, *, institution: Institution, by: User, starts_at: datetime | None = None
) -> Membership:
    """Say that somebody works at an institution from a moment on. It counts once somebody else has confirmed it."""
    if by.pk != clinician.user_id and not may_confirm(by, institution):
        raise NotPossible(_("Only the clinician or the institution says who works there."))
    try:
        with transaction.atomic():
            membership = Membership.objects.create(
                clinician=clinician, institution=institution, starts_at=starts_at or clock.now()
            )
            _log("membership.claimed", membership, by=by)
    except IntegrityError as twice:
        raise NotPossible(_("This institution already has you on its list.")) from twice
    return membership


def may_confirm(user: User, institution: Institution) -> bool:
    """Say whether somebody may vouch for who works at an institution: its administrators and the verifiers."""
    return (
        user.has_perm("providers.decide_credential") or queries.administered_by(user).filter(pk=institution.pk).exists()
    )


def confirm_membership(membership: Membership, *, by: User) -> Membership:
    """Confirm that somebody works at an institution. Raises NotPossible for the person themselves and for strangers."""
    if by.pk == membership.clinician.user_id:
        raise NotPossible(_("Nobody confirms their own place. Ask another administrator."))
    if not may_confirm(by, membership.institution):
        raise NotPossible(_("Only the institution's administrators confirm who works there."))
    with transaction.atomic():
        changed = Membership.objects.filter(pk=membership.pk, confirmed_at__isnull=True, ended_at__isnull=True).update(
            confirmed_at=clock.now(), confirmed_by=by
        )
        if not changed:
            raise NotPossible(_("This was already confirmed, or has ended since."))
        membership.refresh_from_db()
        _log("membership.confirmed", membership, by=by)
        _tell(membership, "membership.confirmed")
    return membership


def leave_institution(membership: Membership, *, by: User) -> Membership:
    """End somebody's work at an institution and in its teams now. Raises NotPossible for strangers and what is over."""
    if by.pk != membership.clinician.user_id and not may_confirm(by, membership.institution):
        raise NotPossible(_("Only the clinician or the institution's administrators end this."))
    with transaction.atomic():
        changed = Membership.objects.filter(pk=membership.pk, ended_at__isnull=True).update(ended_at=clock.now())
        if not changed:
            raise NotPossible(_("This has already ended."))
        membership.refresh_from_db()
        _log("membership.ended", membership, by=by)
        teams.leave_teams(membership.clinician, membership.institution, by=by)
        _tell(membership, "membership.ended")
    return membership


def _log(action: str, membership: Membership, *, by: User):
    return log.append(
        action,
        actor=queries.party(by),
        subject=None,
        outcome="done",
        details={
            "membership": membership.pk,
            "user": str(membership.clinician.user_id),
            "institution": str(membership.institution_id),
        },
    )


def _tell(membership: Membership, kind: str) -> None:
    tell(membership.clinician.user, kind, about=membership.institution_id, key=f"{kind}/{membership.pk}")
