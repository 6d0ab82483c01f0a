# ruff: noqa: ARG002 - the hooks of a worklist share one signature
"""A worklist: lines to go through, a page for each with what is known and what may be done. Nothing is edited in place.

A subclass says how its rows read (`line`, `facts`) and which acts there are (`acts`). An act is a verb of a floor
below, put behind a button with a form; the verb decides whether it may happen, never this room.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django import forms
from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from audit import cases
from consent.escrow import NotReleased
from consent.sharing.arrivals import ClaimRefused
from ehr import clock
from ehr.accounts.operations import Refused
from patients.operations import AlreadyKnown, CannotCheck
from providers.rules import NotPossible

PAGE = 25
Words = str | Promise
Facts = Sequence[tuple[Words, object]]
# How the floors say that something cannot be done; the text is for the person who asked.
STOPS = (NotPossible, Refused, cases.NotPossible, ClaimRefused, NotReleased, CannotCheck, AlreadyKnown)


class Reason(forms.Form):
    """Why: asked of every decision, read by whom it concerns."""

    reason = forms.CharField(
        label=_("What the decision rests on"),
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("The person concerned reads this. No health information."),
    )


class Nothing(forms.Form):
    """Nothing to fill in: the button says it all."""


@dataclass(frozen=True)
class Line:
    """One row as it reads in a list."""

    title: Words
    said: Words
    tag: Words = ""
    look: str = ""  # "", warn, stop or plain, as in parts/tag.html
    since: datetime | None = None
    url: str = ""


@dataclass(frozen=True)
class Queue:
    """What waits, on the desk's first page."""

    title: Words
    count: int
    url: str
    late: bool = False
    oldest: datetime | None = None


@dataclass(frozen=True)
class Act:
    """One button: its name in the address, its words, its form, and the verb called as verb(row, by=…, **form)."""

    name: str
    label: Words
    verb: Callable[..., object]
    done: Words
    help: Words = ""
    form: type[forms.Form] = Reason
    grave: bool = False
    page: str = ""  # a template that shows, this once, what the verb returned; without one the row is shown again


@dataclass(frozen=True)
class Section:
    """A headed group of facts on a row's page."""

    title: Words
    facts: Facts = field(default_factory=tuple)
    lines: Sequence[Line] = field(default_factory=tuple)


