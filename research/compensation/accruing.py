"""Setting aside what people are due: with the release that leaves, in one commit, once for each person."""

from collections.abc import Mapping
from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from audit import log
from patients.models import Patient
from providers.rules import NotPossible
from research.compensation import shares
from research.models import Due, Inclusion, Release
from research.studies.proposing import intact, log_people, log_study
from research.words import Act


def accrue(release: Release) -> int:
    """Set aside what everybody in a release is due by the study's terms; return for how many that is new.

    It is due when the release is fetched: then data left. Nothing that happens later takes it back. Call it in the
    transaction that holds the release's row. Raises NotPossible where the terms are not those that were approved.
    """
    study = release.study
    if release.state != Release.State.FETCHED or not study.pay:
        return 0
    if not intact(study):
        raise NotPossible(_("This study is not what was approved: somebody changed it. Tell the operator."))
    had = Due.objects.filter(release=release).values("patient")
    people = set(
        Inclusion.objects.filter(release=release)
        .exclude(joining__patient__in=had)
        .values_list("joining__patient", flat=True)
    )
    if not people:
        return 0
    dues = [Due(release=release, patient_id=one, amount=study.pay, currency=study.currency) for one in sorted(people)]
    if study.unit and not had.exists():
        shares.put(release, dues)
    Due.objects.bulk_create(dues)
    told = {"release": str(release.pk), "amount": study.pay, "currency": study.currency}
    log_people(Act.PAID, study, sorted(people), actor=log.SYSTEM, **told)
    # How many there are is no news: the release says so. No list of who they are is in this line.
    log_study("study.pay-accrued", study, None, release=str(release.pk), total=study.pay * len(people))
    return len(people)


def dues(patient: Patient) -> QuerySet[Due]:
    """Return what a patient is due, the newest first."""
    rows = Due.objects.filter(patient=patient).select_related("release__study", "payout", "set_aside__release")
    return rows.order_by("-at", "pk")


def by_release(patient: Patient) -> Mapping[UUID, Due]:
    """Return what a patient is due for each release they are in."""
    return {one.release_id: one for one in dues(patient)}
