"""What people were told."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from ehr.frame import paging, roles
from ehr.notices import operations, queries

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
