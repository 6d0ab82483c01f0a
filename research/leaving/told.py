"""How it stands with each release that somebody's data are in, as they read it: held, told, overdue, destroyed."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from ehr import clock
from patients.models import Patient
from research.models import Inclusion, Recall, Release


class Fate(StrEnum):
    """What became of somebody's row in a release."""

    HELD = "held"  # the researcher has it, and may
    WAITING = "waiting"  # they withdrew; the researcher is told within a day
    TOLD = "told"  # the researcher was told, and has until `by`
    OVERDUE = "overdue"
    DESTROYED = "destroyed"  # the researcher signed so, at `at`


@dataclass(frozen=True)
class Whereabouts:
    """One release that one person's data are in."""

    release: UUID
    study: str
    place: str
    left_at: datetime
    fate: Fate
    by: datetime | None = None
    at: datetime | None = None


def fate(recall: Recall, at: datetime) -> Fate:
    """Return what became of what was asked back."""
    if recall.attested_at is not None:
        return Fate.DESTROYED
    return Fate.OVERDUE if recall.due_at <= at else Fate.TOLD


def whereabouts(patient: Patient) -> list[Whereabouts]:
    """Return every release that left with a patient's data in it, the newest first."""
    now = clock.now()
    rows = Inclusion.objects.filter(joining__patient=patient, release__state=Release.State.FETCHED)
    rows = rows.select_related("release__study__institution", "recalled__recall", "joining")
    return [_one(row, now) for row in rows.order_by("-release__ended_at", "pk")]


def _one(row: Inclusion, now: datetime) -> Whereabouts:
    release, study = row.release, row.release.study
    recalled = getattr(row, "recalled", None)
    facts = {
        "release": release.pk,
        "study": study.title,
        "place": study.institution.name,
        "left_at": release.ended_at or release.asked_at,
    }
    if recalled is not None:
        recall = recalled.recall
        return Whereabouts(**facts, fate=fate(recall, now), by=recall.due_at, at=recall.attested_at)
    withdrew = row.joining.withdrawn_at
    waits = (
        withdrew is not None
        and withdrew < row.joining.until
        and (study.closed_at is None or withdrew < study.closed_at)
    )
    return Whereabouts(**facts, fate=Fate.WAITING if waits else Fate.HELD)
