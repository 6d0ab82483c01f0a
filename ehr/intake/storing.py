"""One message or document of a feed becomes entries: checked, matched, sealed, in one transaction, and once.

A message is recognised by its control id and by every byte of it; a repeated one adds nothing. The same content under
another control id adds nothing either, for entries are recognised by their own content. Who holds which key: the feed's
signing key is derived from the server's storage key and opens nothing; entries are sealed to the record's lockboxes.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial

from django.conf import settings
from django.db import IntegrityError, transaction

from consent import access
from consent.access import Draft
from consent.sharing import incoming
from ehr import clock
from ehr.crypto.digests import keyed
from ehr.r4 import references
from ehr.r4.references import Entry
from patients import naming
from patients.models import Patient
from patients.queries import identifier_digest

from . import drafts, feeds, joining, operations, people, queries, tracing
from .delivery import Delivery
from .models import Feed, Said, Taken
from .refusals import Raced, Refused

TRIES = 3
# How far ahead a sender's clock may be. What it says was said later than that was said when it came: a year that is
# wrong once would make every correction after it one that comes too late.
AHEAD = timedelta(minutes=5)


@dataclass
class Stored:
    """What came of a message: whose record it went to, how many entries it made, and whether it was known already."""

    taken: Taken
    known: bool = False
    entries: list = field(default_factory=list)


def digests(feed: Feed, control_id: str, content: bytes) -> tuple[bytes, bytes]:
    """Return the keyed digests by which a message is recognised: of its control id, and of every byte."""
    body = hashlib.sha256(content).hexdigest()
    return (
        keyed(settings.INDEX_KEY, "control-id", f"{feed.pk}|{control_id}"),
        keyed(settings.INDEX_KEY, "message", f"{feed.pk}|{body}"),
    )


def known(feed: Feed, control_id: str, content: bytes) -> Taken | None:
    """Return the message where it was taken in before, byte for byte."""
    control, body = digests(feed, control_id, content)
    return Taken.objects.filter(feed=feed, control_digest=control, content_digest=body).first()


def wrong_with(delivery: Delivery) -> list[str]:
    """Return what is wrong with the resources a message became; [] where they are FHIR R4 and may be stored."""
    found: list[str] = []
    for number, resource in enumerate([delivery.person, *delivery.resources], start=1):
        found += operations.wrong_with_entry(Entry(number, "", resource))
    return found[: operations.MOST_REASONS]


def take_in(delivery: Delivery, *, feed: Feed, control_id: str, content: bytes) -> Stored:
    """Seal what a message brings, whole or not at all; when this returns, it is committed. Raises Refused and Later.

    Where another message began the same record at the same moment, this one finds it there at the next try.
    """
    if words := wrong_with(delivery):
        raise Refused(*words)
    for _attempt in range(TRIES - 1):
        with suppress(Raced):
            return _once(delivery, feed=feed, control_id=control_id, content=content)
    return _once(delivery, feed=feed, control_id=control_id, content=content)


def _once(delivery: Delivery, *, feed: Feed, control_id: str, content: bytes) -> Stored:
    source = feed.source.name
    with operations.stored_whole("This message"), transaction.atomic(durable=True):
        control, body = digests(feed, control_id, content)
        try:
            with transaction.atomic():
                # Two of the same at once: the second waits here until the first is committed.
                taken = Taken.objects.create(feed=feed, kind=delivery.kind, control_digest=control, content_digest=body)
        except IntegrityError:
            return Stored(Taken.objects.get(feed=feed, control_digest=control, content_digest=body), known=True)
        patient = _patient(delivery, feed)
        Patient.objects.select_for_update().get(pk=patient.pk)
        entries = _sealed(patient, delivery, feed=feed, control_id=control_id)
        taken.patient, taken.entries = patient, [str(entry.pk) for entry in entries]
        taken.named_digest = identifier_digest(*naming.named_by_source(source, delivery.names[0]))
        taken.save(update_fields=["patient", "entries", "named_digest"])
        return Stored(taken, entries=entries)


def _patient(delivery: Delivery, feed: Feed) -> Patient:
    """Return whose record it is. A merge names two, and leads to the one that stays."""
    source = feed.source.name
    for former in delivery.former:
        gone = people.find(source, former)
        if gone is None:
            continue
        if not any(people.find(source, name) for name in delivery.names):
            # The number that stays is new here: it leads where the one given up leads.
            people.remember(gone, source=source, names_there=delivery.names)
    kept = people.find_or_expect(delivery.person, source=source, names_there=delivery.names)
    for former in delivery.former:
        joining.told_by_feed(feed, kept=kept, former=former)
    return kept


def _sealed(patient: Patient, delivery: Delivery, *, feed: Feed, control_id: str) -> list:
    """Seal what is new of a message, and remember when its sender said so."""
    resources = _current(patient, delivery, feed.source.name)
    context = [delivery.person, *delivery.resources]
    fresh, entries = seal(patient, resources, feed=feed, control_id=control_id, files=delivery.files, context=context)
    _remember_when(patient, [draft for _kind, draft in fresh], delivery.said_at)
    return entries


def seal(
    patient: Patient,
    resources: list[dict],
    *,
    feed: Feed,
    control_id: str,
    files: Mapping[str, bytes] | None = None,
    context: list[dict] | None = None,
) -> tuple[list[tuple[str, Draft]], list]:
    """Seal what is new among resources, with a Provenance that names feed and message; return drafts and rows.

    `context` is what else came along: what a resource points at counts for its labels. Call it in a transaction.
    """
    source = feed.source.name
    resources = incoming.take_out(patient, resources, source=source)
    fresh = list(drafts.make(patient, resources, source=source, files=files))
    if not fresh:
        return [], []
    about = tracing.provenances(
        patient,
        [draft for _kind, draft in fresh],
        resources,
        source=source,
        about=partial(_provenance, feed, control_id),
        context=context,
    )
    entries = access.receive(patient, [*(draft for _kind, draft in fresh), *about], source=feeds.signer(feed))
    return fresh, entries


def put(feed: Feed, control_id: str, content: bytes) -> operations.Put:
    """Return what seals the resources of one delivery of FHIR, and notes whose record they went to."""
    control, body = digests(feed, control_id, content)

    def sealed(patient: Patient, resources: Iterable[dict], *, source: str) -> operations.Outcome:
        resources = list(resources)
        Patient.objects.select_for_update().get(pk=patient.pk)
        fresh, entries = seal(patient, resources, feed=feed, control_id=control_id)
        if entries:
            # One delivery may go to several records, and has a row for each.
            each = keyed(settings.INDEX_KEY, "control-id", f"{control.hex()}|{patient.pk}|{source}")
            Taken.objects.create(
                feed=feed,
                kind="FHIR",
                control_digest=each,
                content_digest=keyed(settings.INDEX_KEY, "message", f"{body.hex()}|{entries[0].pk}"),
                patient=patient,
                entries=[str(entry.pk) for entry in entries],
            )
        added = Counter(kind for kind, _draft in fresh)
        every = Counter(resource["resourceType"] for resource in resources)
        return operations.Outcome(added, every - added, [str(entry.pk) for entry in entries])

    return sealed


def _current(patient: Patient, delivery: Delivery, source: str) -> list[dict]:
    """Return the resources to store: the Patient where it is news, and nothing that comes too late."""
    resources = list(delivery.resources)
    own = naming.logical_id(patient.pk, source, references.name_of(delivery.person))
    if delivery.about_the_person or own not in queries.stored(patient):
        resources.insert(0, delivery.person)
    said_at = _said_at(delivery.said_at)
    if said_at is None:
        return resources
    ids = {naming.logical_id(patient.pk, source, references.name_of(one)): one for one in resources}
    later = Said.objects.filter(logical_id__in=list(ids), at__gt=said_at, at__lte=clock.now() + AHEAD)
    late = set(later.values_list("logical_id", flat=True))
    return [one for logical_id, one in ids.items() if logical_id not in late]


def _said_at(text: str) -> datetime | None:
    """Return when a sender says that it said so, in UTC: now, where its clock is in the future.

    None where it says nothing, or a time that UTC has no day for.
    """
    if not text:
        return None
    try:
        said, now = datetime.fromisoformat(text).astimezone(UTC), clock.now()
    except OverflowError:
        return None
    return said if said <= now + AHEAD else now


def _remember_when(patient: Patient, fresh: Iterable[Draft], text: str) -> None:
    at = _said_at(text)
    for draft in fresh if at else ():
        Said.objects.update_or_create(logical_id=draft.logical_id, defaults={"patient": patient, "at": at})


def _provenance(feed: Feed, control_id: str, made: list[str]) -> dict:
    """Return the Provenance of what a message made: who sent it, and the number the sender gave it."""
    name = hashlib.sha256(f"{feed.pk}|{control_id}|{'|'.join(made)}".encode()).hexdigest()[:40]
    return {
        "resourceType": "Provenance",
        "id": name,
        "target": [{"reference": one} for one in made],
        "recorded": clock.now().strftime("%Y-%m-%dT%H:%M:%SZ"),
        "agent": [{"who": {"display": feed.source.name}}],
        "entity": [
            {
                "role": "source",
                "what": {"identifier": {"system": f"{naming.OWN_SYSTEMS}feed:{feed.pk}:message", "value": control_id}},
            }
        ],
    }
