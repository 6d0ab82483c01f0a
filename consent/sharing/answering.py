"""A patient's answer to a request: as asked, for less, a question back, or no. Never more than was asked for."""

from collections.abc import Iterable
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils.translation import gettext as _

from consent import keys, queries, sentences
from consent.access import KeysLocked, own_party, own_recorded_between
from consent.models import AccessRequest, Grant
from consent.sharing import correspondence, grants
from consent.sharing.asking import note
from consent.sharing.proposing import Narrow, chosen_entries
from consent.sharing.proposing import propose as proposed
from consent.sharing.requests import CannotAnswer, State, held, waiting
from ehr import clock
from ehr.accounts import queries as accounts
from ehr.accounts.keyrings import OpenKeyring
from ehr.notices import operations as notices
from ehr.words import Purpose

MOST_WORDS = 1_000


def ends(request: AccessRequest, days: int) -> datetime:
    """Return the last minute of the last day, in the patient's zone: what "for so many days" comes to from now."""
    zone = ZoneInfo(request.patient.user.time_zone)
    last = clock.now().astimezone(zone).date() + timedelta(days=days)
    return datetime.combine(last, time(23, 59), tzinfo=zone)


def as_asked(request: AccessRequest) -> Narrow:
    """Return how a request is narrowed by itself: the widest that its answer may be."""
    return Narrow(frozenset(request.entries), request.record_from, request.record_until)


def propose(
    request: AccessRequest,
    *,
    categories: Iterable[str],
    actions: Iterable[str],
    days: int,
    narrow: Narrow | None = None,
) -> Grant:
    """Return the unsaved grant an answer would make, with the sentence to confirm. Raises CannotAnswer, CannotGive."""
    return proposed(request.patient, **_terms(request, categories, actions, days, narrow))


def _terms(
    request: AccessRequest, categories: Iterable[str], actions: Iterable[str], days: int, narrow: Narrow | None
) -> dict[str, object]:
    """Return what `grants` needs. A patient may give less than was asked, never more: that is a grant of their own."""
    chosen, allowed = set(map(str, categories)), set(map(str, actions))
    narrow = as_asked(request) if narrow is None else narrow
    fits = chosen <= set(request.categories) and allowed <= set(request.actions) and 1 <= days <= request.days
    if not fits or not _fits(request, narrow):
        raise CannotAnswer(_("This is more than was asked for. Give less here, or let them in yourself for more."))
    return {
        "reader": request.reader.user,
        "categories": chosen,
        "actions": allowed,
        "purpose": Purpose(request.purpose),
        "starts": clock.now(),
        "ends": ends(request, days),
        "narrow": narrow,
    }


def _fits(request: AccessRequest, narrow: Narrow) -> bool:
    """Tell whether an answer is as narrow as its request. Of entries chosen within dates `approve` sees to that."""
    if request.entries:
        return bool(narrow.entries) and narrow.entries <= set(request.entries)
    if narrow.entries:
        return True
    first, last = request.record_from, request.record_until
    after = first is None or (narrow.record_from is not None and narrow.record_from >= first)
    return after and (last is None or (narrow.record_until is not None and narrow.record_until <= last))


def approve(
    request: AccessRequest,
    *,
    keyring: OpenKeyring | None,
    categories: Iterable[str],
    actions: Iterable[str],
    days: int,
    narrow: Narrow | None = None,
    sentence: str | None = None,
) -> Grant:
    """Say yes, perhaps to less. One request makes one grant: confirmed twice, it returns the first.

    Call it outside a transaction: what was recorded when is read in the patient's own session, which is a line on the
    log. Raises CannotAnswer, CannotGive, KeysLocked.
    """
    categories, actions = tuple(categories), tuple(actions)
    if made := AccessRequest.objects.select_related("grant").get(pk=request.pk).grant:
        return made
    own = _own(request, keyring)
    terms = _terms(request, categories, actions, days, narrow)
    entries = chosen_entries(request.patient, categories, terms["narrow"], keyring=own)
    _check_dates(request, terms["narrow"], entries, own)
    with transaction.atomic():
        if made := held(request).grant:
            return made
        request = waiting(request)
        if queries.is_blocked(request.patient, request.reader.user):
            raise CannotAnswer(
                _("You keep %(name)s out by name. Lift that first, if you want to let them in.")
                % {"name": request.reader.name}
            )
        given = propose(request, categories=categories, actions=actions, days=days, narrow=narrow)
        grant = grants.make(given, own, entries=entries, once=request.pk, sentence=sentence)
        _close(request, State.APPROVED, grant=grant)
        note("access.approved", request, actor=own_party(request.patient), grant=grant.pk)
    return grant


def _own(request: AccessRequest, keyring: OpenKeyring | None) -> OpenKeyring:
    if keyring is None or not accounts.is_theirs(keyring, request.patient.user_id):
        raise KeysLocked(sentences.refusal("locked", name=request.patient.name), because="locked")
    return keyring


def _check_dates(request: AccessRequest, narrow: Narrow, entries: frozenset, own: OpenKeyring) -> None:
    """See that chosen entries are of the time that was asked for. Raises CannotAnswer."""
    first, last = request.record_from, request.record_until
    if not narrow.entries or not (first or last):
        return
    if not entries <= own_recorded_between(request.patient, request.categories, first, last, keyring=own):
        raise CannotAnswer(_("One of the chosen entries is not of the time they asked for. Choose again."))


def decline(request: AccessRequest) -> AccessRequest:
    """Say no. Whoever asked learns that much: no reason, no time, nothing about the record. Twice is once."""
    with transaction.atomic():
        if held(request).state == State.DECLINED:
            return request
        request = waiting(request)
        _close(request, State.DECLINED)
        note("access.declined", request, actor=own_party(request.patient))
        notices.notify(request.reader.user, "access-declined", about=request.pk, key=f"access-declined:{request.pk}")
    return request


def ask_why(request: AccessRequest, *, keyring: OpenKeyring | None, words: str) -> AccessRequest:
    """Ask back, once, before answering; whoever asked is told. The request lapses when it would have. Twice is once.

    Raises CannotAnswer, and KeysLocked, for the question is signed by its patient.
    """
    with transaction.atomic():
        if held(request).question_at:
            return request
        request = waiting(request)
        if not words.strip() or len(words) > MOST_WORDS:
            raise CannotAnswer(_("Write your question in a sentence or two."))
        own = _own(request, keyring)
        try:
            request.question = correspondence.seal_question(request, words.strip(), keyring=own)
        except keys.KeyExchanged as problem:
            raise CannotAnswer(
                _("%(name)s’s keys are not the ones they registered, so nothing was sent. Tell the privacy officer.")
                % {"name": request.reader.name}
            ) from problem
        request.question_at = clock.now()
        request.save(update_fields=["question", "question_at"])
        note("access.asked-why", request, actor=own_party(request.patient))
        notices.notify(request.reader.user, "access-asked-why", about=request.pk, key=f"access-asked-why:{request.pk}")
    return request


def _close(request: AccessRequest, new: str, *, grant: Grant | None = None) -> None:
    request.state, request.answered_at, request.grant = new, clock.now(), grant
    request.save(update_fields=["state", "answered_at", "grant"])
