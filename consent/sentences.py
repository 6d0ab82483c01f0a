"""Consent in words: the one sentence that states a grant, and what a refusal says to the one refused."""

from collections.abc import Iterable
from datetime import datetime
from zoneinfo import ZoneInfo

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, override

from ehr.words import Action, Category, Purpose

# As they stand inside a sentence, after "your".
PARTS = {
    Category.BASIC: gettext_lazy("personal details"),
    Category.HISTORY: gettext_lazy("health history"),
    Category.LABS: gettext_lazy("lab results and measurements"),
    Category.TREATMENT: gettext_lazy("medicines and care plans"),
    Category.MENTAL_HEALTH: gettext_lazy("mental health notes"),
    Category.GENETIC: gettext_lazy("genetic information"),
}

PURPOSES = {
    Purpose.TREAT: gettext_lazy("to treat you"),
    Purpose.HPAYMT: gettext_lazy("to settle your bills"),
    Purpose.HOPERAT: gettext_lazy("to run their services"),
    Purpose.HRESCH: gettext_lazy("for research"),
    Purpose.PATRQT: gettext_lazy("because you asked them to"),
    Purpose.ETREAT: gettext_lazy("to treat you in an emergency"),
    Purpose.BTG: gettext_lazy("in an emergency, without asking first"),
}

# What the refused reader is told. It says nothing about the record, not even whether a part holds anything.
REFUSALS = {
    "account-inactive": gettext_lazy("Your account is not active. Ask your institution’s administrator."),
    "no-standing": gettext_lazy("Your licence is not confirmed, so no record opens. See “My credentials”."),
    "role-without-clinical-text": gettext_lazy("Your role does not include reading clinical text."),
    "no-purpose": gettext_lazy("Say what you need the record for, then open it again."),
    "not-yet": gettext_lazy(
        "{name} has given you access from a later date on. Come back then, or ask for an earlier one."
    ),
    "stopped": gettext_lazy("{name} has stopped sharing this with you. If you still need it, ask again."),
    "over": gettext_lazy("The time {name} gave you is over. If you still need the record, ask again."),
    "no-grant": gettext_lazy("{name} has not given you access. Ask {name} to share this part with you."),
    "not-in-grant": gettext_lazy("{name} has not given you access to this. Ask {name} to share this part with you."),
    "locked": gettext_lazy("Your keys are locked. Unlock them with your passphrase, then open the record again."),
    "does-not-open": gettext_lazy(
        "This file does not open: a piece of it is missing or was changed. Tell the privacy officer."
    ),
    "seal-does-not-open": gettext_lazy(
        "This permission does not match what {name} signed, so it opens nothing. The privacy officer has been told."
    ),
}


def listed(words: Iterable[object]) -> str:
    """Return words as an enumeration: "a, b and c"."""
    items = [str(word) for word in words]
    if len(items) < 2:
        return "".join(items)
    return _("%(first)s and %(last)s") % {"first": ", ".join(items[:-1]), "last": items[-1]}


def parts(categories: Iterable[str]) -> str:
    """Return the parts of a record in words, in the order in which they are always listed."""
    chosen = set(categories)
    return listed(PARTS[category] for category in Category if category in chosen)


def grant_sentence(
    *,
    reader: str,
    place: str,
    categories: Iterable[str],
    actions: Iterable[str],
    purpose: str,
    starts: datetime,
    ends: datetime,
    now: datetime,
    zone: str,
    language: str,
) -> str:
    """Return the sentence a patient confirms, in their language and zone. The grant keeps it word for word."""
    with override(language):
        here = ZoneInfo(zone)
        facts = {
            "reader": f"{reader}, {place}," if place else reader,
            "verb": _("see and add to") if Action.WRITE in set(actions) else _("see"),
            "parts": parts(categories),
            "why": PURPOSES[Purpose(purpose)],
            "until": date_format(ends.astimezone(here), "j F Y, H:i"),
            "from": date_format(starts.astimezone(here), "j F Y, H:i"),
        }
        if starts > now:
            return (
                _(
                    "%(reader)s may %(verb)s your %(parts)s from %(from)s until %(until)s, %(why)s. "
                    "You can stop this at any time."
                )
                % facts
            )
        return (
            _("%(reader)s may %(verb)s your %(parts)s until %(until)s, %(why)s. You can stop this at any time.") % facts
        )


def refusal(because: str, *, name: str, standing_message: str = "") -> str:
    """Return what a refused reader is told and what to do next. Loss of standing has its own words."""
    if because in REFUSALS:
        return str(REFUSALS[because]).format(name=name)
    return standing_message or str(REFUSALS["no-standing"])
