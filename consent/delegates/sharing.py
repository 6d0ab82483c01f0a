"""Letting somebody in, in a patient's name: signed with the delegate's own keys, sealed from what they hold."""

import uuid
from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from consent import authority, sentences
from consent.access import KeysLocked
from consent.access.acting import Acting, acting_for, boxes_to_share, delegate_party
from consent.acting import Right
from consent.models import Ending, Grant
from consent.sharing import grants
from consent.sharing.proposing import CannotGive, Origin
from consent.sharing.proposing import propose as propose_grant
from ehr import clock
from ehr.accounts import queries as accounts
from ehr.accounts.keyrings import OpenKeyring
from ehr.accounts.models import User
from ehr.words import Action, Category, Purpose
from patients.models import Patient


def propose(
    acting: Acting, *, reader: User, categories: Iterable[str], actions: Iterable[str], starts: datetime, ends: datetime
) -> Grant:
    """Return the unsigned grant, with the sentence that the delegate is to confirm. Raises CannotGive."""
    chosen = set(map(str, categories))
    if Right.SHARE not in acting.rights or not chosen <= set(acting.delegation.categories):
        raise CannotGive(_("You may let others see only the parts that were named for you."))
    if reader.pk == acting.delegate.pk:
        raise CannotGive(_("This is you. What you may see yourself was agreed when you were named."))
    # It is over with the delegation, so it says no other end.
    return propose_grant(
        acting.patient,
        reader=reader,
        categories=chosen,
        actions=actions,
        purpose=Purpose.TREAT,
        starts=starts,
        ends=min(ends, acting.ends),
        origin=Origin(delegation=acting.delegation),
    )


def give(
    acting: Acting,
    *,
    keyring: OpenKeyring | None,
    reader: User,
    categories: Iterable[str],
    actions: Iterable[str] = (Action.READ,),
    starts: datetime,
    ends: datetime,
    once: uuid.UUID | None = None,
    sentence: str | None = None,
) -> Grant:
    """Let somebody in for the patient whom one acts for. The patient hears of it. The same `once` makes one grant.

    Raises CannotGive, KeysLocked, AccessDenied.
    """
    patient, delegate = acting.patient, acting.delegate
    if keyring is None or not accounts.is_theirs(keyring, delegate.pk):
        raise KeysLocked(sentences.refusal("locked", name=patient.name), because="locked")
    chosen = tuple(part for part in Category if part in set(categories))
    if not set(chosen) <= set(acting.categories):
        raise CannotGive(_("You may let others see only the parts that were named for you."))
    # A refusal commits its line, so it is told before the transaction; inside, the boxes are opened as they are then.
    boxes_to_share(patient, chosen, delegate=delegate, keyring=keyring)
    with transaction.atomic():
        Patient.objects.select_for_update().get(pk=patient.pk)
        if once and (made := given_by(acting).filter(pk=once).first()):
            return made
        now = acting_for(patient, delegate)
        if now is None or now.delegation.pk != acting.delegation.pk:
            raise CannotGive(_("You do not act for this person now, so nothing was shared."))
        grant = propose(now, reader=reader, categories=chosen, actions=actions, starts=starts, ends=ends)
        boxes = boxes_to_share(patient, chosen, delegate=delegate, keyring=keyring)
        made = grants.make(grant, keyring, once=once, sentence=sentence, by=delegate_party(delegate), boxes=boxes)
        if not authority.signed_for_patient(made):
            raise CannotGive(_("You may let others see only the parts that were named for you."))
        return made


def given_by(acting: Acting) -> QuerySet[Grant]:
    """Return whom a delegate let in under this delegation, newest first."""
    rows = Grant.objects.filter(delegation=acting.delegation, kind=Grant.Kind.GIVEN)
    return rows.select_related("reader__user", "ending").order_by("-made_at")


def standing(acting: Acting) -> QuerySet[Grant]:
    """Return whom a delegate let in and who can see it now or later."""
    return given_by(acting).standing(clock.now())


def stop(acting: Acting, grant: Grant) -> Ending:
    """End what one gave in the patient's name. What others gave, the patient ends."""
    if grant.delegation_id != acting.delegation.pk or grant.kind != Grant.Kind.GIVEN:
        raise CannotGive(_("This was not given by you, so only the patient stops it."))
    return grants.end(grant, keyring=None, cause=Ending.Cause.PATIENT, by=delegate_party(acting.delegate))
