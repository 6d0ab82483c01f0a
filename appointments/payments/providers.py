"""Which provider moves money which way."""

from appointments.models import Way
from appointments.payments.cards import Cards
from appointments.payments.desk import Desk
from appointments.payments.escrow import Escrow
from appointments.payments.providing import PaymentProvider

_PROVIDERS: dict[str, PaymentProvider] = {Way.DESK: Desk(), Way.STRIPE: Cards(), Way.ESCROW: Escrow()}


def of(way: str) -> PaymentProvider:
    """Return the provider of one way. Raises KeyError for a way nobody provides."""
    return _PROVIDERS[way]
