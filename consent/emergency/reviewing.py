"""Review: somebody else looks at whether it was right, within 72 hours, and the patient reads what they found."""

from datetime import timedelta
from uuid import UUID

from django.contrib.auth.models import Permission
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from audit import cases, log
from audit.models import Case
from consent.emergency import ending
from consent.models import Emergency
from consent.words import about_emergency, about_line, seal_to
from ehr import clock
from ehr.accounts.models import User
from ehr.notices import operations as notices
from ehr.words import Purpose
from patients.models import Patient
from providers.models import TeamMembership

REVIEW_WITHIN = timedelta(hours=72)
SHORTEST = 20
BATCH = 100


def reviewers() -> list[User]:
    """Return the people who review emergencies: active staff whose desk role includes it."""
    role = Permission.objects.filter(content_type__app_label="consent", codename="review_emergency")
    named = Q(groups__permissions__in=role) | Q(user_permissions__in=role)
    return list(User.objects.filter(named, is_active=True, is_staff=True).distinct())


def review(emergency: Emergency, *, by: User, outcome: str, words: str) -> Emergency:
    """Note what a review found, in words that the patient and the officers read. It is done once.

    Not justified ends the emergency where it is still open, and opens a case about its line, given to who found it.
    Raises `audit.cases.NotPossible`.
    """
    said = words.strip()
    with transaction.atomic():
        patient = Patient.objects.select_for_update(of=("self",)).select_related("user").get(pk=emergency.patient_id)
        emergency = Emergency.objects.select_related("reader__user").get(pk=emergency.pk)
        if problem := _problem(emergency, patient, by, outcome, said):
            raise cases.NotPossible(problem)
        event = _append(emergency, patient, by, outcome, said)
        emergency.reviewed_by, emergency.reviewed_at = by, event.time
        emergency.outcome, emergency.review_event_id = outcome, event.pk
        if outcome == Emergency.Outcome.UNJUSTIFIED:
            emergency.case_id = _open_case(emergency, patient, by, said).pk
            if emergency.is_open(clock.now()):
                ending.close(emergency, patient, by, Emergency.EndedBy.OFFICER)
        emergency.save(update_fields=["reviewed_by", "reviewed_at", "outcome", "review_event_id", "case_id"])
        if patient.user is not None:
            key = f"emergency-reviewed:{emergency.pk}"
            notices.notify(patient.user, "emergency-reviewed", about=emergency.pk, key=key)
    return emergency


def _problem(emergency: Emergency, patient: Patient, by: User, outcome: str, said: str) -> str:
    if emergency.outcome:
        return _("This was reviewed already.")
    if not emergency.opened:
        return _("It never opened, so there is nothing to review.")
    if outcome not in Emergency.Outcome.values:
        return _("Say whether it was justified.")
    if len(said) < SHORTEST:
        return _("Say in a sentence what you found. The patient reads it.")
    return _why_not_by(emergency, patient, by)


def _why_not_by(emergency: Emergency, patient: Patient, by: User) -> str:
    """Say why this officer is not the one to review it."""
    if not (by.is_active and by.has_perm(ending.MAY_REVIEW)):
        return _("Your desk role does not include this.")
    if by.pk == emergency.reader.user_id:
        return _("Nobody reviews what they did themselves. Another officer does.")
    if by.pk == patient.user_id:
        return _("This is your own record. Another officer reviews it.")
    if _in_one_team(by, emergency.reader.user_id):
        return _("You are in one care team with who opened it. Another officer reviews it.")
    return ""


def _in_one_team(by: User, other_id: UUID | None) -> bool:
    """Tell whether two people are on the list of one care team, whatever the dates on it."""
    known = TeamMembership.objects.filter(ended_at__isnull=True)
    mine = known.filter(clinician__user=by).values("team")
    return known.filter(clinician__user=other_id, team__in=mine).exists()


def _append(emergency: Emergency, patient: Patient, by: User, outcome: str, said: str):
    info = about_emergency(emergency.pk, patient.pk, review=True)
    return log.append(
        "emergency.reviewed",
        actor=officer(by),
        subject=patient.pk,
        outcome="done",
        purpose=Purpose.BTG,
        because=outcome,
        sealed=seal_to([patient.user, *reviewers()], said, info=info),
        details={"emergency": str(emergency.pk), "reader_name": emergency.reader.name},
    )


def _open_case(emergency: Emergency, patient: Patient, by: User, said: str) -> Case:
    """Open a case about the line that broke the glass, filled in with what is known, its clock running."""
    told = _(
        "Emergency access by %(reader)s from %(from)s to %(until)s was found not to be justified. "
        "The reason given was: %(reason)s. The review says: %(said)s"
    ) % {
        "reader": emergency.reader.name,
        "from": log.timestamp(emergency.opened_at),
        "until": log.timestamp(min(emergency.ended_at or emergency.ends_at, emergency.ends_at, clock.now())),
        "reason": emergency.get_reason_display(),
        "said": said,
    }
    words = seal_to([patient.user, *reviewers()], told, info=about_line(patient.pk, emergency.event_id))
    case = cases.open_case(subject=patient.pk, event_id=emergency.event_id, words=words, by=officer(by))
    for one in reviewers():
        if one.pk not in {by.pk, emergency.reader.user_id, patient.user_id}:
            notices.notify(one, "desk.case-opened", about=case.pk, key=f"case:{case.pk}:{one.pk}")
    return cases.assign(case, to=officer(by), by=officer(by))


def officer(by: User) -> log.Party:
    """Return a reviewer as the log writes them down."""
    return log.Party("person", by.pk, by.name, "privacy officer", "")


def tell_of_overdue() -> int:
    """Tell the officers, once, of each review that is overdue; return how many there were. It may run twice."""
    at = clock.now()
    late = Emergency.objects.filter(outcome="", review_due_at__lte=at, overdue_told_at__isnull=True)
    count = 0
    for emergency in late.exclude(ended_by=Emergency.EndedBy.FAILED).select_related("reader")[:BATCH]:
        with transaction.atomic():
            if not Emergency.objects.filter(pk=emergency.pk, overdue_told_at__isnull=True).update(overdue_told_at=at):
                continue
            details = {"emergency": str(emergency.pk), "reader_name": emergency.reader.name}
            log.append(
                "emergency.overdue", actor=log.SYSTEM, subject=emergency.patient_id, outcome="done", details=details
            )
            for one in reviewers():
                if one.pk != emergency.reader.user_id:
                    key = f"emergency-overdue:{emergency.pk}:{one.pk}"
                    notices.notify(one, "desk.emergency-overdue", about=emergency.pk, key=key)
            count += 1
    return count
