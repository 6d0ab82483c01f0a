"""Bundles of interactions: a transaction is done whole or not at all, of a batch each entry stands for itself.

A transaction is about one patient. What says of nobody whose it is (a Practitioner, an Organization) joins the record
of what it came with. Source: FHIR R4 http.html#transaction, bundle.html#references.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from django.urls import Resolver404, resolve

from ehr.fhir import bundled, changing, kinds, outcomes, query, reading, rest, writing
from ehr.fhir.asking import Asking
from ehr.fhir.bundled import Item
from ehr.fhir.outcomes import Refusal
from ehr.fhir.query import Asked
from ehr.fhir.records import Seen
from ehr.fhir.wire import Answer, Sent
from ehr.fhir.writing import Change, Done
from ehr.r4 import identity, references
from ehr.r4.references import Entry

_ORDER = ("DELETE", "POST", "PUT", "PATCH")


def bundle(sent: Sent, told: Asked, asking: Asking) -> Answer:
    """Do what a batch or transaction asks."""
    items, kind = bundled.items(sent.resource())
    if kind == "batch":
        return _answered("batch-response", [_alone(one, told, asking) for one in items])
    return _answered("transaction-response", _whole(items, told, asking))


def _answered(kind: str, entries: list[dict]) -> Answer:
    return Answer(200, {"resourceType": "Bundle", "type": kind} | ({"entry": entries} if entries else {}))


# --- A batch, and what a transaction reads -------------------------------------------------------
def _alone(item: Item, told: Asked, asking: Asking) -> dict:
    """Do one entry by itself, as if it had come alone, and return its answer, whatever becomes of it."""
    try:
        view, place = _view(item)
        asked = replace(query.read(item.query), strict=told.strict, returns=told.returns)
        answer = view(item, asked, asking, **place)
        return bundled.response(replace(answer, resource=None) if item.method == "HEAD" else answer)
    except Exception as problem:  # noqa: BLE001 - of a batch the other entries go on
        return bundled.response(rest.refused(problem))


def _view(item: Item) -> tuple[Callable[..., Answer], Mapping[str, str]]:
    """Return what answers an entry's address. Raises Refusal 404 or 405."""
    try:
        match = resolve(f"/fhir/{item.path}")
    except Resolver404:
        raise outcomes.no_such_address() from None
    views = getattr(match.func, "views", {})
    method = "GET" if item.method in bundled.READING else item.method
    if not item.path or views.get(method) in {None, bundle}:
        raise outcomes.method_not_here(views)
    return views[method], match.kwargs


# --- A transaction -------------------------------------------------------------------------------
@dataclass
class _Plan:
    """What a transaction comes to: a change for each entry that writes, or what is there already."""

    asking: Asking
    changes: dict[int, Change] = field(default_factory=dict)  # by the entry's number
    there: dict[int, Seen] = field(default_factory=dict)
    nothing: set[int] = field(default_factory=set)  # entries that find nothing to delete


def _whole(items: Sequence[Item], told: Asked, asking: Asking) -> list[dict]:
    _check_addresses(items)
    plan = _Plan(asking)
    for method in _ORDER:
        for item in items:
            if item.method == method:
                _plan(plan, item)
    for item in items:
        if item.method in bundled.READING:
            _view(item)
    _check_once(plan)
    _rewrite(plan, items)
    changes = [plan.changes[one.number] for how in _ORDER for one in items if one.method == how and _changes(plan, one)]
    patient = next((one.record.patient for one in plan.there.values()), None)
    done = {one.change.at: one for one in writing.commit(asking, changes, patient=patient)} if changes else {}
    return [_said(plan, one, done, told) for one in items]


def _check_addresses(items: Sequence[Item]) -> None:
    """Raise Refusal where two entries have one fullUrl: nobody could say which of them a reference means."""
    seen: set[str] = set()
    for item in items:
        address = identity.folded(item.full_url)
        if address and address in seen:
            words = "An earlier entry has the same fullUrl. Give each entry one of its own."
            raise outcomes.not_understood(words, at=f"{item.place}.fullUrl")
        seen.add(address)


def _changes(plan: _Plan, item: Item) -> bool:
    return item.number in plan.changes


def _plan(plan: _Plan, item: Item) -> None:
    try:
        kinds.known(item.kind)
        _PLANS[item.method](plan, item)
    except Refusal as refusal:
        raise bundled.at(refusal, item) from None


