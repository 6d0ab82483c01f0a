"""Money for visits. What booking tells goes in by the hooks; how an invoice stands is read from its movements."""

from appointments.payments.hooks import (
    invoice_of,
    on_cancelled,
    on_dispute_answered,
    on_disputed,
    on_fulfilled,
    on_mistake,
    on_moved,
    on_no_show,
    on_no_show_undone,
    on_payer_paid,
    on_undone,
    open_invoice,
)
from appointments.payments.ledger import Unbalanced, check

__all__ = [
    "Unbalanced",
    "check",
    "invoice_of",
    "on_cancelled",
    "on_dispute_answered",
    "on_disputed",
    "on_fulfilled",
    "on_mistake",
    "on_moved",
    "on_no_show",
    "on_no_show_undone",
    "on_payer_paid",
    "on_undone",
    "open_invoice",
]
