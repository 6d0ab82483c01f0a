"""How it stands with what one person is due for one release. Needs no chain: what was final is written down."""

from datetime import datetime
from enum import StrEnum

from research.compensation import shares
from research.models import Due, Release, SetAside


class Stage(StrEnum):
    """How far the pay for one release has come."""

    DUE = "due"  # it waits for the institution
    HANDED_ON = "handed-on"  # it is in a file that the institution pays
    ON_ITS_WAY = "on-its-way"  # it is being set aside in the contract
    READY = "ready"  # its owner may say where it goes
    SENT = "sent"  # its owner said so, and the chain has not settled it
    GIVEN = "given"  # its owner left it with the institution, and the chain has not settled it
    PAID = "paid"
    RETURNED = "returned"  # nobody claimed it in time


def stage(due: Due) -> Stage:
    """Return how it stands with a due."""
    if due.way == Due.Way.FILE:
        if due.payout is None:
            return Stage.DUE
        return Stage.HANDED_ON if due.payout.paid_at is None else Stage.PAID
    if due.taken_at is not None:
        return Stage.PAID
    if due.lapsed_at is not None:
        return Stage.RETURNED
    if due.chosen_at is not None:
        return Stage.GIVEN if due.to_institution else Stage.SENT
    return Stage.READY if due.set_aside and due.set_aside.ready_at else Stage.ON_ITS_WAY


def of_release(release: Release) -> Stage | None:
    """Return how it stands with the pay for a release as a whole, which tells of nobody in it; None where none is due.

    It is READY from when the contract holds it, whoever claimed, and RETURNED when what nobody claimed is back.
    """
    dues = Due.objects.filter(release=release)
    if not dues.exists():
        return None
    made = SetAside.objects.filter(release=release, refused_at=None).first()
    if made is None:
        if dues.filter(payout=None).exists():
            return Stage.DUE
        return Stage.HANDED_ON if dues.filter(payout__paid_at=None).exists() else Stage.PAID
    if made.over_at is not None:
        return Stage.RETURNED
    return Stage.READY if made.ready_at else Stage.ON_ITS_WAY


def last_day(due: Due) -> datetime:
    """Return until when its owner may claim it."""
    return shares.until(due.release.study)
