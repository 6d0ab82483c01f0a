"""One resource made, changed or deleted by itself. Source: FHIR R4 http.html#create, #update, #patch, #delete."""

import uuid
from collections.abc import Callable
from urllib.parse import urlencode

from django.conf import settings

from consent.access import ChangedMeanwhile
from ehr.crypto.digests import keyed
from ehr.fhir import drafted, kinds, naming, outcomes, patching, query, reading, search, wire, writing
from ehr.fhir import told as told_here
from ehr.fhir.asking import Asking
from ehr.fhir.bundled import Item
from ehr.fhir.outcomes import Issue, Refusal
from ehr.fhir.query import Asked
from ehr.fhir.records import Seen
from ehr.fhir.wire import Answer, Sent
from ehr.fhir.writing import Change, Done

# Whose record it is, and what this server tells by itself. `metadata` says so.
_NAMED = told_here.KINDS | {"Patient"}


def create(sent: Sent, told: Asked, asking: Asking, kind: str) -> Answer:
    """Make a resource; with If-None-Exist only where none is there that may be seen."""
    kinds.known(kind)
    resource = sent.resource()
    if kind in told_here.KINDS:
        return drafted.create(asking, kind, resource)
    criteria = sent.headers.get("If-None-Exist", "")
    if not criteria:
        return _written(asking, told, writing.new(kind, resource))
    there = matching_one(asking, kind, criteria)
    if there is not None:
        return answer_of(there, told)
    try:
        return _written(asking, told, writing.new(kind, resource, logical_id=_by(asking, criteria)))
    except ChangedMeanwhile:
        # Two at the same moment: the other one's is there now, or was deleted since.
        there = matching_one(asking, kind, criteria)
        if there is not None:
            return answer_of(there, told)
    return _written(asking, told, writing.new(kind, resource))


def _by(asking: Asking, criteria: str) -> uuid.UUID:
    """Return the id that a conditional creation gives: the same for two that are sent at once, so that one is made."""
    return uuid.UUID(bytes=keyed(settings.INDEX_KEY, "if-none-exist", f"{asking.client}|{criteria}")[:16], version=5)


def matching_one(asking: Asking, kind: str, criteria: str) -> Seen | None:
    """Return the one resource that fits conditions, None where none does that may be seen. Raises Refusal 412."""
    found = _matching(asking, kind, criteria)
    if len(found) > 1:
        raise Refusal(412, "multiple-matches", "More than one resource fits these conditions. Name one by its id.")
    return found[0] if found else None


def one_to_change(asking: Asking, kind: str, criteria: str, *, interaction: str) -> Seen | None:
    """Return the one resource that fits conditions, None where none does. Raises Refusal 412, 403 and 404.

    That it can be found does not say that it may be changed: each scope counts for what it was let do.
    """
    if kinds.known(kind) in _NAMED:
        words = "This is changed by its id alone: look for it, then send the change to the address that was found."
        raise Refusal(405, "not-supported", words, headers={"Allow": "GET, POST"})
    seen = matching_one(asking, kind, criteria)
    if seen is not None:
        reading.check_allowed(asking, seen, interaction)
    return seen


def _matching(asking: Asking, kind: str, criteria: str) -> list[Seen]:
    told = query.read(criteria.removeprefix(f"{kind}?"))
    if not told.criteria:
        raise outcomes.not_understood("These conditions name nothing to look for.", code="required")
    # A condition that is left out would fit more than was meant.
    strict = Asked(criteria=told.criteria, strict=True)
    return search.find(asking, search.question(kind, strict)).matches


# --- Update --------------------------------------------------------------------------------------
def update(sent: Sent, told: Asked, asking: Asking, kind: str, fhir_id: str) -> Answer:
    """Write the next version of a resource."""
    resource = sent.resource()
    seen = reading.newest(asking, kind, fhir_id, interaction="update")
    return _written(asking, told, _next(sent, seen, resource))


def _next(sent: Sent, seen: Seen, resource: dict) -> Change:
    change = writing.next_of(seen, resource)
    writing.check_version(seen, if_match=sent.headers.get("If-Match", ""), resource=resource, needed=True)
    return change