def _plan_post(plan: _Plan, item: Item) -> None:
    if item.fhir_id or item.query:
        raise outcomes.not_understood("In a transaction POST goes to a type, as in POST Observation.")
    conditions = item.headers.get("If-None-Exist", "")
    there = changing.matching_one(plan.asking, item.kind, conditions) if conditions else None
    if there is not None:
        plan.there[item.number] = there
        return
    plan.changes[item.number] = writing.new(item.kind, item.resource(), at=_resource_at(item))


def _plan_put(plan: _Plan, item: Item) -> None:
    resource, seen = item.resource(), _target(plan, item, "update")
    if seen is None:
        plan.changes[item.number] = writing.new(item.kind, resource, at=_resource_at(item))
        return
    whole = resource if item.fhir_id else {**resource, "id": resource.get("id", seen.id)}
    plan.changes[item.number] = writing.next_of(seen, whole, at=_resource_at(item))
    if_match = item.headers.get("If-Match", "")
    writing.check_version(seen, if_match=if_match, resource=resource, needed=bool(item.fhir_id))


def _plan_patch(plan: _Plan, item: Item) -> None:
    seen = _target(plan, item, "patch")
    if seen is None:
        raise outcomes.not_there()
    plan.changes[item.number] = changing.patched(item, seen, at=_resource_at(item))


def _plan_delete(plan: _Plan, item: Item) -> None:
    seen = _target(plan, item, "delete")
    if seen is None or seen.deleted:
        plan.nothing.add(item.number)
        return
    writing.check_version(seen, if_match=item.headers.get("If-Match", ""), resource=None, needed=False)
    plan.changes[item.number] = writing.without(seen, at=_resource_at(item))


_PLANS = {"DELETE": _plan_delete, "POST": _plan_post, "PUT": _plan_put, "PATCH": _plan_patch}


def _resource_at(item: Item) -> str:
    return f"{item.place}.resource"


def _target(plan: _Plan, item: Item, interaction: str) -> Seen | None:
    """Return what an entry is about, by its id or by conditions; None where nothing fits these."""
    if item.fhir_id:
        return reading.newest(plan.asking, item.kind, item.fhir_id, interaction=interaction)
    return changing.one_to_change(plan.asking, item.kind, item.query, interaction=interaction)


def _check_once(plan: _Plan) -> None:
    """Raise Refusal where one resource is written twice: nobody could say which comes first."""
    seen: set[str] = set()
    for change in plan.changes.values():
        if change.name in seen:
            words = "This resource is in the transaction twice. Send one of the two."
            raise outcomes.not_understood(words, at=change.at)
        seen.add(change.name)


# --- References ----------------------------------------------------------------------------------
def _rewrite(plan: _Plan, items: Sequence[Item]) -> None:
    """Turn what entries call each other into the names they have here. Raises Refusal for what leads nowhere.

    A reference by conditions is one to whatever fits them alone: in the Bundle, or among what may be seen.
    """
    addresses = {one.number: one.full_url for one in items}
    named = [Entry(number, addresses[number], _called(one)) for number, one in plan.changes.items()]
    named += [
        Entry(number, addresses[number], {"resourceType": one.kind, "id": one.id}) for number, one in plan.there.items()
    ]
    entries = [Entry(number, addresses[number], one.resource) for number, one in plan.changes.items() if one.resource]
    for one in references.rewrite(entries, named=named):
        change = plan.changes[one.number]
        refusal = Refusal(
            422, "not-found", f"{one.path} refers to nothing that is here, or to more than one.", at=change.at
        )
        kind, conditional, conditions = one.target.partition("?")
        if not conditional or kind not in kinds.kept():
            raise refusal
        found = changing.matching_one(plan.asking, kind, conditions)
        if found is None:
            raise refusal
        bundled.replace_all(change.resource, one.target, found.name)


def _called(change: Change) -> dict:
    """Return how a change is called by whatever refers to it; by its identifiers, too."""
    identifiers = (change.resource or {}).get("identifier")
    return {"resourceType": change.kind, "id": change.fhir_id} | ({"identifier": identifiers} if identifiers else {})


# --- What is said --------------------------------------------------------------------------------
def _said(plan: _Plan, item: Item, done: Mapping[str, Done], told: Asked) -> dict:
    if item.method in bundled.READING:
        return _alone(item, told, plan.asking)
    if item.number in plan.nothing:
        return bundled.response(Answer(204))
    one = plan.there.get(item.number) or done[_resource_at(item)]
    return bundled.response(changing.answer_of(one, told))
