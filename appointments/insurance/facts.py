"""What a payer is asked, and what it said, whatever language it speaks. Plain Python."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation

# ISO 4217: the currencies whose smallest unit is not a hundredth.
_PLACES = {
    **dict.fromkeys(["BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV"], 0),
    **dict.fromkeys(["XAF", "XOF", "XPF"], 0),
    **dict.fromkeys(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"], 3),
}


class Nonsense(Exception):
    """What came back is no answer to what was asked; the message says in which respect, and quotes nothing of it."""


class NotNow(Exception):
    """The payer cannot answer at the moment, and says so. Ask again later."""


@dataclass(frozen=True)
class Inquiry:
    """Whether a policy was in force on a day. The names and numbers are for this one payer only."""

    trace: str  # ours: it comes back with the answer
    payer_name: str
    payer_number: str
    provider_name: str
    provider_number: str
    member: str
    name: str
    birth_date: date
    sex: str  # FHIR's: female, male, other, unknown
    day: date
    asked_at: datetime


@dataclass(frozen=True)
class Finding:
    """What a payer said. `outcome` is one of active, inactive, unknown; `code` is the payer's own reason."""

    outcome: str
    code: str = ""
    copay: int | None = None  # smallest unit
    currency: str = ""


def smallest(amount: object, currency: str) -> int:
    """Return an amount in the currency's smallest unit. Raises Nonsense for no amount, or for a part of that unit."""
    try:
        units = Decimal(str(amount)).scaleb(_PLACES.get(currency, 2))
    except InvalidOperation:
        raise Nonsense("an amount that is no number") from None
    # Beyond what any invoice holds; this also stops NaN and Infinity.
    if not units.is_finite() or units < 0 or units > 2_000_000_000 or units != units.to_integral_value():
        raise Nonsense("an amount that nobody can pay")
    return int(units)


def written(amount: int, currency: str) -> Decimal:
    """Return an amount as a decimal number of the currency's main unit, with all of its places: 2500 USD is 25.00."""
    return Decimal(amount).scaleb(-_PLACES.get(currency, 2))
