"""Facts about time with a clinician: when they may be seen, who holds which minutes, and what became of each visit."""

from appointments.models.availability import Absence, Closure, Hours, Place, Schedule, Timetable, VisitType
from appointments.models.calendars import BusyCalendar, CalendarFeed
from appointments.models.disputes import Dispute
from appointments.models.insurance import Claim, Eligibility, Payer, PayerParcel, Policy, Tariff
from appointments.models.money import (
    Concession,
    Ground,
    Invoice,
    InvoiceBook,
    Movement,
    Payment,
    PaymentParcel,
    ProviderEvent,
    Way,
)
from appointments.models.reminders import Reminder
from appointments.models.rooms import Room, RoomLink
from appointments.models.visits import Appointment, Change, Hold, Status, Taken
from appointments.models.waitlist import Offer, Waiting

__all__ = [
    "Absence",
    "Appointment",
    "BusyCalendar",
    "CalendarFeed",
    "Change",
    "Claim",
    "Closure",
    "Concession",
    "Dispute",
    "Eligibility",
    "Ground",
    "Hold",
    "Hours",
    "Invoice",
    "InvoiceBook",
    "Movement",
    "Offer",
    "Payer",
    "PayerParcel",
    "Payment",
    "PaymentParcel",
    "Place",
    "Policy",
    "ProviderEvent",
    "Reminder",
    "Room",
    "RoomLink",
    "Schedule",
    "Status",
    "Taken",
    "Tariff",
    "Timetable",
    "VisitType",
    "Waiting",
    "Way",
]
