"""What answers look like: plain dictionaries, and how the schema names them."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from drf_spectacular.types import OpenApiTypes

from consent.access import Chart, OpenEntry
from consent.models import AccessRequest, Grant
from consent.sharing import requests
from ehr import clock
from ehr.lines import sentences as lines
from ehr.words import Category

Anything = OpenApiTypes.OBJECT


def moment(at: datetime | None) -> str | None:
    """Return a moment in UTC, as ISO 8601 with a Z."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z") if at else None


def grant(one: Grant) -> dict[str, object]:
    """Return a permission: who, what, what for, from when until when, and whether it holds now."""
    at = clock.now()
    ending = getattr(one, "ending", None)
    return {
        "id": str(one.pk),
        "reader": {"id": str(one.reader_id), "kind": one.reader.kind, "name": one.reader.name},
        "categories": list(one.categories),
        "actions": list(one.actions),
        "purpose": one.purpose,
        "starts": moment(one.starts),
        "ends": moment(one.ends),
        "entries": list(one.entries),
        "record_from": one.record_from.isoformat() if one.record_from else None,
        "record_until": one.record_until.isoformat() if one.record_until else None,
        "places": list(one.places),
        "sentence": one.sentence,
        "kind": one.kind,
        "state": _state(one, ending, at),
        "ended_at": moment(ending.at) if ending else None,
        "cause": ending.cause if ending else None,
    }


def _state(one: Grant, ending: object, at: datetime) -> str:
    if ending is not None:
        return "ended"
    if one.ends <= at:
        return "over"
    return "not-yet" if one.starts > at else "in-force"


def request(one: AccessRequest) -> dict[str, object]:
    """Return a request for access as either side may know it."""
    return {
        "id": str(one.pk),
        "patient": str(one.patient_id),
        "reader": {"id": str(one.reader_id), "name": one.reader.name},
        "categories": list(one.categories),
        "actions": list(one.actions),
        "purpose": one.purpose,
        "days": one.days,
        "state": str(requests.state(one)),
        "asked_at": moment(one.asked_at),
        "lapses_at": moment(one.lapses_at),
        "grant": str(one.grant_id) if one.grant_id else None,
    }


def record(chart: Chart, *, start: int, count: int) -> dict[str, object]:
    """Return what an opening showed: the six parts, each as open or not, and a page of entries, newest first.

    A part that is not open says so in the same word for everybody, whether there is anything in it or not.
    """
    shown = chart.entries[start : start + count]
    return {
        "patient": str(chart.patient.pk),
        "parts": {str(part): "open" if part in chart.categories else "not-open" for part in Category},
        "writable": [str(part) for part in chart.writable],
        "purpose": str(chart.purpose),
        "ends": moment(chart.ends),
        "total": len(chart.entries),
        "start": start,
        "entries": [entry(one) for one in shown],
    }


def entry(one: OpenEntry) -> dict[str, object]:
    """Return one entry: the very resource, a sentence, who wrote it, and whether their signature holds."""
    readable = one.raw is not None
    return {
        "id": str(one.logical_id),
        "version": one.version,
        "parts": list(one.parts),
        "written_at": moment(one.written_at),
        "author": one.author_name,
        "signature_holds": one.author_valid,
        "readable": readable,
        "line": str(lines.line(one.resource)) if readable else "",
        "resource": one.resource if readable else None,
    }


def listed(found: Sequence[Mapping[str, object]], **more: object) -> dict[str, object]:
    """Return a list with its length."""
    return {"total": len(found), "items": list(found), **more}
