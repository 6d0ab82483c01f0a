"""Who may sign for a patient: the patient, a referrer within a mandate, a delegate. Checked from what was signed."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings

from consent import acting, proofs
from consent.acting import DelegationFacts, Right
from consent.models import Delegation, Grant, Mandate
from ehr.accounts import queries as accounts
from ehr.accounts.models import KeyVersion
from ehr.words import Action
from patients.models import Patient

VERIFIERS_NEEDED = 2
# What a delegate's own grant lets them do, and the right it takes.
_TAKES = {Action.READ: Right.READ, Action.WRITE: Right.ADD}


def signed_by_patient(grant: Grant) -> bool:
    """Tell whether a grant's own patient signed what the row says, with the key that the log has for them."""
    version = grant.patient_version
    return _is_of(version, grant.patient) and accounts.is_logged(version) and proofs.genuine(grant)


def _is_of(version: KeyVersion, patient: Patient) -> bool:
    """Tell whether a key is a patient's own. A record without its patient has none, and no service's or team's is."""
    return patient.user_id is not None and version.reader.user_id == patient.user_id


def signed_for_patient(grant: Grant) -> bool:
    """Tell whether the patient, or who may sign for them, signed what the row says, with a key that the log has."""
    if grant.kind == Grant.Kind.DELEGATE:
        return grant.delegation is not None and _to_a_delegate(grant, grant.delegation)
    if grant.mandate is not None:
        return _under_mandate(grant, grant.mandate)
    if grant.delegation is not None:
        return _by_a_delegate(grant, grant.delegation)
    return signed_by_patient(grant)


def _under_mandate(grant: Grant, mandate: Mandate) -> bool:
    """Tell whether a referrer signed a grant, within what the patient's mandate lets them pass on.

    It hangs from a grant of the patient's own to that referrer, and names no part that this one does not.
    """
    version, parent = grant.patient_version, grant.parent
    return (
        mandate.patient_id == grant.patient_id
        and genuine_mandate(mandate)
        and parent is not None
        and parent.patient_id == grant.patient_id
        and parent.reader_id == mandate.referrer_id == version.reader_id
        and parent.mandate_id is None
        and signed_by_patient(parent)
        and set(grant.categories) <= set(mandate.categories) & set(parent.categories)
        and set(grant.actions) <= set(parent.actions)
        and not (grant.is_bundle or parent.is_bundle)
        and grant.ends - grant.starts <= timedelta(days=mandate.days)
        and grant.starts <= mandate.until
        and (mandate.ended_at is None or grant.made_at <= mandate.ended_at)
        and accounts.is_logged(version)
        and proofs.genuine(grant)
    )


def genuine_mandate(mandate: Mandate) -> bool:
    """Tell whether a mandate's own patient signed what the row says, with a key that the log has for them."""
    version = mandate.patient_version
    return _is_of(version, mandate.patient) and accounts.is_logged(version) and proofs.mandate_genuine(mandate)


# --- Delegates -----------------------------------------------------------------------------------
def _to_a_delegate(grant: Grant, delegation: Delegation) -> bool:
    """Tell whether what a delegate may see was signed: by the patient, or, of a record without keys of its own, by the
    delegate for whom two verifiers vouched. It covers no more than the delegation."""
    rights = {str(_TAKES[Action(action)]) for action in grant.actions}
    within = (
        grant.patient_id == delegation.patient_id
        and grant.reader_id == delegation.reader_id
        and _within(grant, delegation)
        and rights <= set(delegation.rights)
        and genuine_delegation(delegation)
    )
    if not within:
        return False
    return signed_by_patient(grant) or (
        delegation.signed_by is None and _signed_with_a_key_of(grant, delegation.reader_id)
    )


def _by_a_delegate(grant: Grant, delegation: Delegation) -> bool:
    """Tell whether a delegate who may share let somebody else in, within what they may share and for as long."""
    return (
        grant.patient_id == delegation.patient_id
        and grant.kind == Grant.Kind.GIVEN
        and grant.parent_id is None
        and grant.reader_id != delegation.reader_id
        and _within(grant, delegation)
        and Right.SHARE in delegation.rights
        and genuine_delegation(delegation)
        and _signed_with_a_key_of(grant, delegation.reader_id)
    )


def _within(grant: Grant, delegation: Delegation) -> bool:
    parts = set(grant.categories) <= set(delegation.categories)
    return parts and delegation.starts <= grant.starts and grant.ends <= delegation.ends


def _signed_with_a_key_of(grant: Grant, reader_id) -> bool:
    version = grant.patient_version
    return version.reader_id == reader_id and accounts.is_logged(version) and proofs.genuine(grant)


def genuine_delegation(delegation: Delegation) -> bool:
    """Tell whether the patient signed what a delegation says, or, while the record has no keys of its own, two people
    who saw the papers did: each with the key that the log has for them. Once the patient is here, only they sign."""
    if delegation.reader_id is None:
        return False
    version = delegation.signed_by
    if version is not None:
        signed = proofs.delegation_genuine(delegation, version, delegation.signature or b"")
        return signed and _is_of(version, delegation.patient) and accounts.is_logged(version)
    return delegation.patient.user_id is None and len(vouched_by(delegation)) >= VERIFIERS_NEEDED


def vouched_by(delegation: Delegation) -> set:
    """Return which people, by user, vouched for a delegation as it stands. Nobody vouches for themselves."""
    if delegation.reader is None:
        return set()
    rows = delegation.vouchings.select_related("key_version__reader")
    return {
        one.by_id
        for one in rows
        if one.key_version.reader.user_id == one.by_id != delegation.reader.user_id
        and proofs.delegation_genuine(delegation, one.key_version, one.signature)
        and accounts.is_logged(one.key_version)
    }


def of_age(patient: Patient) -> datetime:
    """Return when a patient comes of age: in their own zone, without an account in the one whose law counts."""
    zone = patient.user.time_zone if patient.user else settings.MAJORITY_ZONE
    return acting.of_age_at(patient.birth_date, settings.MAJORITY_YEARS, ZoneInfo(zone))


def over_at(delegation: Delegation) -> datetime:
    """Return when a delegation is over by itself: a parent's at the latest when the child comes of age."""
    if delegation.basis != Delegation.Basis.PARENT:
        return delegation.ends
    return min(delegation.ends, of_age(delegation.patient))


def facts(delegation: Delegation) -> DelegationFacts:
    """Return a delegation as the rules need it, its signatures checked now."""
    return DelegationFacts(
        id=delegation.pk,
        rights=frozenset(delegation.rights),
        categories=frozenset(delegation.categories),
        starts=delegation.starts,
        ends=delegation.ends,
        genuine=genuine_delegation(delegation),
        accepted=delegation.accepted_at is not None,
        ended=delegation.ended_at is not None,
        of_age=of_age(delegation.patient) if delegation.basis == Delegation.Basis.PARENT else None,
    )
