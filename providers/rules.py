"""Who is in good standing, decided from facts alone. Plain Python: no database, no settings, no clock.

Everything here is asked again at each use, so a licence that lapses at noon stops opening records at noon,
with no job in between.
"""

import hashlib
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from providers.roles import RANK

# A register is asked every night; one missed night is nobody's fault, hence the grace after it.
CHECK_EVERY = timedelta(hours=24)
GRACE = timedelta(hours=72)
# Credential verifiers and the clinician hear of an end this long before it.
WARN_BEFORE = (timedelta(days=30), timedelta(days=7))


class NotPossible(Exception):
    """What was asked for cannot be done; the text says why and what to do instead, to the person who asked."""


class Facts(NamedTuple):
    """What is on file about one clinician, by one of their credentials, at one of their institutions."""

    registered: bool = False
    account_active: bool = False
    email_verified: bool = False
    role: str = ""
    credential_status: str = ""
    credential_expires: datetime | None = None
    credential_confirmed: datetime | None = None
    checked_nightly: bool = False
    membership_starts: datetime | None = None
    membership_confirmed: bool = False
    membership_ended: datetime | None = None
    institution_suspended: bool = False
    agreement_signed: datetime | None = None
    agreement_until: datetime | None = None
    agreement_ended: datetime | None = None
    accreditation_until: datetime | None = None


class Verdict(NamedTuple):
    """Whether, and in one machine word why not."""

    ok: bool
    because: str


def _past(moment: datetime | None, at: datetime) -> bool:
    """True once a limit is reached; a limit that was never set is reached, for standing must be shown."""
    return moment is None or at >= moment


def credential_state(status: str, expires: datetime | None, at: datetime) -> str:
    """Return a credential's public state at a moment: valid, expired, revoked or unknown.

    A suspended licence reads as revoked: the public may rely on neither.
    """
    if status in {"suspended", "revoked"}:
        return "revoked"
    if status != "approved":
        return "unknown"
    return "expired" if _past(expires, at) else "valid"


def _check_overdue(facts: Facts, at: datetime) -> bool:
    return facts.checked_nightly and (
        facts.credential_confirmed is None or at >= facts.credential_confirmed + CHECK_EVERY + GRACE
    )


def _ended(facts: Facts, at: datetime) -> bool:
    return facts.membership_ended is not None and at >= facts.membership_ended


def _not_begun(facts: Facts, at: datetime) -> bool:
    return facts.membership_starts is not None and at < facts.membership_starts


def _agreement_ended(facts: Facts, at: datetime) -> bool:
    return facts.agreement_ended is not None and at >= facts.agreement_ended


def _unsigned(signed: datetime | None, at: datetime) -> bool:
    return signed is None or at < signed


def _questions(facts: Facts, at: datetime) -> tuple[tuple[str, bool], ...]:
    """Return each reason for a refusal and whether it holds; the first that holds is told.

    The person comes first, then the licence, then where they work: what one hears is what to put right first.
    """
    status = facts.credential_status
    return (
        ("not-registered", not facts.registered),
        ("account-suspended", not facts.account_active),
        ("email-unverified", not facts.email_verified),
        ("no-credential", not status),
        ("credential-refused", status == "refused"),
        ("credential-revoked", status == "revoked"),
        ("credential-suspended", status == "suspended"),
        ("credential-pending", status != "approved"),
        ("credential-expired", _past(facts.credential_expires, at)),
        ("check-overdue", _check_overdue(facts, at)),
        ("no-institution", facts.membership_starts is None),
        ("membership-ended", _ended(facts, at)),
        ("membership-unconfirmed", not facts.membership_confirmed),
        ("membership-not-begun", _not_begun(facts, at)),
        ("institution-suspended", facts.institution_suspended),
        ("no-agreement", _unsigned(facts.agreement_signed, at)),
        ("agreement-ended", _agreement_ended(facts, at)),
        ("agreement-expired", _past(facts.agreement_until, at)),
        ("accreditation-expired", _past(facts.accreditation_until, at)),
    )


OF_INSTITUTION = frozenset(
    {"institution-suspended", "no-agreement", "agreement-ended", "agreement-expired", "accreditation-expired"}
)


def stands(facts: Facts, at: datetime) -> bool:
    """Tell whether the institution of these facts may let anybody reach patients at this moment, whoever they are."""
    return not any(holds for because, holds in _questions(facts, at) if because in OF_INSTITUTION)


REASONS = tuple(because for because, _ in _questions(Facts(), datetime.max.replace(tzinfo=UTC)))
_FURTHEST = {because: place for place, because in enumerate(REASONS)} | {"": len(REASONS)}


def decide(facts: Facts, at: datetime) -> Verdict:
    """Say whether these facts are good standing at this moment, and the first reason why not."""
    for because, holds in _questions(facts, at):
        if holds:
            return Verdict(False, because)
    return Verdict(True, "")


def speaking(rows: Sequence[Facts], verdicts: Sequence[Verdict]) -> int:
    """Return the index of the facts that speak for somebody, of all facts and what was decided on each.

    One good pair of credential and institution is enough. Among several the role of highest rank speaks; among
    none, the pair that came furthest, because its reason is the one that is left to put right. Raises ValueError
    when there is nothing to decide on.
    """

    def weight(index: int) -> tuple[int, int, int]:
        return _FURTHEST[verdicts[index].because], -RANK.get(rows[index].role, len(RANK)), -index

    # Mostly there is one, and to weigh it takes as long as to decide on it.
    return 0 if len(rows) == 1 else max(range(len(rows)), key=weight)


def best(rows: Iterable[Facts], at: datetime) -> tuple[int, Verdict]:
    """Return the index of the facts that speak for somebody, and the verdict on them. Raises ValueError for none."""
    known = list(rows)
    verdicts = [decide(facts, at) for facts in known]
    index = speaking(known, verdicts)
    return index, verdicts[index]


def _canonical_issuer(issuer: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", issuer).casefold().replace("|", " ").split())


def _canonical_number(number: str) -> str:
    return "".join(char for char in unicodedata.normalize("NFKC", number).casefold() if char.isalnum())


def licence_digest(issuer: str, number: str, serial: int = 1) -> bytes:
    """Return SHA-256 of "issuer|number" in canonical form, 32 bytes: a licence's name on the public registry.

    Both are NFKC-normalised and case-folded; the issuer's spaces are collapsed, the number keeps letters and
    digits only. It is deliberately unsalted: anybody who holds the licence can compute it and check it on the chain.
    The price: somebody who guesses numbers learns that a licence is used here, never whose it is; registers
    of licences are public anyway.

    What the registry revokes stays revoked, so a licence restored later gets the next serial: "issuer|number|2".
    The highest serial that the registry knows is the one that counts.
    """
    told = f"{_canonical_issuer(issuer)}|{_canonical_number(number)}"
    return hashlib.sha256((told if serial == 1 else f"{told}|{serial}").encode()).digest()


def end_of_day(day: date, zone: str) -> datetime:
    """Return the first moment after a day in a place, in UTC: "until 31 March" includes all of 31 March there."""
    return datetime.combine(day + timedelta(days=1), time.min, tzinfo=ZoneInfo(zone)).astimezone(UTC)
