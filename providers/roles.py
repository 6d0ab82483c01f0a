"""What a person may be among providers. Plain Python; the values are stored and logged, so they never change."""

from enum import StrEnum


class Role(StrEnum):
    """The capacity somebody works in. Each is applied for with a credential of its own."""

    PRIMARY_PHYSICIAN = "primary-physician"
    SPECIALIST = "specialist"
    EMERGENCY = "emergency"
    NURSE = "nurse"
    PHARMACIST = "pharmacist"
    RESEARCHER = "researcher"
    ADMINISTRATOR = "administrator"
    FRONT_DESK = "front-desk"
    PRIVACY_OFFICER = "privacy-officer"
    CREDENTIAL_VERIFIER = "credential-verifier"


# Who may ever be let in to clinical text; everybody else works around the record, not in it.
CLINICAL = frozenset({Role.PRIMARY_PHYSICIAN, Role.SPECIALIST, Role.EMERGENCY, Role.NURSE, Role.PHARMACIST})
# Who may propose that somebody else see part of what they see.
REFERRERS = frozenset({Role.PRIMARY_PHYSICIAN, Role.SPECIALIST, Role.EMERGENCY})
# Who may open a record without a grant needs two people to vouch for them.
TWO_APPROVERS = frozenset({Role.EMERGENCY})
# Somebody with several roles in good standing is named by the first of these.
RANK: dict[str, int] = {role: place for place, role in enumerate(Role)}


def needs_assignment(roles: frozenset[str]) -> bool:
    """Tell whether a team's patients open to somebody in these roles only where its lead assigned them."""
    clinical = roles & CLINICAL
    return Role.NURSE in clinical and clinical <= {Role.NURSE, Role.PHARMACIST}


def approvers_needed(role: str) -> int:
    """Return how many different people must approve a credential for this role: 1 or 2."""
    return 2 if role in TWO_APPROVERS else 1
