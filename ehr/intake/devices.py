"""A patient's device: it may write readings of a few kinds into its owner's record, until a day, and read nothing.

Who holds which key: the device has a token, of which the server keeps a digest; what it sends is sealed to the record's
lockboxes like everything that arrives, and signed with a key derived for this device from the server's storage key. Its
patient opens it with their own keys, and so does whom they let see that part.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID, uuid4

from django.db import transaction
from django.utils.translation import gettext as _

from audit import log
from consent import access
from ehr import clock
from ehr.accounts.operations import Refused as NotPossible
from ehr.r4 import bundles
from ehr.r4.references import Entry
from patients import naming
from patients.models import Identifier, Patient
from patients.operations import SourceSigner, source_signer
from patients.queries import identifier_digest

from . import credentials, drafts, operations, readings, tracing
from .models import Device
from .refusals import Refused

MOST_DEVICES = 20
LONGEST_DAYS = 400
MOST_A_MINUTE = 60
LARGEST_BYTES = 1024 * 1024


class TooOften(Exception):
    """The device has sent more within a minute than it may."""


@dataclass
class Answer:
    """What came of readings: how many are new, how many were known, and what is wrong."""

    added: int = 0
    known: int = 0
    refused: list[str] = field(default_factory=list)


def add(patient: Patient, *, name: str, days: int) -> tuple[Device, str]:
    """Let a device write for some days; return it and its token, which is shown this once. Raises NotPossible."""
    name = " ".join(name.split())
    if not name or not 1 <= days <= LONGEST_DAYS:
        raise NotPossible(_("Give the device a name, and say for how long it may send."))
    token, digest = credentials.new_token("device")
    with transaction.atomic():
        Patient.objects.select_for_update().get(pk=patient.pk)
        now = clock.now()
        if len(in_use(patient)) >= MOST_DEVICES:
            raise NotPossible(_("You have many devices already. Stop one that you no longer use."))
        device = Device.objects.create(
            id=uuid4(),
            patient=patient,
            name=name[:60],
            token_digest=digest,
            made_at=now,
            ends_at=now + timedelta(days=days),
        )
        # Its readings refer to its patient by this name. It shows nobody's identity, so it never counts as verified.
        system, value = naming.named_by_source(source_name(device), f"Patient/{patient.pk}")
        Identifier.objects.create(patient=patient, digest=identifier_digest(system, value), system=system)
        _log("device.added", device)
    return device, token


def stop(patient: Patient, device_id: UUID) -> None:
    """Take nothing more from a device, from its next reading on. Raises Device.DoesNotExist for somebody else's."""
    with transaction.atomic():
        device = Device.objects.select_for_update().get(pk=device_id, patient=patient)
        if device.stopped_at is None:
            device.stopped_at = clock.now()
            device.save(update_fields=["stopped_at"])
            _log("device.stopped", device)


def of_patient(patient: Patient) -> list[tuple[Device, bool]]:
    """Return a patient's devices and whether each may send now, those that may first."""
    now = clock.now()
    listed = [(one, _is_in_use(one, now)) for one in Device.objects.filter(patient=patient).order_by("-made_at")]
    return sorted(listed, key=lambda pair: not pair[1])


def in_use(patient: Patient) -> list[Device]:
    """Return the devices that may send now."""
    return list(Device.objects.filter(patient=patient, stopped_at=None, ends_at__gt=clock.now()))


def source_name(device: Device) -> str:
    """Return the name under which a device's readings are signed and listed: its own, told apart from its namesakes."""
    return f"{device.name} ({str(device.pk)[:8]})"


def receive(content: bytes, token: str) -> Answer | None:
    """Take in readings: one Observation, a list of them, or a Bundle; None for a token that lets nothing in now.

    All or nothing; what was sent before adds nothing. Raises TooOften.
    """
    found = Device.objects.filter(token_digest=credentials.digest(token)).values_list("pk", "patient_id").first()
    if not token or found is None:
        return None
    try:
        sent = readings.parsed(content)
    except (Refused, bundles.Unreadable) as problem:
        return Answer(refused=str(problem).splitlines()) if _may_send(*found) else None
    with operations.stored_whole("What was sent"), transaction.atomic(durable=True):
        # The patient's row before the device's, as everywhere; stopping takes the device's.
        patient = Patient.objects.select_for_update().get(pk=found[1])
        device = Device.objects.select_for_update().get(pk=found[0])
        now = clock.now()
        if not _is_in_use(device, now):
            return None
        _count(device, now)
        if wrong := readings.wrong_with(sent, now):
            return Answer(refused=wrong)
        return _stored(patient, device, [readings.marked(one, device, patient) for one in sent])


def _may_send(device_id: UUID, _patient_id: UUID) -> bool:
    """Tell whether a device is in use, counting what it sent all the same. Raises TooOften."""
    with transaction.atomic():
        device = Device.objects.select_for_update().get(pk=device_id)
        now = clock.now()
        if not _is_in_use(device, now):
            return False
        _count(device, now)
    return True


def _is_in_use(device: Device, now: datetime) -> bool:
    return device.stopped_at is None and device.ends_at > now


def _count(device: Device, now: datetime) -> None:
    """Count one more within this minute. Raises TooOften."""
    if device.minute_began_at is None or now - device.minute_began_at >= timedelta(minutes=1):
        device.minute_began_at, device.minute_count = now, 0
    if device.minute_count >= MOST_A_MINUTE:
        raise TooOften
    device.minute_count += 1
    device.last_used_at = now
    device.save(update_fields=["minute_began_at", "minute_count", "last_used_at"])


def _stored(patient: Patient, device: Device, resources: list[dict]) -> Answer:
    wrong = [words for n, one in enumerate(resources, 1) for words in operations.wrong_with_entry(Entry(n, "", one))]
    if wrong:
        return Answer(refused=wrong[: operations.MOST_REASONS])
    source = source_name(device)
    own = readings.described(device, patient)
    fresh = list(drafts.make(patient, [own, *resources], source=source))
    made = [draft for kind, draft in fresh if kind == "Observation"]
    if not made:
        return Answer(known=len(resources))
    about = tracing.provenances(
        patient, made, resources, source=source, about=partial(readings.provenance, device, at=clock.now())
    )
    access.receive(patient, [*(draft for _kind, draft in fresh), *about], source=_signer(device))
    return Answer(added=len(made), known=len(resources) - len(made))


def _signer(device: Device) -> SourceSigner:
    return source_signer(source_name(device))


def _log(action: str, device: Device) -> None:
    details: Mapping[str, object] = {"device": str(device.pk), "reader_name": device.name}
    actor = access.own_party(device.patient)
    log.append(action, actor=actor, subject=device.patient_id, outcome="done", details=details)
