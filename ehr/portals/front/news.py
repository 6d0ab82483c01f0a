"""What people were told, how many they have not read yet, and how they want to be told."""

from functools import partial
from uuid import UUID

from django.contrib import auth, messages
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from ehr.frame import paging, roles
from ehr.notices import live, operations, queries
from ehr.portals.front.news_forms import Telling

PAGE = 30


@require_GET
@roles.signed_in
def notices(request: HttpRequest) -> HttpResponse:
    """All notices, newest first."""
    page = paging.page(request, queries.of(request.user), size=PAGE)
    context = {"page": page, "lines": [queries.line(notice) for notice in page], "unread": queries.unread(request.user)}
    return render(request, "front/notices.html", context)


@require_POST
@roles.signed_in
def open_notice(request: HttpRequest, notice_id: UUID) -> HttpResponse:
    """Note one notice as read, and lead to what it is about."""
    notice = get_object_or_404(queries.of(request.user), pk=notice_id)
    operations.read(user=request.user, notice=notice)
    page = queries.line(notice).page
    return redirect(roles.address_of(page) if page else "front:notices")


@require_POST
@roles.signed_in
def read_all(request: HttpRequest) -> HttpResponse:
    """Note all notices as read."""
    operations.read_all(user=request.user)
    return redirect("front:notices")


@require_http_methods(["GET", "POST"])
@roles.signed_in
def telling(request: HttpRequest) -> HttpResponse:
    """How often e-mail comes, and at which hours none does."""
    now = queries.wishes(request.user)
    initial = {"pace": now.pace, "quiet_from": now.quiet_from, "quiet_until": now.quiet_until}
    form = Telling(request.POST or None, initial=initial)
    if form.is_valid():
        operations.prefer(user=request.user, **form.cleaned_data)
        messages.success(request, _("From now on you are told as you chose."))
        return redirect("front:account")
    return render(request, "front/notices_settings.html", {"form": form})


@require_GET
def stream(request: HttpRequest) -> HttpResponse:
    """The number of unread notices, for a page that stays open; 204 where there is no more to wait for.

    A browser asks for this by itself, so it counts as nobody's doing: it keeps no session alive, shows no page in the
    background, and holds no keys while it waits.
    """
    if roles.missing_step(request):
        return HttpResponse(status=204)
    request.session.modified = False
    request.keyring = None
    inside = partial(_still_inside, type(request.session), request.session.session_key, request.user.pk)
    events = live.open_stream(request.user.pk, inside=inside)
    if events is None:
        return HttpResponse(status=204)
    response = StreamingHttpResponse(events, content_type="text/event-stream")
    response["X-Accel-Buffering"] = "no"
    return response


def _still_inside(store: type[SessionBase], session_key: str, user_id: UUID) -> bool:
    """Tell whether the session stored under this key still signs this person in."""
    asked = HttpRequest()
    asked.session = store(session_key)
    return auth.get_user(asked).pk == user_id
