"""What studies found: handed in by a researcher, read by the committee, then told to everybody whose data it used."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from consent import queries as consent
from consent.keyholder.studies import DECIDES
from ehr import clock
from ehr.accounts.models import User
from ehr.notices import operations as notices
from ehr.notices.operations import News
from patients.models import Patient
from providers.queries import party
from providers.rules import NotPossible
from research.models import Joining, Result, Study
from research.studies.proposing import committee, locked, log_people, log_study
from research.words import Act

State = Result.State


@dataclass(frozen=True)
class Found:
    """What a researcher writes about what was found."""

    title: str
    plain: str
    link: str = ""


def hand_in(study: Study, found: Found, *, by: User, once: UUID) -> Result:
    """Put what a study found before the committee. The same `once` again is the same result.

    Raises NotPossible for somebody else's study and one that never opened, ValidationError for what cannot be shown.
    """
    if study.proposer_id != by.pk:
        raise NotPossible(_("This study is somebody else’s. Its own researcher says what it found."))
    if study.reader_id is None or study.decided_at is None:
        raise NotPossible(_("The study has not begun, so that nobody’s data were used yet. Come back once it has."))
    with transaction.atomic():
        study = locked(study)
        known = Result.objects.filter(pk=once).first()
        if known is not None:
            if (known.study_id, known.by_id) != (study.pk, by.pk):
                raise NotPossible(_("This was handed in elsewhere. Begin anew from the study’s page."))
            return known
        result = Result(pk=once, study=study, by=by, title=found.title, plain=found.plain, link=found.link)
        result.full_clean()
        result.save(force_insert=True)
        log_study("study.result-written", study, by, result=str(result.pk))
        key = f"result-waiting:{result.pk}"
        whom = (one for one in committee() if one.pk != by.pk)
        notices.tell([News(one, "desk.result-waiting", f"{key}:{one.pk}", result.pk) for one in whom])
    return result


def show(result: Result, *, by: User, reason: str) -> Result:
    """Show it to everybody who takes or took part: a line on their list, and a notice to who has not withdrawn.

    Raises NotPossible for who is not of the committee or wrote it, and for what was decided before.
    """
    with transaction.atomic():
        result = _decide(result, State.SHOWN, "study.result-shown", by=by, reason=reason)
        _tell_everybody(result)
    return result


def refuse(result: Result, *, by: User, reason: str) -> Result:
    """Leave it unshown; its researcher reads why and may hand in another. Raises NotPossible as `show` does."""
    with transaction.atomic():
        return _decide(result, State.REFUSED, "study.result-refused", by=by, reason=reason)


# --- Reads ---------------------------------------------------------------------------------------
def of_study(study: Study) -> QuerySet[Result]:
    """Return what was handed in for a study, the newest first."""
    return study.results.select_related("decided_by")


def shown_to(patient: Patient) -> QuerySet[Result]:
    """Return what was found in the studies that somebody takes or took part in, the newest first."""
    mine = Joining.objects.filter(patient=patient).values("study")
    rows = Result.objects.filter(state=State.SHOWN, study__in=mine).select_related("study__institution")
    return rows.order_by("-decided_at", "pk")


def _decide(result: Result, state: State, action: str, *, by: User, reason: str) -> Result:
    if not by.is_active or not by.has_perm(DECIDES):
        raise NotPossible(_("Only the committee decides what people read about a study. Ask one of its members."))
    if by.pk == result.by_id:
        raise NotPossible(_("You wrote this yourself. Another member decides about it."))
    if not reason.strip():
        raise NotPossible(_("Say in a few words what the decision rests on."))
    result = Result.objects.select_for_update(of=("self",)).select_related("study__reader", "by").get(pk=result.pk)
    if result.state != State.WAITING:
        raise NotPossible(_("Somebody has decided about it already. Look at it again."))
    result.state, result.decided_by, result.decided_at, result.reason = state, by, clock.now(), reason.strip()[:500]
    result.save(update_fields=["state", "decided_by", "decided_at", "reason"])
    log_study(action, result.study, by, result=str(result.pk), reason=result.reason)
    notices.notify(result.by, action, about=result.study_id, key=f"{action}:{result.pk}")
    return result


def _tell_everybody(result: Result) -> None:
    study = result.study
    parts = list(Joining.objects.filter(study=study).select_related("patient__user").order_by("pk"))
    people = sorted({one.patient_id for one in parts})
    log_people(Act.PUBLISHED, study, people, actor=party(result.by), result=str(result.pk))
    notices.tell(_news(result, parts))


def _news(result: Result, parts: Iterable[Joining]) -> list[News]:
    """Return a notice for each who stayed as long as they had agreed to; who withdrew wants no more of it."""
    stayed = {one.patient_id: one.patient for one in parts if not _withdrew(one)}
    whom = {user.pk: user for patient in stayed.values() for user in consent.whom_to_tell(patient)}
    return [News(user, "study-found", f"study-found:{result.pk}:{pk}", result.pk) for pk, user in whom.items()]


def _withdrew(one: Joining) -> bool:
    end = min(one.until, one.study.closed_at or one.until)
    return one.withdrawn_at is not None and one.withdrawn_at < end
