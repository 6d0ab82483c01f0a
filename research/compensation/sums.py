"""That the money comes out even: what was set aside is what waits, was handed on, or was paid, to the unit."""

from dataclasses import dataclass

from django.db.models import Sum

from research.models import Due, Payout, Release


@dataclass(frozen=True)
class Sums:
    """Minor units of one currency."""

    accrued: int  # everything that was set aside
    waiting: int
    handed_on: int  # in a file, not noted as paid yet
    paid: int
    owed_by_releases: int  # counted anew: people in each release that left, times the pay in its study's terms

    @property
    def even(self) -> bool:
        """Whether every sum agrees with every other."""
        return self.accrued == self.owed_by_releases == self.waiting + self.handed_on + self.paid


def sums(currency: str, **of_study: object) -> Sums:
    """Return the sums of a currency, over all studies, or those with these facts (`institution=…`, `pk=…`)."""
    only = {f"release__study__{name}": value for name, value in of_study.items()}
    dues = Due.objects.filter(currency=currency, **only)
    left = Release.objects.filter(state=Release.State.FETCHED, study__currency=currency)
    left = left.filter(**{f"study__{name}": value for name, value in of_study.items()})
    return Sums(
        accrued=_sum(dues),
        waiting=_sum(dues.filter(payout=None)),
        handed_on=_sum(dues.filter(payout__isnull=False, payout__paid_at=None)),
        paid=_sum(dues.filter(payout__paid_at__isnull=False)),
        owed_by_releases=sum(people * pay for people, pay in left.values_list("people", "study__pay")),
    )


def uneven() -> list[Payout]:
    """Return payouts whose sum is not that of what is in them: somebody changed a row."""
    rows = Payout.objects.annotate(found=Sum("dues__amount"))
    return [one for one in rows if one.total != (one.found or 0)]


def _sum(rows) -> int:
    return rows.aggregate(found=Sum("amount"))["found"] or 0
