"""Who may sign for a patient: the patient, a referrer within a mandate, a delegate. Checked from what was signed."""

from datetime import timedelta

from consent import proofs
from consent.models import Grant, Mandate
from ehr.accounts import queries as accounts


def signed_by_patient(grant: Grant) -> bool:
    """Tell whether a grant's own patient signed what the row says, with the key that the log has for them."""
    version = grant.patient_version
    return version.reader.user_id == grant.patient.user_id and accounts.is_logged(version) and proofs.genuine(grant)


def signed_for_patient(grant: Grant) -> bool:
    """Tell whether the patient, or who may sign for them, signed what the row says, with a key that the log has."""
    if grant.mandate is not None:
        return _under_mandate(grant, grant.mandate)
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
    return (
        version.reader.user_id is not None
        and version.reader.user_id == mandate.patient.user_id
        and accounts.is_logged(version)
        and proofs.mandate_genuine(mandate)
    )
