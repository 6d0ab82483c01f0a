"""One decision about many permissions or requests, done step by step in its owner's session.

What is to be done, and how far it is, stands in a row: a reload, a second tab or another day goes on where it was.
"""

import json
import uuid
from collections.abc import Callable, Sequence
from datetime import timedelta
from hashlib import sha256
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils.translation import gettext as _

from consent import queries
from consent.access import KeysLocked, own_party
from consent.models import AccessRequest, BulkAct, Grant
from consent.sharing import answering, correspondence, grants, requests
from ehr import clock
from ehr.accounts import queries as accounts
from ehr.accounts.keyrings import CannotOpen, OpenKeyring
from ehr.words import SENSITIVE
from patients.models import Patient

# At one go: as much as a page may take. Each step is a transaction of its own.
AT_ONCE = 10
MOST = 500


class CannotDo(Exception):
    """This cannot be done for these; the message says why and what to choose instead."""


def check(patient: Patient, *, kind: str, items: Sequence[uuid.UUID]) -> list[uuid.UUID]:
    """Return what was ticked, each once, where an act of this kind can be about it. Raises CannotDo.

    `kind` is "end" for permissions, or "approve" or "decline" for requests, as they were asked. Sensitive parts are
    never approved with others: they need a confirmation of their own.
    """
    if kind not in _STEPS:
        raise CannotDo(_("Choose what to do with what you ticked."))
    chosen = list(dict.fromkeys(items))
    if not chosen:
        raise CannotDo(_("Tick at least one line."))
    if len(chosen) > MOST:
        raise CannotDo(_("Tick at most %(most)s lines at a time.") % {"most": MOST})
    if kind == "approve" and _asks_for_sensitive(patient, chosen):
        raise CannotDo(_("One of these asks for a sensitive part. Answer that one by itself."))
    if kind == "approve" and _asks_for_single_entries(patient, chosen):
        # What they are is read in the patient's session first, which is no part of a step.
        raise CannotDo(
            _(
                "One of these asks for single entries, or for what was recorded in a certain time. "
                "Answer that one by itself."
            )
        )
    return chosen


def begin(
    patient: Patient,
    *,
    kind: str,
    items: Sequence[uuid.UUID],
    once: uuid.UUID,
    keyring: OpenKeyring | None = None,
    read: str | None = None,
) -> BulkAct:
    """Note an act on many things; nothing is done yet. The same `once` sent twice is one act.

    What signs is confirmed with the patient's own keys. `read` is `as_read` when the patient read it. Raises CannotDo,
    and KeysLocked.
    """
    chosen = check(patient, kind=kind, items=items)
    if kind == "approve" and read is not None and read != as_read(patient, kind=kind, items=chosen):
        raise CannotDo(_("Something changed since you read this. Read it again, then confirm."))
    confirmed = b""
    if kind == "approve":
        if keyring is None or not accounts.is_theirs(keyring, patient.user_id):
            raise KeysLocked(_("Your keys are locked. Unlock them with your passphrase, then go on."), because="locked")
        confirmed = keyring.keep(json.dumps(_asked(patient, chosen)).encode(), label=_label(once))
    facts = {"patient": patient, "by": patient.user, "kind": kind, "items": [str(one) for one in chosen]}
    made, _new = BulkAct.objects.get_or_create(id=once, defaults=facts | {"confirmed": confirmed})
    if made.patient_id != patient.pk:
        raise CannotDo(_("Choose what to do with what you ticked."))
    return made


def as_read(patient: Patient, *, kind: str, items: Sequence[uuid.UUID]) -> str:
    """Return what fixes the terms of everything that an act of this kind would sign, as a form carries it."""
    asked = _asked(patient, items) if kind == "approve" else {}
    return sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


def _asked(patient: Patient, items: Sequence[uuid.UUID]) -> dict[str, str]:
    """Return by request what fixes whom and what it asks for."""
    return {str(one.pk): _fixed(one) for one in AccessRequest.objects.filter(patient=patient, pk__in=items)}


def _fixed(request: AccessRequest) -> str:
    return sha256(correspondence.terms(request)).hexdigest()


def _label(act: uuid.UUID) -> str:
    return f"bulk/{act}"


