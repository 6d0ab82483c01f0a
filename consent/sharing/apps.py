"""Apps that a patient lets in: each is a reader with keys of its own, and its permission is one like any other.

Who signs in with an app, and with which token it comes, is decided above; here it is let in, and taken out of use.
"""

import uuid
from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from audit import log
from consent import queries
from consent.access import KeysLocked
from consent.models import App, Ending, Grant
from consent.sharing import grants
from consent.sharing.grants import CannotGive
from ehr import clock
from ehr.accounts.keyrings import OpenKeyring
from ehr.accounts.models import Reader
from ehr.notices import operations as notices
from ehr.words import Action, Purpose
from patients.models import Patient

__all__ = ["CannotGive", "KeysLocked", "connect", "connected_to", "proposed", "withdraw"]


def proposed(
    patient: Patient, *, name: str, categories: Iterable[str], actions: Iterable[str] = (Action.READ,), ends: datetime
) -> str:
    """Return the sentence that a patient is to confirm, before the app has keys. Raises CannotGive."""
    reader = Reader(kind=Reader.Kind.APP, name=name)
    return _proposal(patient, reader, categories, actions, ends).sentence


def connect(
    patient: Patient,
    *,
    keyring: OpenKeyring | None,
    app_reader: Reader,
    name: str,
    categories: Iterable[str],
    actions: Iterable[str] = (Action.READ,),
    ends: datetime,
    once: uuid.UUID | None = None,
    sentence: str | None = None,
    client: str = "",
) -> Grant:
    """Let an app in to parts of a record until a moment, signed with the patient's keys. It begins now.

    `app_reader` is a reader of kind APP with a keyring of its own, made for this patient and nobody else; `name` is
    what it is called in the sentence that the patient read; `client` is the program as it is registered, by which
    `withdraw` finds it. An app may hold several permissions: what it may read and where it may add may differ.
    Raises CannotGive, KeysLocked.
    """
    if app_reader.kind != Reader.Kind.APP or app_reader.name != name:
        raise ValueError("An app is a reader of its own, under the name that its patient reads.")
    with transaction.atomic():
        Patient.objects.select_for_update().get(pk=patient.pk)
        app, _new = App.objects.get_or_create(reader=app_reader, defaults={"patient": patient, "client": client})
        if app.patient_id != patient.pk or app.withdrawn_at is not None:
            raise CannotGive(_("%(name)s cannot be let in this way. Connect it anew.") % {"name": name})
        return grants.give(
            patient,
            keyring=keyring,
            reader=app_reader,
            categories=tuple(categories),
            actions=tuple(actions),
            purpose=Purpose.PATRQT,
            starts=clock.now(),
            ends=ends,
            once=once,
            sentence=sentence,
        )


def _proposal(
    patient: Patient, reader: Reader, categories: Iterable[str], actions: Iterable[str], ends: datetime
) -> Grant:
    return grants.propose(
        patient,
        reader=reader,
        categories=tuple(categories),
        actions=tuple(actions),
        purpose=Purpose.PATRQT,
        starts=clock.now(),
        ends=ends,
    )


def connected_to(patient: Patient) -> list[App]:
    """Return the apps a patient has connected that are in use, newest first, whatever of their permissions is over."""
    rows = App.objects.filter(patient=patient, withdrawn_at__isnull=True).select_related("reader")
    return list(rows.order_by("-connected_at", "pk"))


def withdraw(client: str) -> int:
    """Take a program out of use for everybody who let it in; return how many connections that were. May run twice.

    The next decision refuses; the seals go with this, and their patients are told.
    """
    at, count = clock.now(), 0
    for app in App.objects.filter(client=client, withdrawn_at__isnull=True).select_related("patient__user"):
        with transaction.atomic():
            Patient.objects.select_for_update().get(pk=app.patient_id)
            App.objects.filter(pk=app.pk).update(withdrawn_at=at)
            for grant in Grant.objects.filter(reader=app.reader_id).standing(at):
                grants.end(grant, keyring=None, cause=Ending.Cause.WITHDRAWN, by=log.SYSTEM)
                for person in queries.whom_to_tell(app.patient):
                    key = f"app-withdrawn:{app.pk}:{person.pk}"
                    notices.notify(person, "app-withdrawn", about=grant.pk, key=key)
        count += 1
    return count
