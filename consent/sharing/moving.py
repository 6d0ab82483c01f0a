"""Moving to another hospital: each permission kept, moved or ended, all in one act.

The place one leaves keeps what its own people wrote, for the law obliges it to, and gets nothing new: its legal copy
is a bundle of exactly those entries.
"""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from audit import log
from consent import authority, queries, sentences
from consent.access import KeysLocked, own_party
from consent.models import Grant
from consent.sharing import grants
from consent.sharing.proposing import CannotGive, Narrow, Origin, chosen_entries, propose
from ehr import clock
from ehr.accounts import queries as accounts
from ehr.accounts.keyrings import OpenKeyring
from ehr.accounts.models import User
from ehr.words import Action, Category, Purpose
from patients.models import Patient
from patients.queries import written_by_any
from providers import queries as providers
from providers.models import Institution
from providers.team_queries import team_line

# What an act makes of a permission: the same for somebody else, and the legal copy that stays.
MOVED, COPY = "moved", "copy"
Terms = dict[tuple[str, uuid.UUID], dict]


class Do(StrEnum):
    """What becomes of one permission."""

    KEEP = "keep"
    MOVE = "move"
    END = "end"


@dataclass(frozen=True)
class Choice:
    """What becomes of one permission; `to` is who gets it instead, when it moves."""

    do: Do
    to: User | None = None


@dataclass(frozen=True)
class Planned:
    """What a choice comes to before anybody signs it, unsaved: what is made instead, and the legal copy that stays."""

    grant: Grant
    choice: Choice
    made: Grant | None
    copy: Grant | None


@dataclass(frozen=True)
class Moved:
    """What an act of moving did: the permissions made, those ended, and the legal copies that stay behind."""

    made: tuple[Grant, ...]
    ended: tuple[Grant, ...]
    copies: tuple[Grant, ...]


def held_at(patient: Patient, place: Institution) -> list[Grant]:
    """Return a patient's permissions to people and care teams of one place, soonest to end first."""
    people, at = set(providers.members(place).values_list("pk", flat=True)), clock.now()
    given = queries.who_can_see(patient, at).filter(kind__in=[Grant.Kind.GIVEN, Grant.Kind.REFERRAL])
    return [grant for grant in given if grant.reader.user_id in people or _team_place(grant, at) == place]


def _team_place(grant: Grant, at: datetime) -> Institution | None:
    """Return where the team works that a permission was given to; None where it was given to a person."""
    line = team_line(grant.reader_id, at) if grant.reader.user_id is None else None
    return line.institution if line else None


def places_left(patient: Patient) -> list[Institution]:
    """Return the places whose people a patient shares with now, by name: those one can move away from."""
    at = clock.now()
    given = list(queries.who_can_see(patient, at).exclude(kind__in=[Grant.Kind.LEGAL_COPY, Grant.Kind.DELEGATE]))
    people = providers.places_of([grant.reader.user_id for grant in given if grant.reader.user_id])
    teams = {place for grant in given if (place := _team_place(grant, at))}
    return sorted({*people, *teams}, key=lambda place: (place.name.casefold(), place.pk))


def move(
    patient: Patient,
    *,
    keyring: OpenKeyring | None,
    leaving: Institution,
    choices: Mapping[uuid.UUID, Choice],
    act: uuid.UUID,
) -> Moved:
    """Do all choices in one transaction, so that there is no moment with neither place let in. Twice is once.

    `act` names this confirmation. Call it outside a transaction: what bundles hold is opened first, in the patient's
    own session, which is a line on the log. Raises CannotGive where a permission that is to move has nobody to move
    to, or a choice is missing, and KeysLocked; then nothing changed.
    """
    if not accounts.is_theirs(keyring, patient.user_id):
        raise KeysLocked(sentences.refusal("locked", name=patient.name), because="locked")
    held = _held(patient, leaving)
    if set(choices) != set(held) and (done := _done_before(patient, choices, act)):
        return done
    terms = _all_terms(patient, leaving, held, choices)
    opened = _entries(patient, terms.values(), keyring)
    with transaction.atomic():
        Patient.objects.select_for_update().get(pk=patient.pk)
        held = _held(patient, leaving)
        if set(choices) != set(held) and (done := _done_before(patient, choices, act)):
            return done
        # With the patient's row held, what is decided on is still what was opened.
        if _narrowed(_all_terms(patient, leaving, held, choices)) != _narrowed(terms):
            raise CannotGive(_("What you share changed meanwhile. Look at the list again, then decide."))
        new = {
            (word, pk): grants.make(
                propose(patient, **told), keyring, entries=opened[told["narrow"].entries], once=_named(act, pk, word)
            )
            for (word, pk), told in terms.items()
        }
        made = [grant for (word, _pk), grant in new.items() if word == MOVED]
        copies = [grant for (word, _pk), grant in new.items() if word == COPY]
        ending = [grant for pk, grant in held.items() if choices[pk].do is not Do.KEEP]
        for grant in ending:
            grants.end(grant, keyring=keyring, by=own_party(patient))
        log.append(
            "grants.moved",
            actor=own_party(patient),
            subject=patient.pk,
            outcome="done",
            details={
                "reader_name": leaving.name,
                "moved": len(made),
                "ended": len(ending) - len(made),
                "kept": len(held) - len(ending),
            },
        )
    return Moved(tuple(made), tuple(ending), tuple(copies))


