"""Moving to another hospital: each permission kept, moved or ended, all in one act.

The place one leaves keeps what its own people wrote, for the law obliges it to, and gets nothing new: its legal copy
is a bundle of exactly those entries.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from audit import log
from consent import queries
from consent.access import own_party
from consent.models import Grant
from consent.sharing import grants
from consent.sharing.grants import CannotGive, Narrow, Origin
from ehr import clock
from ehr.accounts.keyrings import OpenKeyring
from ehr.accounts.models import User
from ehr.words import Action, Category, Purpose
from patients.models import Patient
from patients.queries import written_by_any
from providers import queries as providers
from providers.models import Institution


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
class Moved:
    """What an act of moving did: the permissions made, those ended, and the legal copies that stay behind."""

    made: tuple[Grant, ...]
    ended: tuple[Grant, ...]
    copies: tuple[Grant, ...]


def held_at(patient: Patient, place: Institution) -> list[Grant]:
    """Return a patient's permissions to people of one place, soonest to end first."""
    people = set(providers.members(place).values_list("pk", flat=True))
    given = queries.who_can_see(patient, clock.now()).filter(kind__in=[Grant.Kind.GIVEN, Grant.Kind.REFERRAL])
    return [grant for grant in given if grant.reader.user_id in people]


def places_left(patient: Patient) -> list[Institution]:
    """Return the places whose people a patient shares with now, by name: those one can move away from."""
    users = [grant.reader.user_id for grant in queries.who_can_see(patient, clock.now()) if grant.reader.user_id]
    return list(providers.places_of(users))


def move(
    patient: Patient,
    *,
    keyring: OpenKeyring | None,
    leaving: Institution,
    choices: Mapping[uuid.UUID, Choice],
    act: uuid.UUID,
) -> Moved:
    """Do all choices in one transaction, so that there is no moment with neither place let in. Twice is once.

    `act` names this confirmation. Raises CannotGive where a permission that is to move has nobody to move to, or a
    choice is missing, and KeysLocked; then nothing changed.
    """
    held = {grant.pk: grant for grant in held_at(patient, leaving)}
    if any(one not in choices for one in held) or not set(choices) <= set(held):
        done = _done_before(patient, choices, act)
        if done is not None:
            return done
        raise CannotGive(_("What you share changed meanwhile. Look at the list again, then decide."))
    moving = [grant for pk, grant in held.items() if choices[pk].do is Do.MOVE]
    if any(choices[grant.pk].to is None for grant in moving):
        raise CannotGive(_("Choose who gets each permission that moves."))
    ending = [grant for pk, grant in held.items() if choices[pk].do is not Do.KEEP]
    wrote = written_by_any(patient, providers.members(leaving))
    with transaction.atomic():
        Patient.objects.select_for_update().get(pk=patient.pk)
        made = [_moved(grant, choices[grant.pk].to, keyring, act) for grant in moving]
        copies = [_legal_copy(grant, wrote, keyring, act) for grant in ending if wrote]
        for grant in ending:
            grants.end(grant, keyring=keyring, by=own_party(patient))
        log.append(
            "grants.moved",
            actor=own_party(patient),
            subject=patient.pk,
            outcome="done",
            details={
                "reader_name": leaving.name,
                "moved": len(moving),
                "ended": len(ending) - len(moving),
                "kept": len(held) - len(ending),
            },
        )
    return Moved(tuple(made), tuple(ending), tuple(copies))


def _named(act: uuid.UUID, grant_id: uuid.UUID, word: str) -> uuid.UUID:
    """Return the id of what an act makes of a permission, the same each time."""
    return uuid.uuid5(act, f"{word}:{grant_id}")


def _moved(grant: Grant, to: User, keyring: OpenKeyring | None, act: uuid.UUID) -> Grant:
    return grants.give(
        grant.patient,
        keyring=keyring,
        reader=to,
        categories=grant.categories,
        actions=grant.actions,
        purpose=Purpose(grant.purpose),
        starts=max(clock.now(), grant.starts),
        ends=grant.ends,
        narrow=Narrow(
            entries=queries.chosen_in(grant),
            record_from=None if grant.is_bundle else grant.record_from,
            places=frozenset(grant.places),
        ),
        once=_named(act, grant.pk, "moved"),
    )


def _legal_copy(
    grant: Grant, wrote: Mapping[uuid.UUID, frozenset[str]], keyring: OpenKeyring | None, act: uuid.UUID
) -> Grant:
    parts = frozenset[str]().union(*wrote.values())
    now = clock.now()
    return grants.give(
        grant.patient,
        keyring=keyring,
        reader=grant.reader.user,
        categories=[part for part in Category if part in parts],
        actions=(Action.READ,),
        purpose=Purpose.HOPERAT,
        starts=now,
        ends=_kept_until(now),
        narrow=Narrow(entries=frozenset(map(str, wrote))),
        origin=Origin(kind=Grant.Kind.LEGAL_COPY),
        once=_named(act, grant.pk, "copy"),
    )


def _kept_until(now: datetime) -> datetime:
    return now + timedelta(days=365 * settings.LEGAL_COPY_YEARS)


def _done_before(patient: Patient, choices: Mapping[uuid.UUID, Choice], act: uuid.UUID) -> Moved | None:
    """Return what this very act did before, when its confirmation comes twice; None where it did not."""
    every = {word: [_named(act, pk, word) for pk in choices] for word in ("moved", "copy")}
    made = {word: list(Grant.objects.filter(patient=patient, pk__in=ids)) for word, ids in every.items()}
    ended = list(Grant.objects.filter(patient=patient, pk__in=list(choices), ending__isnull=False))
    if not (made["moved"] or made["copy"]):
        return None
    return Moved(tuple(made["moved"]), tuple(ended), tuple(made["copy"]))
