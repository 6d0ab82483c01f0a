"""What people are due for a release as shares in the contract: a one-time address each, under one root.

An address is made from the keys with which its owner signed the opt-in (ERC-5564). Only their keyring makes its key,
and nobody sees that two addresses are one person's, nor that one is of a person who gave a permission.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from ehr.accounts.models import KeyVersion
from ehr.chain import stealth, studies
from ehr.chain.contracts import CLAIM_WINDOW
from ehr.chain.studies import Share
from research import queries
from research.models import Due, Inclusion, Release, SetAside, Study

# So long after a study the contract lets people claim. What nobody claimed goes back after it.
WINDOW = timedelta(seconds=2 * CLAIM_WINDOW)


def until(study: Study) -> datetime:
    """Return until when a share of a study may be claimed."""
    return min(study.closed_at or study.ends, study.ends) + WINDOW


def put(release: Release, dues: Sequence[Due]) -> None:
    """Set aside what is due for a release, in the caller's transaction; it needs no chain, and arrives later.

    The dues are not stored yet: each is given its address. Who has no keys of their own is paid by the institution.
    """
    study = release.study
    keys = _keys(release)
    shared = [one for one in dues if one.patient_id in keys]
    if not shared:
        return
    for due in shared:
        version = keys[due.patient_id]
        one_time = stealth.generate(bytes(version.stealth_spend_public), bytes(version.stealth_view_public))
        due.way, due.claimant, due.ephemeral = Due.Way.CONTRACT, one_time.address, one_time.ephemeral_public
        due.key_version = version
    # As numbers of people are told, so that money does not say what the rounding keeps back.
    nobodies = -len(shared) % queries.rules().base
    total, padded = study.pay * (len(shared) + nobodies), study.pay * nobodies
    made = SetAside(release=release, unit=study.unit, total=total, padded=padded)
    levels = studies.tree([one.leaf for one in _shares(made, shared)])
    made.root = levels[-1][0]
    made.save(force_insert=True)
    for due in shared:
        due.set_aside = made
    digest, wei = bytes(release.digest or b""), total * study.unit
    deposited = studies.deposit(study.pk, wei=wei, once=release.pk.bytes, after=studies.find("release", digest))
    studies.accrue(digest, root=made.root, total=wei, after=deposited)


def levels_of(made: SetAside) -> list[list[bytes]]:
    """Return the tree over everybody's shares of a release. Raises ValueError where somebody changed a row."""
    levels = studies.tree([one.leaf for one in _shares(made, list(made.dues.all()))])
    if levels[-1][0] != bytes(made.root):
        raise ValueError(f"What is due for release {made.release_id} is not what was set aside.")
    return levels


def share(due: Due, unit: int) -> Share:
    """Return a due as the contract knows it."""
    return Share(due.claimant or "", due.amount * unit)


def _shares(made: SetAside, dues: Sequence[Due]) -> list[Share]:
    """Return the shares of people, and those of nobody: to addresses of which there is no key."""
    study = made.release.study
    amount = dues[0].amount
    found = [share(one, made.unit) for one in dues]
    return found + [
        Share(_nobody(made.release_id, study.pk, one), amount * made.unit) for one in range(made.padded // amount)
    ]


def _nobody(release_id: UUID, study_id: UUID, number: int) -> str:
    digest = keccak(b"nobody's share v1" + release_id.bytes + study_id.bytes + number.to_bytes(4, "big"))
    return to_checksum_address(digest[-20:])


def _keys(release: Release) -> dict[UUID, KeyVersion]:
    """Return, by patient, the keys with which each in a release signed that they join."""
    rows = Inclusion.objects.filter(release=release).select_related("joining__grant__patient_version")
    found = ((one.joining.patient_id, one.joining.grant.patient_version) for one in rows)
    return {patient: version for patient, version in found if version is not None}
