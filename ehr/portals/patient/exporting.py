"""Taking the whole record along: asked for with the passphrase, made at once, saved once within a day."""

from uuid import UUID

from django.contrib.humanize.templatetags.humanize import intcomma
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from audit import queries as log
from ehr.frame import proving, seal_picture
from ehr.frame.roles import patient_only, unlocked
from ehr.portals.patient import looked, story
from ehr.portals.patient.rights_forms import WholeForm
from ehr.rights import export
from ehr.rights.packing import Told
from ehr.rights.paper import Look, NotSet, Seal

MOST_LINES = 2000


@require_http_methods(["GET", "POST"])
@patient_only
@unlocked
def whole(request: HttpRequest) -> HttpResponse:
    """Say what the file holds; then ask once more who it is, and make it."""
    form = WholeForm(request.user, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        told = form.cleaned_data
        try:
            proving.prove_again(request, passphrase=told["passphrase"], code=told.get("code", ""))
            made = export.make(request.patient, keyring=request.keyring, told=_told(request), once=told["once"])
            return redirect("patient:whole-ready", made.pk)
        except proving.NotProven as problem:
            form.add_error(problem.field, str(problem))
        except NotSet:
            form.add_error(None, _("The paper could not be set just now, so nothing was made. Try again in a minute."))
    return render(request, "patient/whole.html", {"form": form})


@require_http_methods(["GET", "POST"])
@patient_only
@unlocked
def ready(request: HttpRequest, package: UUID) -> HttpResponse:
    """The file waits; pressing the button saves it, this once."""
    found = export.waiting(request.patient, package)
    if request.method == "GET":
        return render(request, "patient/whole_ready.html", {"package": found}, status=200 if found else 404)
    try:
        pieces = export.take(request.patient, package, keyring=request.keyring)
    except export.Gone as gone:
        raise Http404 from gone
    response = StreamingHttpResponse(pieces, content_type="application/zip")
    response["Content-Length"] = str(found.size)
    response["Content-Disposition"] = 'attachment; filename="my-whole-record.zip"'
    response["X-Content-Type-Options"] = "nosniff"
    return response


def _told(request: HttpRequest) -> Told:
    """Return the list in its patient's words, and the seal as it is now."""
    lines = log.story(request.patient.pk, limit=MOST_LINES)
    told = [story.tell(line, me=request.user.pk, open_words=looked.open_words(request)) for line in lines]
    looks = [
        Look(", ".join(filter(None, (one.who, one.place))), " ".join(filter(None, (one.words, one.quote))), _at(one.at))
        for one in told
    ]
    head = log.head()
    words = [
        _("Nobody can remove a line from the log without it showing."),
        ngettext("%(lines)s line is in it.", "%(lines)s lines are in it.", head.size) % {"lines": intcomma(head.size)},
    ]
    if head.checkpoint_at:
        words.append(_("Last signed %(moment)s.") % {"moment": _at(head.checkpoint_at)})
    words.append(_("In the folder log is the list, and the program by which your own computer checks it."))
    return Told(looks, Seal(seal_picture.svg(bytes(head.root)), words))


def _at(moment) -> str:
    local = timezone.localtime(moment)
    return f"{date_format(local, 'j F Y')}, {date_format(local, 'H:i')}"