def _confirmed(act: BulkAct, keyring: OpenKeyring) -> dict[str, str]:
    """Return what its patient confirmed in an act: nothing where somebody else wrote its row."""
    try:
        return json.loads(keyring.kept(bytes(act.confirmed), label=_label(act.pk)))
    except CannotOpen:
        return {}


def _asks_for_single_entries(patient: Patient, chosen: Sequence[uuid.UUID]) -> bool:
    asked = AccessRequest.objects.filter(patient=patient, pk__in=chosen)
    return any(one.record_until or one.entries for one in asked)


def _asks_for_sensitive(patient: Patient, chosen: Sequence[uuid.UUID]) -> bool:
    asked = AccessRequest.objects.filter(patient=patient, pk__in=chosen).values_list("categories", flat=True)
    return any(SENSITIVE & set(parts) for parts in asked)


def advance(act: BulkAct, *, keyring: OpenKeyring | None, steps: int = AT_ONCE) -> BulkAct:
    """Do some of what is left, and note how far it is. Two at once do nothing twice. Raises KeysLocked.

    What cannot be done is left as it is, with the reason, and the rest goes on.
    """
    patient = act.patient
    if not accounts.is_theirs(keyring, patient.user_id):
        raise KeysLocked(_("Your keys are locked. Unlock them with your passphrase, then go on."), because="locked")
    for _step in range(steps):
        with transaction.atomic():
            # Begun by the patient's row, as every change of what is shared.
            Patient.objects.select_for_update().get(pk=patient.pk)
            act = BulkAct.objects.select_for_update(of=("self",)).select_related("patient__user").get(pk=act.pk)
            if act.finished_at is not None:
                return act
            _one(act, keyring)
    return act


def _one(act: BulkAct, keyring: OpenKeyring) -> None:
    if act.done < len(act.items):
        item = act.items[act.done]
        because = _STEPS[act.kind](act, item, keyring)
        if because:
            act.refused[item] = because
        act.done += 1
    if act.done >= len(act.items):
        act.finished_at = clock.now()
    act.save(update_fields=["done", "refused", "finished_at"])


def _end(act: BulkAct, item: str, keyring: OpenKeyring) -> str:
    grant = queries.of_patient(act.patient, item)
    if grant is None:
        return "not-there"
    if grant.kind == Grant.Kind.LEGAL_COPY:
        return "legal-copy"
    grants.end(grant, keyring=keyring, by=own_party(act.patient))
    return ""


def _approve(act: BulkAct, item: str, keyring: OpenKeyring) -> str:
    request = requests.of_patient(act.patient, item)
    if request is None:
        return "not-there"
    if _confirmed(act, keyring).get(item) != _fixed(request):
        return "not-any-more"
    try:
        with transaction.atomic():
            answering.approve(
                request,
                keyring=keyring,
                categories=request.categories,
                actions=request.actions,
                days=request.days - _days_since(act),
            )
    except (requests.CannotAnswer, grants.CannotGive):
        return "not-any-more"
    return ""


def _days_since(act: BulkAct) -> int:
    """Return how many days ago an act was confirmed: what it ends with is the day that was read then."""
    zone = ZoneInfo(act.patient.user.time_zone)
    return (clock.now().astimezone(zone).date() - act.started_at.astimezone(zone).date()).days


def _decline(act: BulkAct, item: str, _keyring: OpenKeyring) -> str:
    request = requests.of_patient(act.patient, item)
    if request is None:
        return "not-there"
    try:
        answering.decline(request)
    except requests.CannotAnswer:
        return "not-any-more"
    return ""


_STEPS: dict[str, Callable[[BulkAct, str, OpenKeyring], str]] = {"end": _end, "approve": _approve, "decline": _decline}


def of_patient(patient: Patient, act_id) -> BulkAct | None:
    """Return one of a patient's own acts, or None."""
    return BulkAct.objects.filter(patient=patient, pk=act_id).select_related("patient__user").first()


def under_way(patient: Patient) -> BulkAct | None:
    """Return an act of the last week that is not finished, or None: it goes on where it was."""
    since = clock.now() - timedelta(days=7)
    return (
        BulkAct.objects.filter(patient=patient, finished_at__isnull=True, started_at__gt=since)
        .order_by("started_at")
        .first()
    )
