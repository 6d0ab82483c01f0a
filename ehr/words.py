"""The words every room shares: what may be shared, what may be done with it, and what for.

Plain Python. The values are stored, signed and logged, so they never change.
"""

from enum import StrEnum


class Category(StrEnum):
    """One of the six parts of a record. All six are always listed, empty or not."""

    BASIC = "basic"
    HISTORY = "history"
    LABS = "labs"
    TREATMENT = "treatment"
    MENTAL_HEALTH = "mental-health"
    GENETIC = "genetic"

    @property
    def sensitive(self) -> bool:
        """True for the parts that are off by default and confirmed on their own."""
        return self in SENSITIVE


SENSITIVE = frozenset({Category.MENTAL_HEALTH, Category.GENETIC})


class Action(StrEnum):
    """What a grant lets its reader do. Writing never implies reading."""

    READ = "read"
    WRITE = "write"


class Purpose(StrEnum):
    """Why a record is opened. Source: HL7 v3 ActReason, the purpose-of-use values."""

    TREAT = "TREAT"
    HPAYMT = "HPAYMT"
    HOPERAT = "HOPERAT"
    HRESCH = "HRESCH"
    PATRQT = "PATRQT"
    ETREAT = "ETREAT"
    BTG = "BTG"
