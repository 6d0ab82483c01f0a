"""People who sign in, whoever may be let in, and their keys. Private keys are stored wrapped only."""

from ehr.accounts.models.entering import Attempt, AuthenticatorApp, BackupCode, BackupCodes, Link
from ehr.accounts.models.keys import Keyring, KeyVersion, MemberSeal, PastKeys, new_salt
from ehr.accounts.models.letters import Letter
from ehr.accounts.models.paper import PaperCheck, PaperInvitation, PostalAddress
from ehr.accounts.models.people import Reader, User, UserManager
from ehr.accounts.models.recovery import GivenShare, Guardian, IdentityCheck, Recovery, Share, SharePair

__all__ = [
    "Attempt",
    "AuthenticatorApp",
    "BackupCode",
    "BackupCodes",
    "GivenShare",
    "Guardian",
    "IdentityCheck",
    "KeyVersion",
    "Keyring",
    "Letter",
    "Link",
    "MemberSeal",
    "PaperCheck",
    "PaperInvitation",
    "PastKeys",
    "PostalAddress",
    "Reader",
    "Recovery",
    "Share",
    "SharePair",
    "User",
    "UserManager",
    "new_salt",
]
