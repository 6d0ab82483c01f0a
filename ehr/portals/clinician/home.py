"""The dashboard: whom one may see, what is new there, what ends soon, what one asked for."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET

from consent import reach, sentences
from consent.queries import Reachable
from consent.sharing import requests
from ehr import clock
from ehr.frame import paging
from ehr.frame.roles import clinician_only
from ehr.portals.clinician import words
from ehr.portals.clinician.emergency import held_here
from ehr.words import Category
from patients import queries as patients
from providers.queries import standing

SOON_DAYS = 7
NEW_WITHIN = timedelta(days=7)
PAGE = 25


@dataclass(frozen=True)
class Row:
    """One patient on the dashboard, told from what stands in clear: nothing was opened."""

    reachable: Reachable
    age: str
    parts: str
    left: str
    soon: bool
    news: str


@require_GET
@clinician_only
def home(request: HttpRequest) -> HttpResponse:
    """My patients, soonest ending first among those that end soon, then by name."""
    at = clock.now()
    found = reach.list_patients(request.user)
    page = paging.page(request, sorted(found, key=lambda one: _order(one, at)), size=PAGE)
    news = patients.new_entries([one.patient for one in page], since=at - NEW_WITHIN, besides=request.user)
    rows = [_row(one, news.get(one.patient.pk, []), at) for one in page]
    sent = list(requests.sent(request.user)[:5])
    urgent = held_here(request)
    reach.name([one.patient for one in [*sent, *urgent]], to=request.user, because="requests")
    context = {
        "urgent": urgent,
        "standing": standing(request.user, at),
        "rows": rows,
        "page": page,
        "soon": sum(one.ends_within(at, SOON_DAYS) for one in found),
        "asked": [words.asked(one, at) for one in sent],
    }
    return render(request, "clinician/home.html", context)


def _order(one: Reachable, at: datetime) -> tuple:
    soon = one.ends_within(at, SOON_DAYS)
    return (not soon, one.ends if soon else at, one.patient.name.casefold())


def _row(one: Reachable, new: list[frozenset[str]], at: datetime) -> Row:
    return Row(
        reachable=one,
        age=words.age(one.patient.birth_date, at),
        parts=_("the whole record") if set(one.categories) == set(Category) else sentences.parts(one.categories),
        left=words.left(one.ends, at),
        soon=one.ends_within(at, SOON_DAYS),
        news=_news(one, new),
    )


def _news(one: Reachable, new: list[frozenset[str]]) -> str:
    """Say how much is new in the parts this reader may read. An entry in two parts needs both."""
    counted = Counter(min(parts) for parts in new if parts <= one.readable)
    told = [
        ngettext("%(number)s in %(part)s", "%(number)s in %(part)s", counted[part])
        % {"number": counted[part], "part": sentences.PARTS[part]}
        for part in Category
        if counted[part]
    ]
    return _("New in the last 7 days: %(what)s") % {"what": sentences.listed(told)} if told else ""
