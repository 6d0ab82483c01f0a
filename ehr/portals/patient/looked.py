"""Who looked: the log as a story, and questions about a line of it."""

from collections.abc import Callable, Mapping
from datetime import datetime
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from audit import cases
from audit import queries as log
from audit.models import Case
from audit.queries import Line
from consent import emergency
from consent import queries as consent
from consent.sharing import questions as officers
from ehr import clock
from ehr.frame import paging
from ehr.frame.roles import patient_only, unlocked
from ehr.portals.patient import story
from ehr.portals.patient.forms import AskForm
from ehr.rights import health_links
from patients.models import Patient

PAGE = 50
LINES_TO_COUNT = 500


def _allowed_on(patient: Patient, at: datetime) -> Mapping[UUID, datetime]:
    """Return when each of the patient's grants was made."""
    both = (*consent.who_can_see(patient, at), *consent.ended(patient, at))
    return {grant.pk: grant.made_at for grant in both}


def open_words(request: HttpRequest) -> Callable[[Line], str]:
    """Return what opens the words that a line holds for this patient; they stay shut while the keys are locked."""
    return lambda line: (
        emergency.words_on(line, request.keyring) or health_links.words_on(line, request.keyring, request.patient)
    )


@require_GET
@patient_only
def looked(request: HttpRequest) -> HttpResponse:
    """The answer first, then the lines by day."""
    patient, at = request.patient, clock.now()
    page = paging.newest_first(
        lambda before, limit: log.story(patient.pk, before=before, limit=limit),
        before=paging.cursor(request),
        size=PAGE,
        key=lambda line: line.event_id,
    )
    counted = story.looks(log.story(patient.pk, limit=LINES_TO_COUNT), me=request.user.pk, since=at - story.MONTH)
    allowed_on = _allowed_on(patient, at)
    told = [
        story.tell(line, me=request.user.pk, allowed_on=allowed_on, open_words=open_words(request))
        for line in page.items
    ]
    context = {
        "answer": story.answer(counted, story.MONTH.days),
        "days": story.by_day(told),
        "page": page,
        "zone": timezone.get_current_timezone_name(),
    }
    return render(request, "patient/looked.html", context)


@require_http_methods(["GET", "POST"])
@patient_only
@unlocked
def ask(request: HttpRequest, event: UUID) -> HttpResponse:
    """Open a case about one line."""
    line = log.find(event)
    if line is None or line.subject != request.patient.pk:
        raise Http404
    form = AskForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            officers.ask(request.patient, event_id=event, words=form.cleaned_data["words"], keyring=request.keyring)
            return redirect("patient:questions")
        except officers.NobodyToAsk as problem:
            form.add_error(None, str(problem))
    allowed_on = _allowed_on(request.patient, clock.now())
    told = story.tell(line, me=request.user.pk, allowed_on=allowed_on, open_words=open_words(request))
    return render(request, "patient/ask.html", {"form": form, "told": told})


@require_GET
@patient_only
@unlocked
def questions(request: HttpRequest) -> HttpResponse:
    """What the patient asked and what was answered, opened with their own keys."""
    page = paging.page(request, cases.of_subject(request.patient.pk), size=20)
    shown = [_question(request, case) for case in page]
    return render(request, "patient/questions.html", {"cases": shown, "page": page})


def _question(request: HttpRequest, case: Case) -> dict[str, object]:
    line = officers.line(case)
    return {
        "case": case,
        "told": story.tell(line, me=request.user.pk) if line else None,
        "answered": case.answered_at is not None,
        "said": officers.read(case, keyring=request.keyring),
    }
