"""A patient's record as FHIR R4, to take elsewhere: each resource is the very text that was stored.

Source: FHIR R4 bundle.html#collection, and bundle.html#references for how references lead from entry to entry.
"""

from collections.abc import Iterator, Sequence

from django.conf import settings

from consent.access import Chart, OpenEntry
from ehr.r4 import references, text
from ehr.rights import people


def bundle(chart: Chart) -> bytes:
    """Return a collection bundle of a whole record in UTF-8 JSON, decimals as they were written.

    Nothing in a resource is changed. What this system writes refers to its patient by an id of its own: the record's
    Patient resource stands under that address, so that both names lead to it; where there is none, one is made of what
    is known. Files that lie beside entries are not in it. What does not open is left out: see `unreadable`.
    """
    readable = [entry for entry in chart.entries if entry.raw is not None]
    own = next((one for one in readable if one.resource["resourceType"] == "Patient"), None)
    entries = list(_entries(chart, readable, own))
    head = {"resourceType": "Bundle", "type": "collection", "timestamp": chart.opened_at.isoformat(timespec="seconds")}
    return text.dumps(head)[:-1] + b',"entry":[' + b",".join(entries) + b"]}"


def unreadable(chart: Chart) -> int:
    """Return how many entries of a record do not open, and so are missing in its copy."""
    return sum(entry.raw is None for entry in chart.entries)


def _entries(chart: Chart, readable: Sequence[OpenEntry], own: OpenEntry | None) -> Iterator[bytes]:
    if own is None:
        yield _entry(f"Patient/{chart.patient.pk}", text.dumps(people.patient(chart.patient, {})))
    for one in readable:
        yield _entry(f"Patient/{chart.patient.pk}" if one is own else references.name_of(one.resource), one.raw)


def _entry(name: str, resource: bytes) -> bytes:
    return (
        b'{"fullUrl":' + text.dumps(f"{settings.SITE_URL.rstrip('/')}/fhir/{name}") + b',"resource":' + resource + b"}"
    )
