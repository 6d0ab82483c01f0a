"""Handing on what people are due, to the payments of the institution that owes it: one file, paid once.

The file names a person and a sum over all studies and releases. Which study it was, and how many, is not in it.
"""

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction
from django.db.models import Count, QuerySet, Sum
from django.utils.translation import gettext as _

from appointments.payments.amounts import digits
from audit import log
from ehr import clock
from ehr.accounts.models import User
from ehr.words import Purpose
from providers.models import Institution
from providers.queries import party
from providers.rules import NotPossible
from research.models import Due, Payout
from research.words import Act

PAYS = "research.pay_participants"
HEADS = ("payee", "reach", "amount", "currency", "reference")
# What a spreadsheet would take for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class Owed:
    """What an institution owes in one currency and has not handed on."""

    institution: UUID
    name: str
    currency: str
    total: int  # minor units
    people: int


def owed() -> list[Owed]:
    """Return what waits to be handed on, by institution and currency."""
    rows = _waiting().order_by()
    rows = rows.values("release__study__institution", "release__study__institution__name", "currency")
    found = rows.annotate(total=Sum("amount"), people=Count("patient", distinct=True))
    return sorted(
        (
            Owed(
                one["release__study__institution"],
                one["release__study__institution__name"],
                one["currency"],
                one["total"],
                one["people"],
            )
            for one in found
        ),
        key=lambda one: (one.name, one.currency),
    )


def hand_on(institution: UUID, currency: str, *, by: User) -> Payout:
    """Put all that waits of an institution in one currency into one payout. A due is in one payout and no other.

    Raises NotPossible where nothing waits, and for whoever may not pay.
    """
    _require(by)
    with transaction.atomic():
        # One after the other for each institution: two who press at once make one payout, and one finds nothing.
        place = Institution.objects.select_for_update().filter(pk=institution).first()
        waiting = list(_waiting().filter(currency=currency, release__study__institution=place))
        if place is None or not waiting:
            raise NotPossible(_("Nothing waits to be paid here. Somebody else may have handed it on just now."))
        total = sum(one.amount for one in waiting)
        payout = Payout.objects.create(institution=place, currency=currency, total=total, made_by=by)
        moved = _waiting().filter(pk__in=[one.pk for one in waiting]).update(payout=payout)
        if moved != len(waiting):
            raise NotPossible(_("Somebody else handed some of it on just now. Look again."))
        _log_study("study.pay-handed-on", payout, by)
    return payout


def file(payout: Payout, *, by: User) -> str:
    """Return a payout as CSV, a line for each person; that they were named is on each one's list before.

    Call it outside a transaction. Raises NotPossible for whoever may not pay.
    """
    _require(by)
    people = list(_people(payout))
    facts = {"payout": str(payout.pk), "institution": payout.institution.name}
    log.record_page(
        Act.NAMED,
        actor=party(by),
        subjects=[one["patient"] for one in people],
        outcome="done",
        purpose=Purpose.HRESCH,
        details=facts,
    )
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\r\n")
    writer.writerow(HEADS)
    for number, one in enumerate(people, 1):
        reach = one["patient__user__email"] or one["patient__user__sign_in_name"]
        cells = (one["patient__user__name"], reach, _decimal(one["sum"], payout.currency), payout.currency)
        writer.writerow([*map(_harmless, cells), f"{payout.pk.hex[:12]}-{number}"])
    return written.getvalue()


def note_paid(payout: Payout, *, reference: str, by: User) -> Payout:
    """Note that the institution paid a payout, with its own reference; twice is once, and the first reference stays.

    Raises NotPossible for whoever may not pay.
    """
    _require(by)
    with transaction.atomic():
        payout = Payout.objects.select_for_update(of=("self",)).select_related("institution").get(pk=payout.pk)
        if payout.paid_at is None:
            payout.paid_at, payout.paid_by, payout.reference = clock.now(), by, reference.strip()
            payout.save(update_fields=["paid_at", "paid_by", "reference"])
            log.append_page(
                Act.SETTLED,
                actor=party(by),
                subjects=[one["patient"] for one in _people(payout)],
                outcome="done",
                purpose=Purpose.HRESCH,
                details={"payout": str(payout.pk), "institution": payout.institution.name},
            )
            _log_study("study.pay-settled", payout, by)
    return payout


def _waiting() -> QuerySet[Due]:
    """Return what the institution pays and has not handed on. What the contract pays is not in any file."""
    return Due.objects.filter(payout=None, way=Due.Way.FILE)


def _people(payout: Payout) -> Iterable[dict]:
    """Return a line for each person of a payout: the sum of all they are due in it, in an order that tells nothing."""
    rows = Due.objects.filter(payout=payout).order_by()
    named = ("patient", "patient__user__name", "patient__user__email", "patient__user__sign_in_name")
    return rows.values(*named).annotate(sum=Sum("amount")).order_by("patient__user__name", "patient")


def _decimal(amount: int, currency: str) -> str:
    """Return minor units with a point where the currency has one: 1250 CAD is 12.50, 1250 JPY is 1250."""
    behind = digits(currency)
    whole, part = divmod(amount, 10**behind)
    return f"{whole}.{part:0{behind}}" if behind else str(whole)


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def _require(by: User) -> None:
    if not (by.is_active and by.has_perm(PAYS)):
        raise NotPossible(_("Only who looks after payments for research does this."))


def _log_study(action: str, payout: Payout, by: User) -> None:
    details = {"payout": str(payout.pk), "total": payout.total, "currency": payout.currency}
    log.append(action, actor=party(by), subject=None, outcome="done", details=details)
