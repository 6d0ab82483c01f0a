"""A receipt on paper: who was paid, when, how much. It says nothing of what a visit was for."""

import base64
import json

from django.utils import timezone
from django.utils.dateformat import format as written
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from appointments.payments.bills import Bill, Receipt
from ehr.rights import paper as papers


def paper(bill: Bill, receipt: Receipt, *, name: str) -> bytes:
    """Return a receipt as a PDF, in the language and zone in force. Raises paper.NotSet."""
    told = {
        "language": (get_language() or "en").partition("-")[0],
        "title": _("Receipt %(number)s") % {"number": receipt.number},
        "rows": [
            [_("Paid to"), bill.institution],
            [_("Paid by"), name],
            [_("On"), _day(receipt.at)],
            [_("Amount"), receipt.amount],
            [_("Paid"), receipt.how],
            [_("For"), _("Bill %(number)s, a visit on %(day)s") % {"number": bill.number, "day": _day(bill.visit_at)}],
        ],
        "footer": _("What was given back later stands on the bill."),
    }
    sheets = {
        "main.typ": (papers.HERE / "receipt.typ").read_bytes(),
        "told.json": json.dumps(told).encode(),
    }
    return papers.pressed({name: base64.b64encode(text).decode() for name, text in sheets.items()})


def _day(at) -> str:
    return written(timezone.localtime(at), "j F Y")
