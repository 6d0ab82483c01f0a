"""Permissions on their way: what a patient answered so far, kept with their session until they confirm the sentence.

A draft is for letting somebody in, for answering a request, or for changing what was agreed. Entries are kept by id.
"""

from datetime import date, datetime
from uuid import UUID

from django.http import Http404, HttpRequest
from django.urls import reverse

from consent.sharing.proposing import Narrow
from ehr.words import Action

KEY = "permissions-on-the-way"
MOST = 8
SHARE, ANSWER, CHANGE = "share", "answer", "change"
_SENTENCE = {SHARE: "patient:share-confirm", ANSWER: "patient:answer-confirm", CHANGE: "patient:change-confirm"}


def begin(request: HttpRequest, draft: UUID, kind: str, **answers: object) -> None:
    """Keep a new draft; the oldest of several is forgotten."""
    others = {name: one for name, one in request.session.get(KEY, {}).items() if name != str(draft)}
    request.session[KEY] = dict(list(others.items())[-(MOST - 1) :]) | {str(draft): {"kind": kind, **answers}}


def find(request: HttpRequest, draft: UUID, *kinds: str) -> dict:
    """Return what was answered so far, of a draft of one of these kinds, or of any. Raises Http404."""
    answers = request.session.get(KEY, {}).get(str(draft))
    if answers is None or (kinds and answers["kind"] not in kinds):
        raise Http404
    return answers


def answers(request: HttpRequest, draft: UUID) -> dict | None:
    """Return what was answered so far to a request, or None."""
    return one_of(request, draft, ANSWER)


def one_of(request: HttpRequest, draft: UUID, kind: str) -> dict | None:
    """Return what was answered so far of a draft of one kind, or None."""
    told = request.session.get(KEY, {}).get(str(draft))
    return told if told and told["kind"] == kind else None


def keep(request: HttpRequest, draft: UUID, **answers: object) -> None:
    """Add answers to a draft, in the place of earlier ones."""
    drafts = request.session[KEY]
    request.session[KEY] = drafts | {str(draft): drafts[str(draft)] | answers}


def forget(request: HttpRequest, draft: UUID) -> None:
    """Forget a draft: what came of it stands elsewhere now."""
    request.session[KEY] = {name: one for name, one in request.session.get(KEY, {}).items() if name != str(draft)}


def sentence_page(draft: UUID, kind: str) -> str:
    """Return the address of the sentence that a draft leads to."""
    return reverse(_SENTENCE[kind], args=[draft])


def awaits_ticks(answers: dict) -> bool:
    """Tell whether single entries were wanted and none is ticked yet."""
    told = answers.get("narrow", {})
    return told.get("which") == "chosen" and not told.get("entries")


def narrow(answers: dict) -> Narrow:
    """Return how a draft is narrowed. Raises ValueError where it awaits ticks: none is never all."""
    told = answers.get("narrow", {})
    if awaits_ticks(answers):
        raise ValueError("Single entries are wanted and none is ticked.")
    return Narrow(
        entries=frozenset(told["entries"]) if told.get("which") == "chosen" else frozenset(),
        record_from=_day(told.get("first")),
        record_until=_day(told.get("last")),
        places=frozenset(told.get("places", ())),
    )


def narrowed(which: Narrow) -> dict[str, object]:
    """Return the same as plain values a session keeps."""
    dated = which.record_from or which.record_until
    return {
        "which": "chosen" if which.entries else "dates" if dated else "all",
        "entries": sorted(which.entries),
        "first": which.record_from and which.record_from.isoformat(),
        "last": which.record_until and which.record_until.isoformat(),
        "places": sorted(which.places),
    }


def changed_terms(answers: dict) -> dict[str, object]:
    """Return what a change comes to, but for its parts."""
    return {
        "actions": [Action.READ, Action.WRITE] if answers["write"] else [Action.READ],
        "ends": datetime.fromisoformat(answers["ends"]),
        "narrow": narrow(answers),
    }


def _day(told: str | None) -> date | None:
    return date.fromisoformat(told) if told else None
