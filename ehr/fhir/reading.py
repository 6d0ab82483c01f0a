"""Reading: one resource, one version of it, its history, and searches. Source: FHIR R4 http.html#read to #search."""

from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from django.conf import settings

from ehr.fhir import directory, files, kinds, outcomes, pages, people, query, records, search, studies, times, wire
from ehr.fhir.asking import Asking
from ehr.fhir.cursors import Place
from ehr.fhir.query import Asked
from ehr.fhir.records import Seen
from ehr.fhir.shaping import shaped
from ehr.fhir.wire import Answer, Sent
from ehr.r4 import ranges
from patients.models import Patient


# --- One resource --------------------------------------------------------------------------------
def read(sent: Sent, told: Asked, asking: Asking, kind: str, fhir_id: str) -> Answer:
    """Return one resource as it is now."""
    if kind == "Binary" and (file := _file(asking, fhir_id)):
        return Answer(200, file, {"ETag": f'W/"{file["meta"]["versionId"]}"'})
    if kind == "Practitioner" and (person := people.whoever_asks(asking, fhir_id)):
        return Answer(200, shaped(person, told))
    if listed := directory.find(asking, kind, fhir_id):
        return Answer(200, shaped(listed, told))
    found = newest(asking, kind, fhir_id)
    if found.deleted:
        raise outcomes.gone()
    if _is_known(sent, found):
        return Answer(304, None, version_headers(found))
    return Answer(200, shaped(found.resource, told), version_headers(found))


def _file(asking: Asking, fhir_id: str) -> dict | None:
    if not asking.allow("Binary", "read"):
        raise outcomes.beyond_scope("Binary")
    return files.beside(records.record_with(asking, "Binary", fhir_id, action="entry.opened"), fhir_id)


def newest(asking: Asking, kind: str, fhir_id: str, *, interaction: str = "read") -> Seen:
    """Return the newest version of a resource that may be seen, a deletion too. Raises Refusal 404."""
    if not asking.allow(kinds.searched(kind), interaction):
        raise outcomes.beyond_scope(kind)
    if interaction != "read" and directory.find(asking, kind, fhir_id):
        raise outcomes.changed_elsewhere()
    kinds.known(kind)
    record = records.record_with(asking, kind, fhir_id, action="entry.opened")
    found = record.of(f"{kind}/{fhir_id}")
    if not found or not _allowed(asking, interaction, found[0]):
        raise outcomes.not_there()
    return found[0]


def _allowed(asking: Asking, interaction: str, one: Seen) -> bool:
    # Of what was deleted nothing is said but that it was.
    return asking.allow(one.kind, interaction, None if one.deleted else one.index, patient=one.record.patient)


def check_allowed(asking: Asking, one: Seen, interaction: str) -> None:
    """Raise Refusal where the token's scopes do not let something be done with what was found: 403 for its whole type,
    404 for this one of it.
    """
    if not asking.allow(one.kind, interaction):
        raise outcomes.beyond_scope(one.kind)
    if not _allowed(asking, interaction, one):
        raise outcomes.not_there()


def version_headers(one: Seen) -> dict[str, str]:
    """Return the headers that say which version something is."""
    return {"ETag": f'W/"{one.version_id}"', "Last-Modified": wire.http_date(one.written_at)}


def _is_known(sent: Sent, one: Seen) -> bool:
    """Tell whether the client has this version already. Source: RFC 9110, 13.1.2 and 13.1.3."""
    tags = sent.headers.get("If-None-Match")
    if tags is not None:
        return tags.strip() == "*" or f'"{one.version_id}"' in {
            tag.strip().removeprefix("W/") for tag in tags.split(",")
        }
    try:
        since = parsedate_to_datetime(sent.headers.get("If-Modified-Since", ""))
        since = since if since.tzinfo else since.replace(tzinfo=UTC)
        return one.written_at.replace(microsecond=0) <= since
    except (ValueError, OverflowError):
        return False  # a time that cannot be read is passed over


def vread(_sent: Sent, told: Asked, asking: Asking, kind: str, fhir_id: str, version: str) -> Answer:
    """Return one version of a resource."""
    found = next((one for one in _versions(asking, kind, fhir_id) if one.version_id == version), None)
    if found is None:
        raise outcomes.not_there()
    if found.deleted:
        raise outcomes.gone()
    return Answer(200, shaped(found.resource, told), version_headers(found))


def _versions(asking: Asking, kind: str, fhir_id: str) -> list[Seen]:
    kinds.known(kind)
    if not asking.allow(kind, "read"):
        raise outcomes.beyond_scope(kind)
    record = records.record_with(asking, kind, fhir_id, action="entry.opened", all_versions=True)
    return [one for one in record.of(f"{kind}/{fhir_id}") if _allowed(asking, "read", one)]


# --- Histories -----------------------------------------------------------------------------------
def history(_sent: Sent, told: Asked, asking: Asking, kind: str, fhir_id: str) -> Answer:
    """Return the versions of one resource."""
    path = f"{kind}/{fhir_id}/_history"
    told, place = _history_asked(asking, told, path)
    versions = _versions(asking, kind, fhir_id)
    if not versions:
        raise outcomes.not_there()
    return _history(told, place, asking, path, versions)


def type_history(_sent: Sent, told: Asked, asking: Asking, kind: str) -> Answer:
    """Return the versions of everything of a type."""
    path = f"{kinds.known(kind)}/_history"
    if not asking.allow(kind, "history-type"):
        raise outcomes.beyond_scope(kind)
    return _history_of(told, asking, path, (kind,))


