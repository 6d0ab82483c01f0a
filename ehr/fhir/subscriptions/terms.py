"""The Subscription resource: what of it this server keeps, and how it is told. Source: R5 Backport 1.1."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID

from ehr import clock
from ehr.fhir import kinds
from ehr.fhir.models import Subscription
from ehr.fhir.outcomes import Refusal
from ehr.notices import posting
from ehr.r4 import ranges
from ehr.words import Category

BACKPORT = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/"
PROFILE = f"{BACKPORT}backport-subscription"
FILTER = f"{BACKPORT}backport-filter-criteria"
CONTENT = f"{BACKPORT}backport-payload-content"
SECRET = "https://chartseal.org/fhir/StructureDefinition/webhook-secret"  # noqa: S105 - the name of an extension
JSON = "application/fhir+json"
_HEADER = re.compile(r"Authorization: [!-~][ -~]{0,999}")


def topic() -> str:
    """Return the canonical address of the one topic there is."""
    return f"{kinds.base()}/SubscriptionTopic/record-changed"


@dataclass(frozen=True)
class Terms:
    """What an app asks for."""

    patient: UUID
    parts: tuple[str, ...]  # those that were named; empty for all that its token may read
    endpoint: str
    content: str
    header: str
    ends: datetime | None


def read(resource: Mapping[str, Any]) -> Terms:
    """Return what a Subscription asks for. Raises Refusal, naming the element and what would do."""
    if resource.get("criteria") != topic():
        raise _unfit("criteria", f"There is one topic to subscribe to: {topic()}.")
    channel = resource.get("channel") or {}
    if channel.get("type") != "rest-hook":
        raise _unfit("channel.type", "Messages are posted only: send rest-hook.")
    if channel.get("payload") not in (None, JSON):
        raise _unfit("channel.payload", f"Messages are {JSON}.")
    content = _extension(channel.get("_payload"), CONTENT, "valueCode") or Subscription.Content.EMPTY
    if content not in Subscription.Content.values:
        raise _unfit("channel.payload", "Messages are empty or id-only: what is new is read with the app's own token.")
    patient, parts = _filter(_extension(resource.get("_criteria"), FILTER, "valueString"))
    return Terms(patient, parts, _endpoint(channel), str(content), _header(channel), _end(resource))


def _filter(told: object) -> tuple[UUID, tuple[str, ...]]:
    """Return whose record and which parts: "Patient?_id=…&part=labs,history"."""
    words = "Name one record, and parts if not all: Patient?_id=[id]&part=labs,history, as backport-filter-criteria."
    kind, _, query = str(told or "").partition("?")
    asked = dict(parse_qsl(query))
    named = asked.get("_id", "").removeprefix("Patient/")
    parts = tuple(sorted(set(asked.get("part", "").split(",")) - {""}))
    try:
        patient = UUID(named)
    except ValueError:
        raise _unfit("criteria", words) from None
    if kind != "Patient" or set(asked) - {"_id", "part"} or not set(parts) <= set(map(str, Category)):
        raise _unfit("criteria", words)
    return patient, parts


def _endpoint(channel: Mapping[str, Any]) -> str:
    told = channel.get("endpoint")
    try:
        if not isinstance(told, str) or len(told) > 500:
            raise posting.NotAllowed
        posting.check(told)
    except posting.NotAllowed:
        words = "Give an https address that the public network reaches, without a password in it."
        raise _unfit("channel.endpoint", words) from None
    return told


def _header(channel: Mapping[str, Any]) -> str:
    told = channel.get("header") or []
    if len(told) > 1 or (told and not (isinstance(told[0], str) and _HEADER.fullmatch(told[0]))):
        raise _unfit("channel.header", "One header may be sent along: Authorization.")
    return told[0] if told else ""


def _end(resource: Mapping[str, Any]) -> datetime | None:
    told = resource.get("end")
    if told is None:
        return None
    span = ranges.span(str(told))
    at = ranges.read_moment(span.start) if span else None
    if at is None or at <= clock.now():
        raise _unfit("end", "The end is a moment in the future, with its zone.")
    return at


def _extension(element: object, url: str, value: str) -> object:
    found = element.get("extension") if isinstance(element, Mapping) else None
    return next((one.get(value) for one in found or () if one.get("url") == url), None)


def _unfit(element: str, words: str) -> Refusal:
    return Refusal(422, "business-rule", words, at=f"Subscription.{element}")


def resource(row: Subscription, *, state: str, secret: str = "") -> dict[str, object]:
    """Return the row as a Subscription. Its header is never told again; `secret` once, when it is made."""
    chosen = f"Patient?_id={row.patient_id}&part={','.join(row.parts)}"
    channel: dict[str, object] = {
        "type": "rest-hook",
        "endpoint": row.endpoint,
        "payload": JSON,
        "_payload": {"extension": [{"url": CONTENT, "valueCode": row.content}]},
    }
    told: dict[str, object] = {
        "resourceType": "Subscription",
        "id": str(row.pk),
        "meta": {"versionId": "1", "profile": [PROFILE]},
        "status": state,
        "reason": "To be told that something is new",
        "criteria": topic(),
        "_criteria": {"extension": [{"url": FILTER, "valueString": chosen}]},
        "channel": channel,
    }
    if secret:
        told["extension"] = [{"url": SECRET, "valueString": secret}]
    if row.ends_at:
        told["end"] = row.ends_at.isoformat().replace("+00:00", "Z")
    return told


def status(row: Subscription, *, state: str, kind: str, events: int, event: Mapping[str, object] | None = None) -> dict:
    """Return the SubscriptionStatus, as a Parameters resource: how many events there were, and which one this is."""
    parameters: list[dict[str, object]] = [
        {"name": "subscription", "valueReference": {"reference": f"{kinds.base()}/Subscription/{row.pk}"}},
        {"name": "topic", "valueCanonical": topic()},
        {"name": "status", "valueCode": state},
        {"name": "type", "valueCode": kind},
        {"name": "events-since-subscription-start", "valueString": str(events)},
    ]
    if event is not None:
        parts: list[dict[str, object]] = [
            {"name": "event-number", "valueString": str(events)},
            {"name": "timestamp", "valueInstant": event["at"]},
        ]
        if row.content == Subscription.Content.ID_ONLY:
            reference = f"{kinds.base()}/Patient/{row.patient_id}"
            parts.append({"name": "focus", "valueReference": {"reference": reference}})
        parameters.append({"name": "notification-event", "part": parts})
    profile = f"{BACKPORT}backport-subscription-status-r4"
    return {"resourceType": "Parameters", "meta": {"profile": [profile]}, "parameter": parameters}
