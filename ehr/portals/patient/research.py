"""Research: the studies one may join, what each comes to, joining, withdrawing, and where one's data went."""

from datetime import datetime
from uuid import UUID, uuid4

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods

from appointments.payments import amounts
from consent import sentences
from consent.access import KeysLocked
from ehr.frame.forms import tick_all
from ehr.frame.roles import patient_only, with_next
from ehr.portals.patient import drafts, research_pay, story
from ehr.portals.patient.looked import open_words
from ehr.portals.patient.research_forms import JoinForm
from ehr.portals.patient.sharing_forms import ConfirmForm
from ehr.words import SENSITIVE
from patients.models import Patient
from research import budget, joining, queries
from research.budget import Budget
from research.compensation import accruing
from research.figures.words import titles
from research.leaving.told import Fate, whereabouts
from research.models import Debit, Joining, Study
from research.private import saying
from research.private.questions import Question

STUDY = "study"
FATES = {
    Fate.HELD: (gettext_lazy("With the researchers"), "plain"),
    Fate.WAITING: (gettext_lazy("About to be asked back"), "warn"),
    Fate.TOLD: (gettext_lazy("Asked back"), "warn"),
    Fate.OVERDUE: (gettext_lazy("Overdue"), "stop"),
    Fate.DESTROYED: (gettext_lazy("Destroyed"), ""),
}


def _card(study: Study) -> dict[str, object]:
    """Return a study as somebody reads it who may join it: what, by whom, which parts, until when, for what pay."""
    return {
        "id": study.pk,
        "title": study.title,
        "plain": study.plain,
        "place": study.institution.name,
        "parts": sentences.parts(set(study.categories) - SENSITIVE),
        "sensitive": sentences.parts(set(study.categories) & SENSITIVE),
        "days": bool(study.determination),
        "figures": titles(study),
        "commercial": study.commercial,
        "until": study.ends,
        "pay": amounts.words(study.pay, study.currency) if study.pay else "",
        "by_contract": bool(study.unit),
        "ethics": study.ethics_body,
    }


def _part(one: Joining) -> dict[str, object]:
    """Return one's part in a study: since when, with what, until when."""
    return {
        "id": one.pk,
        "study": one.study,
        "parts": sentences.parts(one.categories),
        "since": one.since,
        "until": one.until,
        "over_at": one.withdrawn_at or one.until,
        "withdrawn": one.withdrawn_at is not None and one.withdrawn_at < one.until,
        "grant": one.grant_id,
    }


@require_GET
@patient_only
def research(request: HttpRequest) -> HttpResponse:
    """The studies one takes part in, then those one may join."""
    mine = queries.joined_by(request.patient)
    taken = {one.study_id for one in mine}
    context = {
        "mine": [_part(one) for one in mine],
        "before": [_part(one) for one in queries.left_by(request.patient)],
        "studies": [_card(one) for one in queries.open_studies() if one.pk not in taken],
    }
    return render(request, "patient/research.html", context)


@require_http_methods(["GET", "POST"])
@patient_only
def research_study(request: HttpRequest, offered: UUID) -> HttpResponse:
    """One study in plain words, and the choice: which parts, the sensitive ones apart, and until when."""
    found = queries.open_study(offered)
    if found is None:
        raise Http404
    if any(one.study_id == found.pk for one in queries.joined_by(request.patient)):
        return redirect("patient:research")
    form = JoinForm(found, request.POST if request.method == "POST" else None)
    if "all" in request.POST and "ordinary" in form.fields:
        tick_all(form, "ordinary")
    elif form.is_bound and form.is_valid():
        draft = uuid4()
        answers = {"categories": form.categories(), "ends": form.ends().isoformat()}
        drafts.begin(request, draft, STUDY, study=str(found.pk), **answers)
        return redirect("patient:research-join", draft)
    return render(request, "patient/research_study.html", {"form": form, "one": _card(found)})


@require_http_methods(["GET", "POST"])
@patient_only
def research_join(request: HttpRequest, draft: UUID) -> HttpResponse:
    """One sentence, a tick for each sensitive part, and the button. Sent twice, one joins once."""
    answers = drafts.find(request, draft, STUDY)
    found = queries.open_study(UUID(answers["study"]))
    if found is None:
        raise Http404
    terms = {"categories": answers["categories"], "until": datetime.fromisoformat(answers["ends"])}
    try:
        proposed = joining.proposed(request.patient, found, **terms)
        form = ConfirmForm.about(
            proposed, request.POST if request.method == "POST" else None, name=_("the study %s") % found.title
        )
        if form.is_valid():
            read = answers.get("sentence")
            joining.join(request.patient, found, keyring=request.keyring, once=draft, sentence=read, **terms)
            messages.success(request, _("You take part. You can withdraw here at any time, with two clicks."))
            return redirect("patient:research")
    except joining.CannotGive as problem:
        messages.warning(request, str(problem))
        return redirect("patient:research")
    except KeysLocked:
        return redirect(with_next("front:unlock", request.path))
    drafts.keep(request, draft, sentence=proposed.sentence)
    context = {"form": form, "one": _card(found), "sentence": proposed.sentence, "until": proposed.ends}
    return render(request, "patient/research_join.html", context)


@require_http_methods(["GET", "POST"])
@patient_only
def research_withdraw(request: HttpRequest, joined: UUID) -> HttpResponse:
    """Say what withdrawing does and does not undo; then withdraw. It needs no reason and no open keys."""
    found = queries.joining_of(request.patient, joined)
    if found is None:
        raise Http404
    if request.method == "POST":
        joining.withdraw(found, keyring=request.keyring)
        messages.success(request, _("You withdrew. Nothing of yours is read for this study any more."))
        return redirect("patient:research")
    return render(request, "patient/research_withdraw.html", {"one": _part(found)})


def _went(patient: Patient) -> list[dict[str, object]]:
    """Return each release one's data are in: where they are now, and what one is due for it."""
    dues, found = accruing.by_release(patient), []
    for one in whereabouts(patient):
        due, (word, look) = dues.get(one.release), FATES[one.fate]
        pay = research_pay.told(due) if due else None
        found.append({"one": one, "fate": str(one.fate), "word": word, "look": look, "pay": pay})
    return found


def _asked(patient: Patient) -> dict[str, object] | None:
    """Return what private questions took of what may be asked about one, study by study; None where there were none."""
    shares, held = budget.shares_of(patient), budget.left_of_patient(patient)
    if not shares:
        return None
    told = [
        {
            "study": one.study.title,
            "cost": held.words(one.spent),
            "questions": [_question(row, held) for row in one.debits],
        }
        for one in shares
    ]
    return {"left": held.words(held.left), "percent": held.percent_left, "shares": told}


def _question(row: Debit, held: Budget) -> dict[str, object]:
    """Return a question in words. What the people have in common is not said: it is the researcher's own wording."""
    asked = Question.read(row.answer.question)
    return {"what": saying.what(asked), "of_whom": saying.of_whom(asked), "at": row.at, "cost": held.words(row.price)}


@require_GET
@patient_only
def research_uses(request: HttpRequest) -> HttpResponse:
    """Where my data went: each line of the log on which research had to do with this record."""
    lines = queries.uses(request.patient)
    told = [story.tell(line, me=request.user.pk, open_words=open_words(request)) for line in lines]
    went = _went(request.patient)
    context = {
        "asked": _asked(request.patient),
        "went": went,
        "days": story.by_day(told),
        "zone": timezone.get_current_timezone_name(),
    }
    return render(request, "patient/research_uses.html", context)
