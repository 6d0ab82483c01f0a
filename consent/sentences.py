"""Consent in words: the one sentence that states a grant, and what a refusal says to the one refused."""

from collections.abc import Iterable
from datetime import date, datetime
from zoneinfo import ZoneInfo

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, override

from consent.countries import names as country_names
from ehr.words import Action, Category, Purpose

# As they stand inside a sentence, after "your".
PARTS = {
    Category.BASIC: gettext_lazy("personal details"),
    Category.HISTORY: gettext_lazy("health history"),
    Category.LABS: gettext_lazy("lab results and measurements"),
    Category.TREATMENT: gettext_lazy("medicines and care plans"),
    Category.MENTAL_HEALTH: gettext_lazy("mental health notes and other private matters"),
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

# As what somebody acts for a patient, as it stands after "as your", by the values of `Delegation.Basis`.
AS_YOUR = {
    "parent": gettext_lazy("parent or guardian"),
    "carer": gettext_lazy("carer"),
    "attorney": gettext_lazy("attorney"),
}

# What the refused reader is told. It says nothing about the record, not even whether a part holds anything.
REFUSALS = {
    "account-inactive": gettext_lazy("Your account is not active. Ask your institution’s administrator."),
    "no-standing": gettext_lazy("Your licence is not confirmed, so no record opens. See “My credentials”."),
    "role-without-clinical-text": gettext_lazy(
        "Your role does not include reading clinical text. Ask a physician or nurse who looks after the patient."
    ),
    "no-purpose": gettext_lazy("Say what you need the record for, then open it again."),
    "not-yet": gettext_lazy(
        "{name} has given you access from a later date on. Come back then, or ask for an earlier one."
    ),
    "stopped": gettext_lazy("{name} has stopped sharing this with you. If you still need it, ask again."),
    "over": gettext_lazy("The time {name} gave you is over. If you still need the record, ask again."),
    "no-grant": gettext_lazy("{name} has not given you access. Ask {name} to share this part with you."),
    "restricted": gettext_lazy("This record is held still at the moment. The privacy officer can tell you more."),
    "not-assigned": gettext_lazy(
        "You are not assigned to {name} at the moment. Ask your team’s lead to assign you, then open the record again."
    ),
    "team-keys-wait": gettext_lazy(
        "Your team’s keys have not been handed to you yet. It happens by itself as soon as a colleague from the team "
        "is signed in; then open the record again."
    ),
    "keys-wait": gettext_lazy(
        "{name} shared this before an update, and its keys are made anew the next time {name} is signed in. "
        "Ask {name} to do so, then open the record again."
    ),
    "place": gettext_lazy(
        "{name} shares this only in countries they named, and yours is not one of them. Ask {name} to add it."
    ),
    "place-unknown": gettext_lazy(
        "{name} shares this only in countries they named, and we cannot tell which one you are in. "
        "Use your institution’s network, or ask {name} to share it without naming countries."
    ),
    "role-without-emergency": gettext_lazy(
        "Your role does not include emergency access. Ask a physician or the emergency team to open the record."
    ),
    "emergency-over": gettext_lazy("Your emergency access is over. If the emergency goes on, give the reason anew."),
    "emergency-keys-over": gettext_lazy(
        "This record was locked anew since you opened it, so the keys you were given open nothing more. "
        "If the emergency goes on, give the reason anew."
    ),
    "barred-in-emergency": gettext_lazy(
        "{name} keeps this part shut even in an emergency, as the law here allows. Ask {name}, or treat without it."
    ),
    "not-in-grant": gettext_lazy("{name} has not given you access to this. Ask {name} to share this part with you."),
    "only-dispensing": gettext_lazy(
        "As a pharmacist you record what you hand out for a prescription that {name} shared with you, and nothing "
        "else. Ask {name} to share the prescription."
    ),
    "app-withdrawn": gettext_lazy(
        "This app is no longer in use here, so it opens nothing of {name}’s record. Ask who makes it what to use now."
    ),
    "no-run": gettext_lazy(
        "A study reads in a run that its committee approved, and in no other way. Ask the committee to let one read."
    ),
    "not-in-scope": gettext_lazy(
        "What this program was allowed to ask for does not include this. Sign in with it again and let it ask for more."
    ),
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
    entries: int = 0,
    record_from: date | None = None,
    record_until: date | None = None,
    places: Iterable[str] = (),
    report_days: int | None = None,
    legal_copy: bool = False,
    by: str = "",
    app: bool = False,
    study: bool = False,
) -> str:
    """Return the sentence a patient confirms, in their language and zone. The grant keeps it word for word.

    `by` names who confirms it for them; `app` says that the reader is a program, `study` that it is a study.
    """
    with override(language):
        here = ZoneInfo(zone)
        facts = {
            "reader": f"{reader}, {place}," if place else reader,
            "verb": _("see and add to") if Action.WRITE in set(actions) else _("see"),
            "what": _what(categories, entries, record_from, record_until),
            "when": _when(starts, ends, now, here, report_days),
            "where": _where(places),
            "why": PURPOSES[Purpose(purpose)],
        }
        if app:
            return (
                _("The app %(reader)s may %(verb)s %(what)s %(when)s%(where)s, for you. You can stop this at any time.")
                % facts
            )
        if study:
            return (
                _(
                    "The study “%(reader)s” may use %(what)s %(when)s, for research. Nobody there is told who you are. "
                    "You can withdraw at any time."
                )
                % facts
            )
        if legal_copy:
            facts["parts"] = parts(categories)
            return (
                _(
                    "%(reader)s keeps what was written there in your %(parts)s, as the law requires, %(when)s. "
                    "Nothing new, and nothing that others wrote, opens there."
                )
                % facts
            )
        told = _("%(reader)s may %(verb)s %(what)s %(when)s%(where)s, %(why)s. You can stop this at any time.") % facts
        return told if not by else told + " " + _("%(name)s agrees to this for you.") % {"name": by}


def _what(categories: Iterable[str], entries: int, record_from: date | None, record_until: date | None) -> str:
    facts = {
        "parts": parts(categories),
        "count": entries,
        "first": date_format(record_from, "j F Y") if record_from else "",
        "last": date_format(record_until, "j F Y") if record_until else "",
    }
    if entries:
        told = ngettext(
            "one entry that you chose from your %(parts)s",
            "%(count)s entries that you chose from your %(parts)s",
            entries,
        )
    elif record_from and record_until:
        told = _("what was recorded from %(first)s to %(last)s of your %(parts)s")
    elif record_until:
        told = _("what was recorded up to %(last)s of your %(parts)s")
    elif record_from:
        told = _("what was or is recorded from %(first)s on of your %(parts)s")
    else:
        told = _("your %(parts)s")
    return told % facts


def _when(starts: datetime, ends: datetime, now: datetime, here: ZoneInfo, report_days: int | None) -> str:
    facts = {
        "until": date_format(ends.astimezone(here), "j F Y, H:i"),
        "from": date_format(starts.astimezone(here), "j F Y, H:i"),
        "days": report_days,
    }
    told = _("from %(from)s until %(until)s") if starts > now else _("until %(until)s")
    if report_days is not None:
        told += ngettext(
            ", at most %(days)s day after their report", ", at most %(days)s days after their report", report_days
        )
    return told % facts


def _where(places: Iterable[str]) -> str:
    named = [country_names()[code] for code in sorted(places)]
    return _(", only while they are in %(places)s") % {"places": listed(named)} if named else ""


def mandate_sentence(
    *,
    referrer: str,
    categories: Iterable[str],
    roles: Iterable[str],
    days: int,
    until: datetime,
    zone: str,
    language: str,
) -> str:
    """Return the sentence a patient confirms who lets a referrer pass on. The mandate keeps it word for word."""
    with override(language):
        facts = {
            "referrer": referrer,
            "parts": parts(categories),
            "whom": listed_or(MANDATED[role] for role in roles),
            "days": days,
            "until": date_format(until.astimezone(ZoneInfo(zone)), "j F Y, H:i"),
        }
        return (
            ngettext(
                "Until %(until)s, %(referrer)s may let %(whom)s see your %(parts)s for up to %(days)s day each time, "
                "without asking you first. You are told each time, and can stop each one.",
                "Until %(until)s, %(referrer)s may let %(whom)s see your %(parts)s for up to %(days)s days each time, "
                "without asking you first. You are told each time, and can stop each one.",
                days,
            )
            % facts
        )


# Those to whom something may be passed on under a mandate, as they stand inside a sentence.
MANDATED = {
    "specialist": gettext_lazy("a specialist"),
    "primary-physician": gettext_lazy("another physician"),
    "nurse": gettext_lazy("a nurse"),
}


def block_sentence(name: str, *, language: str) -> str:
    """Return in a patient's language that they keep somebody out by name."""
    with override(language):
        return _("%(name)s sees nothing of my record, whatever else I have agreed to.") % {"name": name}


def opt_out_sentence(part: str, *, language: str) -> str:
    """Return in a patient's language that a part stays shut in an emergency."""
    with override(language):
        return _("Even in an emergency, my %(part)s stay shut where the law lets me say so.") % {
            "part": PARTS[Category(part)]
        }


def listed_or(words: Iterable[object]) -> str:
    """Return words as a choice: "a, b or c"."""
    items = [str(word) for word in words]
    if len(items) < 2:
        return "".join(items)
    return _("%(first)s or %(last)s") % {"first": ", ".join(items[:-1]), "last": items[-1]}


def refusal(because: str, *, name: str, standing_message: str = "") -> str:
    """Return what a refused reader is told and what to do next. Loss of standing has its own words."""
    if because in REFUSALS:
        return str(REFUSALS[because]).format(name=name)
    return standing_message or str(REFUSALS["no-standing"])


# The same decisions as an administrator reads them, about somebody else. They say nothing about the record.
EXPLANATIONS = {
    "grant": gettext_lazy("Yes: the patient’s permission covers this part."),
    "emergency": gettext_lazy("Yes: emergency access is open."),
    "no-grant": gettext_lazy("No: the patient has given no permission."),
    "not-in-grant": gettext_lazy("No: no permission of the patient covers this part for this purpose."),
    "not-yet": gettext_lazy("No: the patient’s permission begins later."),
    "stopped": gettext_lazy("No: there was a permission, and it was stopped."),
    "over": gettext_lazy("No: the time of the patient’s permission is over."),
    "place": gettext_lazy("No: the patient named countries, and this is none of them."),
    "place-unknown": gettext_lazy("No: the patient named countries, and where this person is cannot be told."),
    "not-assigned": gettext_lazy("No: as a nurse of a team they need to be assigned to this patient."),
    "restricted": gettext_lazy("No: the record is held still."),
    "role-without-clinical-text": gettext_lazy("No: their role does not include reading clinical text."),
    "account-inactive": gettext_lazy("No: their account is not active."),
    "no-standing": gettext_lazy("No: their licence is not confirmed."),
}


def explanation(because: str, *, standing_message: str = "") -> str:
    """Return why somebody would be let in or not, for an administrator. Loss of standing has its own words."""
    if because in EXPLANATIONS:
        return str(EXPLANATIONS[because])
    return _("No. They would be told: %(words)s") % {"words": standing_message or str(EXPLANATIONS["no-standing"])}