class Worklist(ModelAdmin):
    """Rows that somebody at the desk goes through. Adding, changing and deleting by Django's own forms is closed."""

    title: Words = ""
    lede: Words = ""
    empty: Words = _("Nothing waits here.")
    # (name in the address, words): the first is shown when the address names none.
    views: Sequence[tuple[str, Words]] = (("all", _("All")),)
    new_form: type[forms.Form] | None = None
    new_label: Words = ""
    actions = None

    # --- What a subclass says ----------------------------------------------------------------------

    def line(self, row) -> Line:
        """Return how a row reads in the list."""
        return Line(title=str(row), said="")

    def facts(self, row) -> Facts:
        """Return what is known about a row, as (name, value); nothing beyond its line where a list says no more."""
        return ()

    def sections(self, request: HttpRequest, row) -> list[Section]:
        """Return further groups of facts."""
        return []

    def notes(self, request: HttpRequest, row) -> list[str]:
        """Return what must be known before deciding, in sentences."""
        return []

    def acts(self, request: HttpRequest, row) -> list[Act]:
        """Return the buttons that fit this row now for this person."""
        return []

    def rows(self, request: HttpRequest, view: str) -> QuerySet:
        """Return the rows of one view, in the order in which they should be gone through."""
        return self.get_queryset(request)

    def found(self, rows: QuerySet, words: str) -> QuerySet:
        """Narrow rows to what somebody searches for."""
        return rows

    def seen(self, request: HttpRequest, rows: Sequence) -> None:
        """Leave the lines of a page that names people, before it is made."""

    def before(self, request: HttpRequest, row) -> HttpResponse | None:
        """Do what comes before a row is shown; return a response to show that instead."""
        return None

    def queues(self, request: HttpRequest) -> list[Queue]:
        """Return what waits here, for the first page."""
        return []

    def make(self, request: HttpRequest, **asked):
        """Make a new row from a filled-in `new_form`, and return it. Raises Http404 where a list has no such form."""
        raise Http404

    def form_of_new(self, request: HttpRequest) -> Callable[..., forms.Form]:
        """Return what makes the form for a new row, where that depends on who fills it in."""
        return self.new_form or Nothing

    # --- Who may -----------------------------------------------------------------------------------

    def has_add_permission(self, request) -> bool:
        return False

    def has_change_permission(self, request, obj=None) -> bool:
        return False

    def has_delete_permission(self, request, obj=None) -> bool:
        return False

    def may_make(self, request: HttpRequest) -> bool:
        """Say whether this person is offered the form for a new row."""
        return False

    # --- Pages -------------------------------------------------------------------------------------

    def pages(self, prefix: str) -> list[URLPattern]:
        """Return the addresses of this worklist under the desk."""
        name = f"{self.opts.app_label}_{self.opts.model_name}"
        view = self.admin_site.admin_view
        pages = [path(prefix, view(self.list_page), name=f"{name}_changelist")]
        if self.new_form:
            pages.append(path(f"{prefix}new/", view(self.new_page), name=f"{name}_add"))
        pages += [
            path(f"{prefix}<str:pk>/{tail}", view(page), name=f"{name}_{tag}") for tail, page, tag in self.extra()
        ]
        return [
            *pages,
            path(f"{prefix}<str:pk>/", view(self.row_page), name=f"{name}_change"),
            path(f"{prefix}<str:pk>/do/<slug:act>/", view(self.act_page), name=f"{name}_act"),
        ]

    def extra(self) -> list[tuple[str, Callable, str]]:
        """Return further pages of a row, as (tail of the address, view, name)."""
        return []

    def address(self, tag: str = "changelist", *args) -> str:
        """Return the address of one of this worklist's pages."""
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_{tag}", args=args)

    def list_page(self, request: HttpRequest) -> HttpResponse:
        """Show one view of the list, searched and a page at a time."""
        if not self.has_view_permission(request):
            raise Http404
        names = [name for name, _words in self.views]
        shown = request.GET.get("view", names[0])
        if shown not in names:
            raise Http404
        words = request.GET.get("words", "").replace("\0", "")[:100].strip()
        rows = self.rows(request, shown)
        page = Paginator(self.found(rows, words) if words else rows, PAGE).get_page(request.GET.get("page", 1))
        self.seen(request, list(page))
        context = {
            "worklist": self,
            "page": page,
            "lines": [self._with_address(row) for row in page],
            "shown": shown,
            "words": words,
            "new": self.address("add") if self.new_form and self.may_make(request) else "",
            "searchable": type(self).found is not Worklist.found,
        }
        return render(request, "desk/list.html", context)

    def _with_address(self, row) -> Line:
        line = self.line(row)
        return line if line.url else Line(**{**vars(line), "url": self.address("change", row.pk)})

    def row(self, request: HttpRequest, pk: str):
        """Return the row this person may see. Raises Http404 for any other: hidden things do not exist."""
        if not self.has_view_permission(request):
            raise Http404
        try:
            found = self.get_queryset(request).filter(pk=pk).first()
        except (ValueError, ValidationError) as misspelt:
            raise Http404 from misspelt
        if found is None:
            raise Http404
        return found

    def row_page(self, request: HttpRequest, pk: str) -> HttpResponse:
        """Show one row with its acts, each with its own form."""
        return self._show(request, self.row(request, pk))

    def _show(self, request: HttpRequest, row, *, tried: str = "", form: forms.Form | None = None) -> HttpResponse:
        if instead := self.before(request, row):
            return instead
        self.seen(request, [row])
        acts = self.acts(request, row)
        forms_shown = [form if act.name == tried else act.form(prefix=act.name) for act in acts]
        context = {
            "worklist": self,
            "row": row,
            "line": self.line(row),
            "facts": self.facts(row),
            "sections": self.sections(request, row),
            "notes": self.notes(request, row),
            "acts": [
                (act, shown, self.address("act", row.pk, act.name))
                for act, shown in zip(acts, forms_shown, strict=True)
            ],
            "form": form,
        }
        return render(request, "desk/row.html", context, status=422 if form else 200)

    def act_page(self, request: HttpRequest, pk: str, act: str) -> HttpResponse:
        """Do one act on one row, and show the row again with what came of it."""
        return _post_only(self._act_page)(request, pk, act)

    def _act_page(self, request: HttpRequest, pk: str, act: str) -> HttpResponse:
        row = self.row(request, pk)
        chosen = next((one for one in self.acts(request, row) if one.name == act), None)
        if chosen is None:
            raise Http404
        form = chosen.form(request.POST, prefix=chosen.name)
        if not form.is_valid():
            return self._show(request, row, tried=act, form=form)
        try:
            came = chosen.verb(row, by=request.user, **form.cleaned_data)
        except STOPS as stop:
            form.add_error(None, str(stop))
            return self._show(request, row, tried=act, form=form)
        if chosen.page:
            return render(request, chosen.page, {"worklist": self, "row": row, "came": came, "done": chosen.done})
        messages.success(request, chosen.done)
        return redirect(self.address("change", row.pk) if self._still_there(request, row) else self.address())

    def _still_there(self, request: HttpRequest, row) -> bool:
        return self.get_queryset(request).filter(pk=row.pk).exists()

    def new_page(self, request: HttpRequest) -> HttpResponse:
        """Ask for a new row, and make it by the floor's own verb."""
        if not (self.has_view_permission(request) and self.may_make(request)):
            raise Http404
        form = self.form_of_new(request)(request.POST or None)
        if form.is_valid():
            try:
                return redirect(self.address("change", self.make(request, **form.cleaned_data).pk))
            except STOPS as stop:
                form.add_error(None, str(stop))
            except ValidationError as wrong:
                form.add_error(None, wrong.messages)
        status = 422 if form.is_bound else 200
        return render(request, "desk/new.html", {"worklist": self, "form": form}, status=status)


_post_only = require_http_methods(["POST"])


def waiting(title: Words, rows: QuerySet, url: str, *, since: str, late_after=None) -> Queue:
    """Return a queue over rows that wait since the moment in a field; late when the oldest waits longer than that."""
    oldest = rows.order_by(since).values_list(since, flat=True).first()
    late = bool(oldest and late_after and clock.now() - oldest > late_after)
    return Queue(title=title, count=rows.count(), url=url, late=late, oldest=oldest)
