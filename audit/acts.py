"""What each act on the log is in IHE's words: which pattern of Basic Audit Log Patterns (BALP) tells it.

An act that is not here is told by no pattern of IHE's: as an event about a patient's record, by its own word.
Source: profiles.ihe.net/ITI/BALP, 1.1.4.
"""

from enum import Enum


class Pattern(Enum):
    """The patterns used here. The value is the profile's name."""

    READ = "PatientRead"
    QUERY = "PatientQuery"
    CREATE = "PatientCreate"
    UPDATE = "PatientUpdate"
    DELETE = "PatientDelete"
    EXPORT = "PrivacyDisclosure.Source"
    OTHER = ""


PATTERNS = {
    "appointment.read": Pattern.READ,
    "appointment.read-for": Pattern.READ,
    "attachment.opened": Pattern.READ,
    "case.read": Pattern.READ,
    "chart.listed": Pattern.READ,
    "chart.opened": Pattern.READ,
    "emergency.opened": Pattern.READ,
    "emergency.read": Pattern.READ,
    "entry.opened": Pattern.READ,
    "joining.read": Pattern.READ,
    "patient.named": Pattern.READ,
    "record.log-read": Pattern.READ,
    "record.log-read-for": Pattern.READ,
    "record.opened": Pattern.READ,
    "record.opened-for": Pattern.READ,
    "record.viewed-as": Pattern.READ,
    "emergency.found": Pattern.QUERY,
    "patient.found": Pattern.QUERY,
    "record.searched": Pattern.QUERY,
    "access.asked": Pattern.CREATE,
    "delegation.asked": Pattern.CREATE,
    "entry.added": Pattern.CREATE,
    "entry.added-for": Pattern.CREATE,
    "grant.made": Pattern.CREATE,
    "mandate.made": Pattern.CREATE,
    "reader.blocked": Pattern.CREATE,
    "referral.proposed": Pattern.CREATE,
    "delegation.ended": Pattern.UPDATE,
    "entry.changed": Pattern.UPDATE,
    "grant.ended": Pattern.UPDATE,
    "mandate.ended": Pattern.UPDATE,
    "reader.unblocked": Pattern.UPDATE,
    "record.claimed": Pattern.UPDATE,
    "entry.deleted": Pattern.DELETE,
    "record.copied": Pattern.EXPORT,
    "record.exported": Pattern.EXPORT,
}


def pattern(action: str, outcome: str) -> Pattern:
    """Return how an event is told. IHE's patterns are about what succeeded: a refusal is a security alert."""
    return Pattern.OTHER if outcome == "refused" else PATTERNS.get(action, Pattern.OTHER)
