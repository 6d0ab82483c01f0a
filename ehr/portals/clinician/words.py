"""Small things said in several places: an age, how long is left, what became of a request."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from consent import sentences
from consent.countries import names as country_names
from consent.models import AccessRequest
from consent.sharing import correspondence, requests
from consent.sharing.correspondence import Message
from ehr.accounts.keyrings import OpenKeyring
from ehr.words import Action, Purpose

PURPOSES = {
    Purpose.TREAT: gettext_lazy("for treatment"),
    Purpose.HPAYMT: gettext_lazy("for billing"),
    Purpose.HOPERAT: gettext_lazy("to run services"),
    Purpose.HRESCH: gettext_lazy("for research"),
    Purpose.PATRQT: gettext_lazy("at the patient’s request"),
    Purpose.ETREAT: gettext_lazy("for emergency treatment"),
    Purpose.BTG: gettext_lazy("in an emergency"),
}
_MONTHS_UNTIL = 24  # below two years, months say more


def age(born: date, at: datetime) -> str:
    """Return "42 years", or months for the smallest, on the day it is for the reader."""
    today = timezone.localtime(at).date()
    months = (today.year - born.year) * 12 + today.month - born.month - (today.day < born.day)
    if months < _MONTHS_UNTIL:
        return ngettext("%(number)s month", "%(number)s months", max(months, 0)) % {"number": max(months, 0)}
    return ngettext("%(number)s year", "%(number)s years", months // 12) % {"number": months // 12}


def left(ends: datetime, at: datetime) -> str:
    """Return "29 days left", "5 hours left", "12 minutes left": rounded down, so that nobody counts on too much."""
    remains = max(ends - at, timedelta())
    hours = int(remains.total_seconds() // 3600)
    if remains.days >= 2:
        return ngettext("%(number)s day left", "%(number)s days left", remains.days) % {"number": remains.days}
    if hours:
        return ngettext("%(number)s hour left", "%(number)s hours left", hours) % {"number": hours}
    minutes = int(remains.total_seconds() // 60)
    return ngettext("%(number)s minute left", "%(number)s minutes left", minutes) % {"number": minutes}


@dataclass(frozen=True)
class Asked:
    """One request of one's own, in words. `look` names the colour that goes with the word."""

    id: UUID
    patient_id: UUID
    name: str
    parts: str
    asked_at: datetime
    days: int
    may_write: bool
    state: str
    tag: str
    look: str
    detail: str
    open: bool
    reaches: bool
    asked_why_at: datetime | None = None
    replied_at: datetime | None = None
    question: Message | None = None  # None also while the keys are locked
    form: object = None  # for the answer, where it is written beside the line


_TAGS = {
    "asked": (gettext_lazy("Waiting"), ""),
    "approved": (gettext_lazy("Approved"), ""),
    "declined": (gettext_lazy("Declined"), "stop"),
    "withdrawn": (gettext_lazy("Withdrawn"), "plain"),
    "lapsed": (gettext_lazy("Lapsed"), "plain"),
}


def asked(request: AccessRequest, at: datetime, *, keyring: OpenKeyring | None = None) -> Asked:
    """Return a request of one's own as it stands at a moment; with open keys also what its patient asked back."""
    state = requests.state(request, at)
    tag, look = _TAGS[state]
    grant = request.grant
    over = grant is not None and (grant.ends <= at or getattr(grant, "ending", None) is not None)
    details = {
        "asked": _("It lapses if nobody answers in time."),
        "lapsed": _("Nobody answered for 14 days. You can ask again."),
        "approved": _approved(grant, over),
    }
    return Asked(
        id=request.pk,
        patient_id=request.patient_id,
        name=request.patient.name,
        parts=what_was_asked(request),
        asked_at=request.asked_at,
        days=request.days,
        may_write=Action.WRITE in request.actions,
        state=state,
        tag=str(tag),
        look=look,
        detail=details.get(state, ""),
        open=state == "asked",
        reaches=grant is not None and not over,
        asked_why_at=request.question_at,
        replied_at=request.reply_at,
        question=correspondence.read_question(request, keyring) if keyring and request.question else None,
    )


def what_was_asked(request: AccessRequest) -> str:
    """Return what a request is about: parts, or single entries of them, and of which time."""
    return narrowed(
        request.categories, len(request.entries), first=request.record_from, last=request.record_until, places=()
    )


def narrowed(
    categories: Iterable[str], entries: int, *, first: date | None, last: date | None, places: Iterable[str]
) -> str:
    """Return parts in words, with what narrows them behind: "lab results (2 chosen entries; only in Canada)"."""
    dates = {"first": date_format(first, "j F Y") if first else "", "last": date_format(last, "j F Y") if last else ""}
    told = [
        ngettext("%(number)s chosen entry", "%(number)s chosen entries", entries) % {"number": entries}
        if entries
        else "",
        _("recorded from %(first)s to %(last)s") % dates if first and last else "",
        _("recorded from %(first)s on") % dates if first and not last else "",
        _("recorded up to %(last)s") % dates if last and not first else "",
        _("only in %(places)s") % {"places": sentences.listed(country_names()[one] for one in sorted(places))}
        if places
        else "",
    ]
    parts, said = sentences.parts(categories), "; ".join(one for one in told if one)
    return f"{parts} ({said})" if said else parts


def _approved(grant, over: bool) -> str:
    if grant is None:
        return ""
    if over:
        return _("What you were given has ended.")
    given = narrowed(
        grant.categories,
        len(grant.entries),
        first=grant.record_from,
        last=grant.record_until,
        places=grant.places,
    )
    return _("You may see: %(parts)s.") % {"parts": given}
