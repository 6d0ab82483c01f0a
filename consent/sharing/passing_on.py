"""What pages ask about passing on: what somebody could propose, which report is awaited, what was mandated."""

import uuid
from collections.abc import Iterable

from django.db.models import QuerySet

from consent import authority, queries
from consent.judging import ELSEWHERE, Presence, judge
from consent.models import Grant, Mandate
from consent.sharing import mandates
from ehr import clock
from ehr.accounts.models import Reader, User
from ehr.words import Action, Category, Purpose
from patients.models import Patient
from patients.queries import written_by
from providers.queries import standing
from providers.roles import REFERRERS


def may_be_passed_on(grant: Grant) -> bool:
    """Tell whether somebody may propose that another sees what this permission shows them.

    What was passed on, holds for single entries or some dates, or is a team's, is not passed on.
    """
    narrow = grant.is_bundle or grant.record_from is not None
    return grant.kind == Grant.Kind.GIVEN and not narrow and grant.reader.kind == Reader.Kind.PERSON


def may_refer(referrer: User, grants: Iterable[Grant]) -> bool:
    """Tell whether somebody who reads under these permissions could propose somebody else."""
    return any(map(may_be_passed_on, grants)) and bool(standing(referrer).roles & REFERRERS)


def may_be_mandated(grant: Grant) -> bool:
    """Tell whether a patient could let this permission's reader pass it on without asking each time."""
    holds = getattr(grant, "ending", None) is None and grant.ends > clock.now()
    return holds and grant.reader.user is not None and may_refer(grant.reader.user, [grant])


def held(patient: Patient, referrer: User, presence: Presence = ELSEWHERE) -> dict[str, bool]:
    """Return the parts that somebody could pass on now, and of each whether to be added to as well."""
    if not standing(referrer).roles & REFERRERS:
        return {}
    found = {}
    for action in (Action.READ, Action.WRITE):
        verdict = judge(
            patient, referrer, action=action, purpose=Purpose.TREAT, parts=tuple(Category), presence=presence
        )
        found[action] = {str(part) for part, grant in verdict.allowed.items() if may_be_passed_on(grant)}
    return {str(part): part in found[Action.WRITE] for part in Category if part in found[Action.READ]}


def mandated(patient: Patient, referrer: User) -> list[Mandate]:
    """Return what a patient lets somebody pass on without asking, as signed; soonest to end first."""
    rows = mandates.in_force(patient).filter(referrer__user=referrer)
    return [one for one in rows.select_related("patient_version__reader", "patient") if authority.genuine_mandate(one)]


def hanging_from(grant: Grant) -> list[Grant]:
    """Return what was passed on from a permission, holds or will, and is over with it; soonest to end first."""
    rows = Grant.objects.filter(parent=grant).standing(clock.now()).select_related("reader__user", *queries.DECIDED_BY)
    return [one for one in rows.order_by("ends", "pk") if queries.facts(one).ends > clock.now()]


def from_person(patient: Patient, referrer: User) -> list[Grant]:
    """Return what somebody passed on from what a patient gave them by name, and is over with that."""
    given = Grant.objects.filter(patient=patient, reader__user=referrer).standing(clock.now())
    return [one for grant in given.order_by("ends", "pk") for one in hanging_from(grant)]


def awaited(patient: Patient, reader: User) -> QuerySet[Grant]:
    """Return the permissions of somebody that hold now and await their report, soonest to end first."""
    rows = Grant.objects.filter(patient=patient, reader__user=reader, kind=Grant.Kind.REFERRAL)
    return rows.filter(report_days__isnull=False, report__isnull=True).active(clock.now()).order_by("ends")


def wrote(patient: Patient, logical_id: uuid.UUID, by: User) -> bool:
    """Tell whether an entry is one that somebody signed: only that can be their report."""
    return logical_id in written_by(patient, by)
