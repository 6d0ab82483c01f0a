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
    "payment-stuck": Kind(
        _("A payment for a visit did not go through"),
        _("Nothing is taken twice. See how your bill stands; the front desk finds another way with you."),
        page="patient:money",
    ),
}
