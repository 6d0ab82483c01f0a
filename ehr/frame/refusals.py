"""Pages for what was not done, in words that say what to do next."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _


def page(request: HttpRequest, message: str, *, title: str = "", status: int = 403) -> HttpResponse:
    """Return a page that says what was not done."""
    return render(request, "403.html", {"title": title or _("This was not done"), "message": message}, status=status)


def csrf(request: HttpRequest, reason: str = "") -> HttpResponse:  # noqa: ARG001 - the reason is for programmers
    """Return the page for a form that did not come from a page of ours, or came too late."""
    return render(request, "403.html", status=403)


def unwritable() -> str:
    """Return what is said where something typed cannot become part of a record."""
    return _("This cannot be kept as it is written. Type it anew in plain words, without pasting.")


def clock_unsure(request: HttpRequest) -> HttpResponse:
    """Return the page for the moments when nobody can say what time it is, and so what is allowed."""
    message = _("The clocks of this site disagree, so no record is opened. Try again in a minute.")
    return page(request, message, title=_("Please wait a moment"), status=503)
