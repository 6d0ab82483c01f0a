"""That the money comes out even: what was set aside is what waits, was handed on, or was paid, to the unit.

Whole numbers of a currency's smallest unit; on chain as many wei as a study's terms say for each.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from django.db.models import Count, F, Q, Sum
from django.utils.translation import gettext as _

from ehr.chain import studies
from ehr.chain.models import Status
from research.compensation import shares
from research.models import Due, Payout, Release, SetAside

CONTRACT, FILE = Due.Way.CONTRACT, Due.Way.FILE


@dataclass(frozen=True)
class Sums:
    """Minor units of one currency."""

    accrued: int  # everything that people are due, or were
    waiting: int  # for the institution
    handed_on: int  # in a file, not noted as paid yet
    in_contract: int  # set aside there, or on its way to or from it
    paid: int  # by the institution, or by the contract
    returned: int  # claimed by nobody in time
    owed_by_releases: int  # counted anew: people in each release that left, times the pay in its study's terms

    @property
    def even(self) -> bool:
        """Whether every sum agrees with every other."""
        parts = self.waiting + self.handed_on + self.in_contract + self.paid + self.returned
        return self.accrued == self.owed_by_releases == parts


def sums(currency: str, **of_study: object) -> Sums:
    """Return the sums of a currency, over all studies, or those with these facts (`institution=…`, `pk=…`)."""
    only = {f"release__study__{name}": value for name, value in of_study.items()}
    dues = Due.objects.filter(currency=currency, **only)
    left = Release.objects.filter(state=Release.State.FETCHED, study__currency=currency)
    left = left.filter(**{f"study__{name}": value for name, value in of_study.items()})
    return Sums(
        accrued=_sum(dues),
        waiting=_sum(dues.filter(way=FILE, payout=None)),
        handed_on=_sum(dues.filter(way=FILE, payout__isnull=False, payout__paid_at=None)),
        in_contract=_sum(dues.filter(way=CONTRACT, taken_at=None, lapsed_at=None)),
        paid=_sum(dues.filter(Q(way=FILE, payout__paid_at__isnull=False) | Q(way=CONTRACT, taken_at__isnull=False))),
        returned=_sum(dues.filter(way=CONTRACT, lapsed_at__isnull=False)),
        owed_by_releases=sum(people * pay for people, pay in left.values_list("people", "study__pay")),
    )


def currencies() -> list[str]:
    """Return the currencies in which anybody is, or was, due something."""
    return list(Due.objects.order_by("currency").values_list("currency", flat=True).distinct())


def uneven() -> list[Payout]:
    """Return payouts whose sum is not that of what is in them: somebody changed a row."""
    rows = Payout.objects.annotate(found=Sum("dues__amount"))
    return [one for one in rows if one.total != (one.found or 0)]


# --- The first difference ------------------------------------------------------------------------
def difference(*, trees: bool = True) -> str:
    """Return the first difference in what is written down here, in a sentence; empty where all comes out even.

    `trees` are made anew for each release, which takes a while: a page leaves them out.
    """
    return next(_differences(), "") or (next(_altered(), "") if trees else "")


def difference_on_chain() -> str:
    """Return the first difference between what is written down here and the contract. Raises Unavailable."""
    rows = SetAside.objects.filter(refused_at=None, ready_at__isnull=False).select_related("release__study")
    found = (_on_chain(made) for made in rows.order_by("at", "pk"))
    return next((one for one in found if one), "")


def _differences() -> Iterator[str]:
    left = Release.objects.filter(state=Release.State.FETCHED).annotate(due=Sum("dues__amount"), heads=Count("dues"))
    for one in left.filter(study__pay__gt=0).select_related("study").order_by("ended_at", "pk"):
        expected = one.people * one.study.pay
        if (one.due or 0) != expected:
            yield _("Release %(release)s: people are due %(due)s, and by the study’s terms it is %(expected)s.") % {
                "release": one.pk,
                "due": one.due or 0,
                "expected": expected,
            }
    for payout in uneven():
        yield _("Payout %(payout)s: it says %(total)s, and what is in it is another sum.") % {
            "payout": payout.pk,
            "total": payout.total,
        }
    rows = SetAside.objects.annotate(due=Sum("dues__amount")).exclude(total=F("due") + F("padded"))
    for made in rows.order_by("at", "pk"):
        yield _("Release %(release)s: what was set aside in the contract is not what people are due.") % {
            "release": made.release_id
        }


def _altered() -> Iterator[str]:
    for made in SetAside.objects.select_related("release__study").order_by("at", "pk"):
        try:
            shares.levels_of(made)
        except ValueError:
            yield _("Release %(release)s: the shares are not those that were set aside.") % {"release": made.release_id}


def _on_chain(made: SetAside) -> str:
    digest = bytes(made.release.digest or b"")
    there = studies.standing(digest)
    said = {"release": made.release_id}
    if there.root != bytes(made.root):
        return _("Release %(release)s: another root stands on chain than was set aside.") % said
    claimed = [one for one in made.dues.order_by("pk") if _is_settled(one, digest)]
    left = made.total - sum(one.amount for one in claimed)
    expected = 0 if made.over_at else left * made.unit
    if there.left == expected:
        return ""
    settled = {one.pk for one in claimed}
    for one in made.dues.order_by("pk"):
        if studies.is_claimed(digest, one.claimant or "") != (one.pk in settled):
            return _("Due %(due)s of release %(release)s: the contract and what is written down here disagree.") % (
                said | {"due": one.pk}
            )
    return _("Release %(release)s: %(left)s wei are left on chain, and it should be %(expected)s.") % (
        said | {"left": there.left, "expected": expected}
    )


def _is_settled(due: Due, digest: bytes) -> bool:
    sent = studies.find("claim", studies.about_share(digest, due.claimant or ""))
    return sent is not None and sent.status == Status.FINAL


def _sum(rows) -> int:
    return rows.aggregate(found=Sum("amount"))["found"] or 0
