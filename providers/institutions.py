"""Institutions: registered, under agreement, accredited, suspended, left; and who administers them."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _
from guardian.shortcuts import assign_perm, remove_perm

from audit import log
from ehr import clock
from ehr.accounts.models import User
from providers import queries, registry, rules, teams
from providers.models import Institution
from providers.rules import NotPossible
from providers.telling import tell


@dataclass(frozen=True)
class Terms:
    """Until when an institution's agreement and accreditation run; each is the first moment it no longer counts."""

    agreement_until: datetime
    accreditation_number: str
    accreditation_until: datetime


def _check_manager(by: User, reason: str | None = None) -> None:
    if not by.is_active or not by.has_perm("providers.manage_institution"):
        raise NotPossible(_("Only the desk decides about institutions."))
    if reason is not None and not reason.strip():
        raise NotPossible(_("Say in a few words what the decision rests on."))


def _log(action: str, institution: Institution, *, by: User, **details: object):
    return log.append(
        action,
        actor=queries.party(by),
        subject=None,
        outcome="done",
        details={"institution": str(institution.pk), **details},
    )


def _locked(institution: Institution) -> Institution:
    return Institution.objects.select_for_update().get(pk=institution.pk)


def register_institution(*, by: User, **facts: str) -> Institution:
    """Put an institution on file from its name, kind, country, region, time_zone and contact.

    Nobody there reaches a patient before an agreement is signed. Raises ValidationError for a field out of shape.
    """
    _check_manager(by)
    institution = Institution(**facts)
    institution.full_clean()
    with transaction.atomic():
        institution.save(force_insert=True)
        _log("institution.registered", institution, by=by)
    return institution


def sign_agreement(institution: Institution, *, terms: Terms, by: User) -> Institution:
    """Put an agreement with its accreditation in force from now on, or renew it; the registry learns of it."""
    _check_manager(by)
    at = clock.now()
    if terms.agreement_until <= at or terms.accreditation_until <= at:
        raise NotPossible(_("An agreement and an accreditation end in the future. Check both dates."))
    if not terms.accreditation_number.strip():
        raise NotPossible(_("Give the accreditation's number; it is what the public can check."))
    with transaction.atomic():
        institution = _locked(institution)
        if institution.agreement_signed_at is None or institution.agreement_ended_at is not None:
            institution.agreement_signed_at = at
        institution.agreement_until, institution.agreement_ended_at = terms.agreement_until, None
        institution.accreditation_number = terms.accreditation_number.strip()
        institution.accreditation_until = terms.accreditation_until
        institution.save()
        event = _log("institution.agreed", institution, by=by, until=terms.agreement_until.isoformat())
        registry.attest(accreditation_digest(institution), terms.accreditation_until, event_id=event.pk)
    return institution


def accreditation_digest(institution: Institution) -> bytes:
    """Return the accreditation's name on the public registry, made as a licence's is: "country|number"."""
    return rules.licence_digest(institution.country, institution.accreditation_number)


def end_agreement(institution: Institution, *, by: User, reason: str) -> list[User]:
    """End an institution's agreement now; return the people who lose access by it, in this one act.

    Its teams end with it, and their keys are gone. The people's own licences stay as they are: another institution
    may take them in.
    """
    _check_manager(by, reason)
    with transaction.atomic():
        people = _close(institution, "agreement_ended_at", "institution.agreement-ended", by=by)
        teams.end_teams_of(institution, by=by)
    return people


def suspend_institution(institution: Institution, *, by: User, reason: str) -> list[User]:
    """Suspend an institution now; return the people who lose access until it is restored."""
    _check_manager(by, reason)
    return _close(institution, "suspended_at", "institution.suspended", by=by)


def _close(institution: Institution, field: str, action: str, *, by: User) -> list[User]:
    with transaction.atomic():
        institution = _locked(institution)
        if getattr(institution, field) is not None:
            raise NotPossible(_("This was already done. Nobody there has access."))
        setattr(institution, field, clock.now())
        institution.save(update_fields=[field])
        people = list(queries.members(institution))
        event = _log(action, institution, by=by, users=[str(person.pk) for person in people])
        for person in people:
            tell(person, action, about=institution.pk, key=f"{action}/{event.pk}/{person.pk}")
    return people


def restore_institution(institution: Institution, *, by: User, reason: str) -> Institution:
    """End an institution's suspension. Its people have access again as far as their own standing goes."""
    _check_manager(by, reason)
    with transaction.atomic():
        institution = _locked(institution)
        if institution.suspended_at is None:
            raise NotPossible(_("This institution is not suspended, so there is nothing to restore."))
        institution.suspended_at = None
        institution.save(update_fields=["suspended_at"])
        _log("institution.restored", institution, by=by)
    return institution


def appoint_administrator(institution: Institution, *, user: User, by: User) -> None:
    """Let somebody administer one institution: confirm who works there, and end it. Logged as a change of privilege."""
    _check_privilege(user, by)
    with transaction.atomic():
        assign_perm("administer_institution", user, institution)
        _log("privilege.given", institution, by=by, user=str(user.pk), privilege="administer-institution")


def dismiss_administrator(institution: Institution, *, user: User, by: User) -> None:
    """End somebody's administering of one institution. Logged as a change of privilege."""
    _check_privilege(user, by)
    with transaction.atomic():
        remove_perm("administer_institution", user, institution)
        _log("privilege.taken", institution, by=by, user=str(user.pk), privilege="administer-institution")


def _check_privilege(user: User, by: User) -> None:
    _check_manager(by)
    if user.pk == by.pk:
        raise NotPossible(_("Nobody changes their own privileges. Ask a colleague at the desk."))
