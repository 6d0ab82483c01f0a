"""What other systems say that the patient agreed to: read it, then decide anew, or put it aside."""

from uuid import UUID, uuid4

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from consent import sentences
from consent.models import ConsentDraft
from consent.sharing import incoming
from ehr.frame.roles import patient_only, unlocked
from ehr.portals.patient import drafts
from ehr.words import Action
from providers.queries import directory_line
from providers.team_queries import team_line

# What of it could not be taken over, by the machine words of `consent.proposed`.
UNCLEAR = {
    "reader": gettext_lazy("We do not know for certain whom it means. Find them in the directory, and choose them."),
    "all-parts": gettext_lazy("It names no parts. The sensitive ones stay closed unless you tick them."),
    "labels": gettext_lazy("It names kinds of information that we do not know. Tick the parts yourself."),
    "classes": gettext_lazy("It names kinds of documents that we do not know. Tick the parts yourself."),
    "codes": gettext_lazy("It is only about certain matters. A part is more than that; choose single entries instead."),
    "entries": gettext_lazy("It is only about certain entries. Choose them one by one, if you want to share those."),
    "record-dates": gettext_lazy("It is only about a certain time. Narrow it to that time, if you want to."),
    "actions": gettext_lazy("It lets them do things that nobody does here. They may read, and add where you say so."),
    "exceptions": gettext_lazy("It makes exceptions. They are not taken over: look at what you tick."),
    "purpose": gettext_lazy("It is for something else than treating you. What you share here is for treating you."),
    "start": gettext_lazy("It begins when it is over. Choose the days yourself."),
    "end": gettext_lazy("It names no last day. You choose one."),
}


def line(one: ConsentDraft) -> dict[str, object]:
    """Return a draft as a line: whom, what, from where."""
    known = _known(one)
    return {
        "id": one.pk,
        "name": known.name if known else "",
        "known": known,
        "parts": sentences.parts(one.categories),
        "may_write": Action.WRITE in one.actions,
        "ends": one.ends,
        "source": one.source,
        "unclear": [UNCLEAR[word] for word in one.unclear if word in UNCLEAR],
        "received_at": one.received_at,
        "lapses_at": one.lapses_at,
    }


def _known(one: ConsentDraft):
    """Return whom the directory has for a draft now, or None."""
    if one.reader is None:
        return None
    return directory_line(one.reader.user_id) if one.reader.user_id else team_line(one.reader_id)


def _find(request: HttpRequest, proposal: UUID) -> ConsentDraft:
    found = incoming.of_patient(request.patient, proposal)
    if found is None:
        raise Http404
    return found


@require_GET
@patient_only
@unlocked
def proposed(request: HttpRequest, proposal: UUID) -> HttpResponse:
    """What was sent, by whom, and what of it is not clear."""
    found = _find(request, proposal)
    context = {"one": line(found), "named": incoming.named(found, request.keyring)}
    return render(request, "patient/proposed.html", context)


@require_POST
@patient_only
def take_up(request: HttpRequest, proposal: UUID) -> HttpResponse:
    """Go on as with any permission: the parts are ticked as proposed, and everything can be changed before signing."""
    found = _find(request, proposal)
    known = _known(found)
    incoming.take_up(found, by=request.user)
    if known is None:
        messages.info(request, _("Find the person here, then choose what they may see."))
        return redirect("patient:find")
    begun = uuid4()
    reader = found.reader.user_id or found.reader_id
    told = {"categories": found.categories, "write": Action.WRITE in found.actions}
    drafts.begin(request, begun, drafts.SHARE, reader=str(reader), **told)
    return redirect("patient:share-what", begun)


@require_POST
@patient_only
def dismiss(request: HttpRequest, proposal: UUID) -> HttpResponse:
    """Put it aside. Nothing was open because of it, and its sender is not told."""
    incoming.dismiss(_find(request, proposal), by=request.user)
    messages.success(request, _("Put aside. It never opened anything, and who sent it is not told."))
    return redirect("patient:requests")