def system_history(_sent: Sent, told: Asked, asking: Asking) -> Answer:
    """Return the versions of everything that the token's scopes reach."""
    return _history_of(told, asking, "_history", tuple(one for one in kinds.kept() if _may_list(asking, one)))


def _history_of(told: Asked, asking: Asking, path: str, wanted: tuple[str, ...]) -> Answer:
    told, place = _history_asked(asking, told, path)
    patients = search.within_reach(asking, *wanted) if len(wanted) == 1 else records.patients_of(asking)
    if len(patients) > settings.FHIR_RECORDS_AT_ONCE:
        words = "This would open more records than are opened at once. Ask for the history of one resource."
        raise outcomes.Refusal(422, "too-costly", words)
    found = records.open_all(asking, patients, kinds=wanted, action="record.searched", all_versions=True)
    seen = (one for record in found for one in record.versions if one.kind in wanted)
    listed = [one for one in seen if all(_allowed(asking, how, one) for how in _LISTING)]
    return _history(told, place, asking, path, listed)


# Who lists the versions of many resources searches, and then reads: in SMART, `s` and `r`.
_LISTING = ("history-type", "read")


def _may_list(asking: Asking, kind: str) -> bool:
    return all(asking.allow(kind, how) for how in _LISTING)


def _history_asked(asking: Asking, told: Asked, path: str) -> tuple[Asked, Place | None]:
    """Return what is asked of a history, and where its page begins. In its Bundle nothing could be said of the rest."""
    told, place = pages.opened(asking, told, path)
    return query.without_unknown(told, {"_since", "_at", "_count"}, by="A history")[0], place


def _history(told: Asked, place, asking: Asking, path: str, versions: list[Seen]) -> Answer:
    kept = _within(versions, told)
    oldest = {one.name: one.version for one in sorted(versions, key=lambda one: -one.version)}
    return Answer(200, pages.history(kept, place, told, asking=asking, path=path, pairs=told.criteria, oldest=oldest))


def _within(versions: list[Seen], told: Asked) -> list[Seen]:
    """Return the versions written since a time, and current at some point of another, where these are asked for."""
    since, at = told.one("_since"), _times(told.one("_at"))
    first = span_of(since, "_since").start if since else ""
    found = [one for one in versions if ranges.moment(one.written_at) >= first]
    if at is None:
        return found
    ends = _ends(versions)
    return [one for one in found if ranges.moment(one.written_at) < at.end and ends[one.name, one.version] > at.start]


def _ends(versions: Iterable[Seen]) -> dict[tuple[str, int], str]:
    """Return until which moment each version was the current one, as far as can be seen: until the next was written."""
    ends: dict[tuple[str, int], str] = {}
    later: dict[str, str] = {}
    for one in sorted(versions, key=lambda one: -one.version):
        ends[one.name, one.version] = later.get(one.name, ranges.LAST)
        later[one.name] = ranges.moment(one.written_at)
    return ends


def _times(text: str) -> ranges.Span | None:
    """Return from when to before when `_at` looks: the time it names, or with a prefix all from or up to it."""
    if not text:
        return None
    prefix = text[:2] if text[:2] in _PREFIXES else ""
    start, end = span_of(text.removeprefix(prefix), "_at")
    end = end or ranges.LAST
    if prefix in {"ge", "gt", "sa"}:
        return ranges.Span(start if prefix == "ge" else end, ranges.LAST)
    if prefix in {"le", "lt", "eb"}:
        return ranges.Span("", end if prefix == "le" else start)
    return ranges.Span(start, end)


_PREFIXES = frozenset({"eq", "ge", "gt", "sa", "le", "lt", "eb"})


def span_of(text: str, name: str) -> ranges.Span:
    """Return the time a parameter covers. Raises Refusal 400."""
    found = ranges.span(text)
    if found is None:
        raise outcomes.not_understood(f"{name} is an instant or a date.", at=f"http.{name}", code="value")
    return found


def instant_of(text: str, name: str) -> datetime | None:
    """Return the time a parameter names, None where it is not given. Raises Refusal 400."""
    return ranges.read_moment(span_of(text, name).start) if text else None


# --- Searches ------------------------------------------------------------------------------------
def search_type(_sent: Sent, told: Asked, asking: Asking, kind: str) -> Answer:
    """Return what of a type answers a question."""
    return _searched(told, asking, kinds.searched(kind), kind)


def search_by_form(sent: Sent, told: Asked, asking: Asking, kind: str) -> Answer:
    """Return the same for a question that came as a form, so that no proxy writes it down."""
    told = query.with_form(sent, told)
    wire.check_accepted(sent.headers, told.format)
    return _searched(told, asking, kinds.searched(kind), kind)


def search_compartment(_sent: Sent, told: Asked, asking: Asking, fhir_id: str, kind: str) -> Answer:
    """Return what of a type in one patient's record answers a question."""
    kinds.known(kind)
    return _searched(told, asking, kind, f"Patient/{fhir_id}/{kind}", records.patient_of(asking, fhir_id))


# Whom can be booked, and which studies there are, is in nobody's record; what others sent of such types is found in
# the one it came with.
_LISTED = dict.fromkeys(times.KINDS, times.find) | {directory.STUDY: studies.find}


def _searched(told: Asked, asking: Asking, kind: str, path: str, within: Patient | None = None) -> Answer:
    told, place = pages.opened(asking, told, path)
    asked = search.question(kind, told)
    listing = _LISTED.get(kind) if within is None else None
    found = listing(asking, asked) if listing else search.find(asking, asked, within=within)
    return Answer(200, pages.searchset(found, place, asking=asking, path=path))