def update_where(sent: Sent, told: Asked, asking: Asking, kind: str) -> Answer:
    """Write the next version of the one resource that fits conditions, or a first one where none does."""
    resource = sent.resource()
    seen = _meant(told, asking, kind, "update")
    if seen is None:
        if resource.get("id"):
            words = "Nothing fits these conditions, and ids are given here. Leave the id out to make a new one."
            raise outcomes.not_understood(words, at=f"{kind}.id")
        return _written(asking, told, writing.new(kind, resource))
    whole = {**resource, "id": resource.get("id", seen.id)}
    change = writing.next_of(seen, whole)
    if_match = sent.headers.get("If-Match", "")
    writing.check_version(seen, if_match=if_match, resource=None, needed=False)
    return _written(asking, told, change)


def _meant(told: Asked, asking: Asking, kind: str, interaction: str) -> Seen | None:
    return one_to_change(asking, kind, urlencode(told.criteria), interaction=interaction)


# --- Patch ---------------------------------------------------------------------------------------
def patch(sent: Sent, told: Asked, asking: Asking, kind: str, fhir_id: str) -> Answer:
    """Change some elements of a resource. A patch says what it changes, so it needs no version; If-Match counts."""
    return _patched(sent, told, asking, lambda: reading.newest(asking, kind, fhir_id, interaction="patch"))


def patch_where(sent: Sent, told: Asked, asking: Asking, kind: str) -> Answer:
    """Do the same with the one resource that fits conditions."""
    return _patched(sent, told, asking, lambda: _meant(told, asking, kind, "patch"))


def _patched(sent: Sent, told: Asked, asking: Asking, find: Callable[[], Seen | None]) -> Answer:
    seen = find()
    if seen is None:
        raise outcomes.not_there()
    return _written(asking, told, patched(sent, seen))


def patched(sent: Sent | Item, seen: Seen, *, at: str = "") -> Change:
    """Return the version that a patch makes of a resource. Raises Refusal."""
    operations = sent.patch()
    if seen.deleted:
        raise outcomes.gone()
    writing.check_version(seen, if_match=sent.headers.get("If-Match", ""), resource=None, needed=False)
    return writing.next_of(seen, patching.patched(seen.resource, operations), at=at)


# --- Delete --------------------------------------------------------------------------------------
def delete(sent: Sent, told: Asked, asking: Asking, kind: str, fhir_id: str) -> Answer:
    """Write the version that says that a resource was deleted. What was there stays in its history."""
    return _deleted(sent, told, asking, reading.newest(asking, kind, fhir_id, interaction="delete"))


def delete_where(sent: Sent, told: Asked, asking: Asking, kind: str) -> Answer:
    """Do the same with the one resource that fits conditions; with none there is nothing to do."""
    seen = _meant(told, asking, kind, "delete")
    return Answer(204) if seen is None else _deleted(sent, told, asking, seen)


def _deleted(sent: Sent, told: Asked, asking: Asking, seen: Seen) -> Answer:
    if seen.deleted:
        return Answer(204, None, {"ETag": f'W/"{seen.version_id}"'})
    change = writing.without(seen)
    writing.check_version(seen, if_match=sent.headers.get("If-Match", ""), resource=None, needed=False)
    [done] = writing.commit(asking, [change])
    tag = {"ETag": f'W/"{done.version_id}"'}
    if told.returns == "outcome":
        return Answer(200, outcomes.outcome([Issue("informational", "Deleted.", "", "information")]), tag)
    return Answer(204, None, tag)


# --- Answers -------------------------------------------------------------------------------------
def _written(asking: Asking, told: Asked, change: Change) -> Answer:
    return answer_of(writing.commit(asking, [change])[0], told)


def answer_of(one: Done | Seen, told: Asked) -> Answer:
    """Return the answer to a write, or to one that found what it would have made: with the resource, without, or with a
    word about it, as the client prefers.
    """
    headers = {"ETag": f'W/"{one.version_id}"', "Last-Modified": wire.http_date(one.written_at)}
    if one.deleted:
        return Answer(204, None, headers)
    headers["Location"] = f"{kinds.base()}/{one.name}/_history/{one.version_id}"
    status = 201 if isinstance(one, Done) and one.change.is_first else 200
    resource = None if told.returns == "minimal" else one.resource
    if told.returns == "outcome":
        word = "Written." if isinstance(one, Done) else "It was there already."
        resource = outcomes.outcome([Issue("informational", word, "", "information")])
    return Answer(status, resource, headers, naming.instant(one.written_at))
