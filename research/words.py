"""The words research writes and signs by. Plain Python: they are stored and logged, so they never change."""

from enum import StrEnum
from hashlib import sha256


class Act(StrEnum):
    """What research does with somebody's data, as it stands on their own list. Each names the study's reader by id
    (details["reader"]) and by name (details["reader_name"]), and the run or release it belongs to.
    """

    JOINED = "research.joined"
    WITHDRAWN = "research.withdrawn"
    READ = "research.read"  # a run opened parts of the record
    REFUSED = "research.refused"  # a run was not let in
    COUNTED = "research.counted"  # among those of whom a number was made
    MEASURED = "research.measured"  # among those of whom a month's figures were made
    ASKED = "research.asked"  # among those of whom a question with noise was answered
    RELEASED = "research.released"  # a row without a name left, in a release
    RECALLED = "research.recalled"  # who holds a release was asked to destroy what is of somebody who withdrew
    DESTROYED = "research.destroyed"  # who holds a release says that it is destroyed
    PUBLISHED = "research.published"  # what was found
    PAID = "research.paid"  # what a person is due for a release was set aside
    NAMED = "research.named"  # name and sum were handed to an institution's payments; no study is named
    SETTLED = "research.settled"  # the institution paid what a person was due
    CLAIMED = "research.claimed"  # a person had what they were due sent to an account of theirs
    LEFT = "research.left"  # a person left what they were due with the institution, which then pays it
    CREDITED = "research.credited"  # the contract paid it
    NOT_TAKEN = "research.not-taken"  # the chain did not take it, so the institution pays
    LAPSED = "research.lapsed"  # nobody claimed it in time, and it went back


# Signed as it stands here, word for word, so it is not translated. A changed word is another edition.
EDITION = "2026-1"
AGREEMENT = (
    "I use data of this exchange only for the purpose that the study's committee approved, and within its term.",
    "I do not try to find out whose data they are, nor link them with other data about single people, and I pass on "
    "no row of them to anybody.",
    "I publish groups of at least 11 people, and nothing by which smaller groups can be worked out.",
    "When somebody withdraws, I destroy what I hold of an earlier release within 30 days of being told, and say so "
    "here.",
    "I report a loss, or that somebody may have been recognised, to the privacy officer within 24 hours.",
    "I know that every question, release and download of mine is written to a log that nobody can change, and that "
    "the people concerned can read it.",
)


def agreement_digest() -> bytes:
    """Return 32 bytes that fix the edition and its text."""
    return sha256("\n".join((EDITION, *AGREEMENT)).encode()).digest()
