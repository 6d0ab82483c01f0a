"""What people are told of money. Letters name nobody, no amount and nothing that a visit is for."""

from django.utils.translation import gettext_lazy as _

from ehr.notices.kind import Kind

MONEY = {
    "payment-taken": Kind(
        _("A payment for a visit was taken"),
        _("See what it was for and its receipt, among your bills and receipts."),
        page="patient:money",
    ),
    "payment-returned": Kind(
        _("Money for a visit was given back to you"),
        _("See how much and why, among your bills and receipts. A card can take some days to show it."),
        page="patient:money",
    ),
    "payment-free": Kind(
        _("Money for a visit is yours again"),
        _("It is no longer kept until the visit. The front desk gives it back to you: ask for it there, or call."),
        page="patient:money",
    ),
    "payment-stuck": Kind(
        _("A payment for a visit did not go through"),
        _("Nothing is taken twice. See how your bill stands; the front desk finds another way with you."),
        page="patient:money",
    ),
    "payment-another-way": Kind(
        _("A payment for a visit is finished another way"),
        _("It could not be finished as it began. The front desk does it with you; nothing of it is lost."),
        page="patient:money",
    ),
    "payment-waived": Kind(
        _("Less is asked of you for a visit"),
        _("See how much less and why, among your bills and receipts."),
        page="patient:money",
    ),
    "payment-asked-again": Kind(
        _("A bill of yours was put back as it was"),
        _("That less was asked of you was taken back. See your bill; if you did not expect that, ask the front desk."),
        page="patient:money",
    ),
    "payment-mistaken": Kind(
        _("A payment for a visit was noted by mistake"),
        _("It was taken back. If you did pay, tell the front desk, and keep your receipt."),
        page="patient:money",
    ),
}
