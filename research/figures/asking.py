"""When figures are made, by hand or by the clock, and who may stop or see them. Nothing heavy is loaded here."""

from datetime import date, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from ehr import clock
from ehr.accounts.models import User
from research import queries
from research.models import FigureRun, Study
from research.studies import work
from research.studies.proposing import log_study

State = FigureRun.State
DONE = (*work.UNDER_WAY, State.READY)
ONE_DAY = timedelta(days=1)


def ask(study: Study, *, by: User) -> FigureRun:
    """Ask for this month's figures of a study of one's own: those under way, or made, where there are any.

    A month has one run and no more, by whomever: two of one population, days apart, would be held against each other.
    Raises NotPossible where the study is not for figures, not open, or may not read now.
    """
    with transaction.atomic():
        study = Study.objects.select_for_update(of=("self",)).get(pk=study.pk)
        work.require_own(study, by)
        work.run_of(study, figures=True)
        return _begun(study, by)


def ask_all() -> int:
    """Ask for this month's figures of every study that is for them and may read; return how many are new."""
    count = 0
    for study_id in figure_studies().open(clock.now()).values_list("pk", flat=True):
        with transaction.atomic():
            study = Study.objects.select_for_update(of=("self",)).get(pk=study_id)
            if queries.run_at(study, clock.now()) is None or _of_month(study, _month()).exists():
                continue
            _begun(study, None)
            count += 1
    return count


def cancel(run: FigureRun, *, by: User) -> FigureRun:
    """Stop making figures; what was opened for them is gone with the worker's next look. Twice is once."""
    return work.cancel(run, by=by, what="figures")


def run_of(user: User, run_id: UUID) -> FigureRun | None:
    """Return one of the runs of a researcher's own studies, or None for everybody else's."""
    rows = FigureRun.objects.filter(pk=run_id, study__researcher__clinician__user=user)
    return rows.select_related("study").first()


def last_run(study: Study) -> FigureRun | None:
    """Return the run that was asked for last, whatever came of it."""
    return study.figure_runs.order_by("-asked_at", "pk").first()


def last_made(study: Study) -> FigureRun | None:
    """Return the newest run that came to its end."""
    return study.figure_runs.filter(state=State.READY).order_by("-month").first()


def figure_studies() -> QuerySet[Study]:
    """Return the studies that are for figures and were ever open, the newest first."""
    rows = Study.objects.exclude(measures=[]).filter(reader__isnull=False)
    return rows.select_related("institution").order_by("-created_at", "pk")


def may_ask(study: Study) -> bool:
    """Tell whether this month's figures may be asked for: nobody did, and the study may read."""
    may_read = study.is_open and queries.run_at(study, clock.now()) is not None
    return may_read and not _of_month(study, _month()).exists()


def period(month: date) -> tuple[date, date]:
    """Return the days that figures asked for in a month are about: twelve months, the last the one before last.

    What comes in late is in by then, and whoever left a hospital in the last of these days had 30 days to come back.
    """
    last = (month.replace(day=1) - ONE_DAY).replace(day=1) - ONE_DAY
    after = last + ONE_DAY
    return after.replace(year=after.year - 1), last


def _begun(study: Study, by: User | None) -> FigureRun:
    month = _month()
    if known := _of_month(study, month).first():
        return known
    first, last = period(month)
    run = FigureRun.objects.create(study=study, month=month, first=first, last=last, asked_by=by)
    log_study("study.figures-asked", study, by, figures=str(run.pk), month=month.isoformat())
    return run


def _of_month(study: Study, month: date) -> QuerySet[FigureRun]:
    return FigureRun.objects.filter(study=study, month=month, state__in=DONE)


def _month() -> date:
    return clock.now().date().replace(day=1)