def planned(patient: Patient, *, leaving: Institution, choices: Mapping[uuid.UUID, Choice]) -> list[Planned]:
    """Return what choices come to, each with its sentences, in the order of the list. Raises CannotGive as `move`."""
    held = _held(patient, leaving)
    terms = _all_terms(patient, leaving, held, choices)
    new = {key: propose(patient, **told) for key, told in terms.items()}
    return [Planned(grant, choices[pk], new.get((MOVED, pk)), new.get((COPY, pk))) for pk, grant in held.items()]


def _held(patient: Patient, leaving: Institution) -> dict[uuid.UUID, Grant]:
    return {grant.pk: grant for grant in held_at(patient, leaving)}


def _all_terms(
    patient: Patient, leaving: Institution, held: Mapping[uuid.UUID, Grant], choices: Mapping[uuid.UUID, Choice]
) -> Terms:
    """Return what an act makes of each permission, by what it is called. Raises CannotGive."""
    _check(held, choices)
    for to in {choice.to for choice in choices.values() if choice.to}:
        grants.check_not_kept_out(patient, to)
    wrote = written_by_any(patient, providers.members(leaving))
    moved = {(MOVED, pk): _terms(one, choices[pk].to) for pk, one in held.items() if choices[pk].do is Do.MOVE}
    copies = {
        (COPY, pk): _copy_terms(one, wrote) for pk, one in held.items() if wrote and choices[pk].do is not Do.KEEP
    }
    return moved | copies


def _narrowed(terms: Terms) -> dict[tuple[str, uuid.UUID], Narrow]:
    return {key: told["narrow"] for key, told in terms.items()}


def _entries(patient: Patient, terms: Iterable[Mapping], keyring: OpenKeyring) -> dict[frozenset, frozenset]:
    """Return the row ids of what bundles will hold, opened once in the patient's own session, before the act."""
    found: dict[frozenset, frozenset] = {}
    for told in terms:
        if told["narrow"].entries not in found:
            found[told["narrow"].entries] = chosen_entries(patient, told["categories"], told["narrow"], keyring=keyring)
    return found


def _check(held: Mapping[uuid.UUID, Grant], choices: Mapping[uuid.UUID, Choice]) -> None:
    if set(choices) != set(held):
        raise CannotGive(_("What you share changed meanwhile. Look at the list again, then decide."))
    if any(one.do is Do.MOVE and one.to is None for one in choices.values()):
        raise CannotGive(_("Choose who gets each permission that moves."))
    # What moves is signed anew as its row says it, so the row must be what was signed.
    if not all(authority.signed_for_patient(held[pk]) for pk, one in choices.items() if one.do is Do.MOVE):
        raise CannotGive(
            _("A permission is not what you signed, so nothing moved. End it, and tell the privacy officer.")
        )


def _named(act: uuid.UUID, grant_id: uuid.UUID, word: str) -> uuid.UUID:
    """Return the id of what an act makes of a permission, the same each time."""
    return uuid.uuid5(act, f"{word}:{grant_id}")


def _terms(grant: Grant, to: User) -> dict[str, object]:
    """Return what somebody else gets in the place of a permission: the same, neither more nor longer."""
    return {
        "reader": to,
        "categories": grant.categories,
        "actions": grant.actions,
        "purpose": Purpose(grant.purpose),
        "starts": max(clock.now(), grant.starts),
        "ends": grant.ends,
        "narrow": Narrow(
            # Which single entries, the patient signed; what was recorded in a time is what the bundle lists.
            entries=frozenset(grant.entries) or queries.chosen_in(grant),
            record_from=None if grant.is_bundle else grant.record_from,
            places=frozenset(grant.places),
        ),
    }


def _copy_terms(grant: Grant, wrote: Mapping[uuid.UUID, frozenset[str]]) -> dict[str, object]:
    """Return the legal copy that a permission leaves behind: what the place itself wrote, and nothing else."""
    parts = frozenset[str]().union(*wrote.values())
    now = clock.now()
    return {
        "reader": grant.reader.user or grant.reader,
        "categories": [part for part in Category if part in parts],
        "actions": (Action.READ,),
        "purpose": Purpose.HOPERAT,
        "starts": now,
        "ends": _kept_until(grant.patient, now),
        "narrow": Narrow(entries=frozenset(map(str, wrote))),
        "origin": Origin(kind=Grant.Kind.LEGAL_COPY),
    }


def _kept_until(patient: Patient, now: datetime) -> datetime:
    """Return the last minute of the last day, where the patient is: the same all day, as the sentence says it."""
    last = now.astimezone(ZoneInfo(patient.user.time_zone)) + timedelta(days=365 * settings.LEGAL_COPY_YEARS)
    return last.replace(hour=23, minute=59, second=0, microsecond=0)


def _done_before(patient: Patient, choices: Mapping[uuid.UUID, Choice], act: uuid.UUID) -> Moved | None:
    """Return what this very act did before, when its confirmation comes twice; None where it did not."""
    every = {word: [_named(act, pk, word) for pk in choices] for word in (MOVED, COPY)}
    made = {word: list(Grant.objects.filter(patient=patient, pk__in=ids)) for word, ids in every.items()}
    ended = list(Grant.objects.filter(patient=patient, pk__in=list(choices), ending__isnull=False))
    if not (made[MOVED] or made[COPY]):
        return None
    return Moved(tuple(made[MOVED]), tuple(ended), tuple(made[COPY]))
