"""What consent stores, by purpose."""

from consent.models.apps import App
from consent.models.claims import Claim, ClaimCheck
from consent.models.delegates import Delegation, Hidden, Vouching
from consent.models.drafts import ConsentDraft, ConsentDraftQuerySet
from consent.models.emergencies import ContactParcel, Emergency, EmergencyContact
from consent.models.escrow import EscrowUse, ShareUse
from consent.models.grants import Ending, FeedCursor, Grant, GrantParcel, GrantQuerySet, Report
from consent.models.referrals import Mandate, Referral
from consent.models.refusing import Block, EmergencyOptOut
from consent.models.requests import AccessRequest, AccessRequestQuerySet, Found, ShownCode
from consent.models.teams import Assignment
from consent.models.templates import BulkAct, GrantTemplate

__all__ = [
    "AccessRequest",
    "AccessRequestQuerySet",
    "App",
    "Assignment",
    "Block",
    "BulkAct",
    "Claim",
    "ClaimCheck",
    "ConsentDraft",
    "ConsentDraftQuerySet",
    "ContactParcel",
    "Delegation",
    "Emergency",
    "EmergencyContact",
    "EmergencyOptOut",
    "Ending",
    "EscrowUse",
    "FeedCursor",
    "Found",
    "Grant",
    "GrantParcel",
    "GrantQuerySet",
    "GrantTemplate",
    "Hidden",
    "Mandate",
    "Referral",
    "Report",
    "ShareUse",
    "ShownCode",
    "Vouching",
]
