"""Deposits in the AppointmentEscrow contract."""

from datetime import datetime

from appointments.models import Invoice


def tell(invoice: Invoice, word: str, at: datetime) -> None:
    """Tell the contract of what happened to a visit whose price it keeps. Joins the caller's transaction."""
