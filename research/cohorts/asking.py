"""What a researcher does about a count: asks, watches, cancels. Nothing heavy is loaded here."""

from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from audit import log
from ehr import clock
from ehr.accounts.models import User
from providers.rules import NotPossible
from research import budget, criteria
from research.criteria.parts import parts_for
from research.models import CohortCount, Study
from research.studies import work
from research.studies.proposing import log_study, party

State = CohortCount.State
# Asked again within this time, a count is told as it was, and nobody's record is opened for it.
FRESH = timedelta(days=1)


def ask(study: Study, document: Mapping[str, object], *, by: User) -> CohortCount:
    """Ask how many people of a study of one's own meet criteria. The count is under way, or ready if it was just made.

    Raises criteria.NotUnderstood with what is to be put right; budget.Locked for a question that was asked too often;
    NotPossible where the study may not ask this, or not now. Both refusals are on the log; call it outside a
    transaction.
    """
    asked = criteria.read(document)
    try:
        return _ask(study, asked, by)
    except (budget.Locked, NotPossible) as refusal:
        because = "asked-too-often" if isinstance(refusal, budget.Locked) else "not-allowed"
        details = {"study": str(study.pk), "digest": criteria.digest(asked).hex()}
        log.record(
            "study.count-refused",
            actor=party(by),
            subject=None,
            outcome="refused",
            because=because,
            details=details,
        )
        raise


def _ask(study: Study, asked: criteria.Criteria, by: User) -> CohortCount:
    digest = criteria.digest(asked)
    with transaction.atomic():
        # No key of it changes: an answer that is being paid for may refer to the study meanwhile.
        study = Study.objects.select_for_update(of=("self",), no_key=True).get(pk=study.pk)
        _require(study, asked, by)
        budget.note_asking(study, digest, by=by)
        if known := _known(study, digest):
            return known
        count = CohortCount.objects.create(study=study, asked_by=by, criteria=criteria.written(asked), digest=digest)
        log_study("study.count-asked", study, by, count=str(count.pk), digest=digest.hex())
    return count


def cancel(count: CohortCount, *, by: User) -> CohortCount:
    """Stop a count that is under way; what was opened for it is gone with the worker's next look. Twice is once."""
    return work.cancel(count, by=by, what="count")


def counts(study: Study) -> QuerySet[CohortCount]:
    """Return what was asked in a study, the newest first."""
    return study.counts.defer("members")


def cohorts(study: Study, most: int = 10) -> list[CohortCount]:
    """Return the groups that were asked about lately, each by its latest count, the newest first."""
    found: dict[bytes, CohortCount] = {}
    for one in counts(study)[: most * 5]:
        found.setdefault(bytes(one.digest), one)
    return list(found.values())[:most]


def count_of(user: User, count_id: UUID) -> CohortCount | None:
    """Return one of the counts of a researcher's own studies, or None for everybody else's."""
    rows = CohortCount.objects.filter(pk=count_id, study__researcher__clinician__user=user)
    return rows.select_related("study", "same_as").defer("members").first()


def _known(study: Study, digest: bytes) -> CohortCount | None:
    """Return the count of this question that is under way, or was made just now."""
    rows = CohortCount.objects.filter(study=study, digest=digest)
    under_way = rows.filter(state__in=work.UNDER_WAY).first()
    return under_way or rows.filter(state=State.READY, ended_at__gt=clock.now() - FRESH).first()


def _require(study: Study, asked: criteria.Criteria, by: User) -> None:
    work.require_own(study, by)
    work.run_of(study)
    if not parts_for(asked) <= set(study.categories):
        raise NotPossible(_("This asks for parts of the record that were not approved for the study. Leave them out."))
