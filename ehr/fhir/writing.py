"""New resources and new versions: checked, labelled and named before anything is sealed; the door lets them in or not.

Nothing is overwritten: an update and a deletion are further versions; what was there can be read in the history.
Source: FHIR R4 http.html#create to #delete, #concurrency.
"""

import re
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from consent import access
from consent.access import AccessDenied, Draft
from ehr.fhir import kinds, naming, outcomes, records, told, visits
from ehr.fhir.asking import Asking
from ehr.fhir.outcomes import Refusal
from ehr.fhir.records import Seen, Told
from ehr.r4 import labels, search, subjects, text, validate
from patients.models import Entry, Patient

MOST_PROBLEMS = 20
_VERSION = re.compile(r'(?:W/)?"([A-Za-z0-9.-]{1,64})"')
# What this server says itself, or adds for one answer.
_OURS = frozenset({"versionId", "lastUpdated"})
_OUR_TAGS = frozenset({naming.NOTICE})


@dataclass
class Change:
    """One thing to write: which resource in which version, as it will be stored; None for a deletion."""

    kind: str
    logical_id: uuid.UUID
    fhir_id: str
    version: int
    resource: dict | None
    patient: Patient | None = None
    parts: tuple[str, ...] = ()  # of what is deleted
    at: str = ""  # where it stands in a Bundle

    @property
    def name(self) -> str:
        return f"{self.kind}/{self.fhir_id}"

    @property
    def is_first(self) -> bool:
        """Whether nothing was there before. A Patient always was: until one is written it is made of what is known."""
        return self.version == 1 and self.kind != "Patient"

    @property
    def interaction(self) -> str:
        """By which of the token's scopes it is let through."""
        return "delete" if self.resource is None else "create" if self.is_first else "update"


@dataclass(frozen=True)
class Done:
    """What was written, with the time it has."""

    change: Change
    entry: Entry

    @property
    def name(self) -> str:
        return self.change.name

    @property
    def version(self) -> int:
        return self.change.version

    @property
    def version_id(self) -> str:
        """What its version is called outside."""
        return naming.version_id(str(self.change.logical_id), self.version)

    @property
    def written_at(self) -> datetime:
        return self.entry.written_at

    @property
    def deleted(self) -> bool:
        return self.change.resource is None

    @property
    def resource(self) -> dict | None:
        """The resource as this server gives it out from now on."""
        change = self.change
        if change.resource is None:
            return None
        meta = {"versionId": self.version_id, "lastUpdated": naming.instant(self.written_at)}
        head = {"resourceType": change.kind, "id": change.fhir_id, "meta": meta | (change.resource.get("meta") or {})}
        return head | {name: value for name, value in change.resource.items() if name not in head}


# --- Preparing -----------------------------------------------------------------------------------
def new(kind: str, resource: dict, *, logical_id: uuid.UUID | None = None, at: str = "") -> Change:
    """Return a resource that gets an id of ours. Raises Refusal."""
    if kind == "Patient":
        words = "A record begins when its person signs up or is registered. Update the Patient that is there instead."
        raise Refusal(405, "not-supported", words, headers={"Allow": "GET"})
    _check_kind(kind, resource, at)
    if kind == visits.KIND and visits.is_offered_here(resource):
        words = "A time of this server's is booked by /api/v1: keep it, see its price and terms, then book it."
        raise Refusal(422, "business-rule", words, at=f"{at or kind}.slot")
    _check_joined(kind, resource, at)
    given = logical_id or uuid.uuid4()
    return Change(kind, given, str(given), 1, _ours(resource, str(given)), at=at)


def next_of(seen: Seen, resource: dict, *, at: str = "") -> Change:
    """Return the version that follows the one that may be seen. Raises Refusal."""
    _check_kind(seen.kind, resource, at)
    if resource.get("id") != seen.id:
        raise outcomes.not_understood("The id in the body is not the one in the address.", at=f"{seen.kind}.id")
    _check_stored(seen)
    _check_joined(seen.kind, resource, at)
    if seen.row is None and not seen.record.shows_basics:
        raise outcomes.may_not("Who this is about may be read here, and not changed.")
    stored = _ours(resource, str(seen.logical_id))
    return Change(seen.kind, seen.logical_id, seen.id, seen.version + 1, stored, seen.record.patient, at=at)


def without(seen: Seen, *, at: str = "") -> Change:
    """Return the version that says that something was deleted. Raises Refusal."""
    _check_stored(seen)
    if seen.kind == "Patient" or seen.row is None:
        words = "Whose record this is stays with it. Their rights to have it erased are exercised with the operator."
        raise Refusal(405, "not-supported", words, headers={"Allow": "GET, PUT, PATCH"})
    parts = tuple(seen.row.parts)
    return Change(seen.kind, seen.logical_id, seen.id, seen.version + 1, None, seen.record.patient, parts, at)


def _check_stored(seen: Seen) -> None:
    """Raise Refusal for what is told here and stored as none: it is changed where it comes from."""
    if isinstance(seen, Told):
        raise outcomes.changed_elsewhere()


def _check_joined(kind: str, resource: dict, at: str) -> None:
    if kind == told.JOININGS and told.is_joined_here(resource):
        words = "Nobody joins a study of this server's by what is sent: its patient signs that in their portal."
        raise Refusal(422, "business-rule", words, at=f"{at or kind}.study")


def _check_kind(kind: str, resource: dict, at: str) -> None:
    if resource.get("resourceType") != kind:
        words = "The resource is of another type than the address."
        raise outcomes.not_understood(words, at=f"{at}.resourceType" if at else "resourceType")
    if _is_part(resource):
        words = "This is only a part of a resource: it is tagged SUBSETTED. Read it whole, then write it whole."
        raise Refusal(422, "business-rule", words, at=f"{at or kind}.meta.tag")


def _tags(resource: Mapping) -> list[dict]:
    meta = resource.get("meta")
    tags = meta.get("tag") if isinstance(meta, dict) else None
    return [one for one in tags if isinstance(one, dict)] if isinstance(tags, list) else []


def _is_part(resource: Mapping) -> bool:
    return any(tag.get("code") == "SUBSETTED" for tag in _tags(resource))


def _ours(resource: dict, fhir_id: str) -> dict:
    """Return a resource under its id here, without what this server says itself, links to here made short."""
    kept = _short({name: value for name, value in resource.items() if name not in {"id", "meta"}}, f"{kinds.base()}/")
    meta = resource.get("meta")
    if isinstance(meta, dict):
        meta = {name: value for name, value in meta.items() if name not in _OURS}
        meta |= _kept("security", meta.get("security"), _OUR_SECURITY) | _kept("tag", meta.get("tag"), _OUR_TAGS)
        meta = {name: value for name, value in meta.items() if value != []}
    head = {"resourceType": kept.pop("resourceType"), "id": fhir_id}
    return head | ({"meta": meta} if meta else {}) | kept


_OUR_SECURITY = frozenset({labels.CATEGORY})


def _kept(name: str, codings: object, ours: frozenset[str]) -> dict[str, object]:
    """Return codings without those this server adds by itself: an old label must not stay beside the new one."""
    if not isinstance(codings, list):
        return {}
    if ours is _OUR_SECURITY and any(isinstance(one, dict) and str(one.get("system")) in ours for one in codings):
        ours = ours | {labels.CONFIDENTIALITY}
    return {name: [one for one in codings if not (isinstance(one, dict) and str(one.get("system")) in ours)]}


def _short(value, base: str):
    """Return a value in which links to this very server are relative, as it writes them itself."""
    if isinstance(value, dict):
        return {
            name: item.removeprefix(base) if name == "reference" and isinstance(item, str) else _short(item, base)
            for name, item in value.items()
        }
    return [_short(item, base) for item in value] if isinstance(value, list) else value


# --- Whether it may follow -----------------------------------------------------------------------
def check_version(seen: Seen, *, if_match: str, resource: dict | None, needed: bool) -> None:
    """Raise Refusal 412 where somebody wrote since, and 428 where nothing says which version was read.

    Nobody overwrites by chance what they never saw: without If-Match, the version in the body's own `meta` counts.
    """
    meta = (resource or {}).get("meta")
    told = meta.get("versionId") if isinstance(meta, dict) else None
    if if_match.strip() == "*":
        wanted = "" if seen.deleted else seen.version_id  # any that is there
    elif if_match:
        found = _VERSION.fullmatch(if_match.strip())
        if found is None:
            raise outcomes.not_understood("If-Match names one version, as the ETag did that was read.", code="value")
        wanted = found[1]
    elif isinstance(told, str):
        wanted = told
    elif needed:
        words = (
            "Say which version this follows: send If-Match with the ETag that was read, or leave meta.versionId "
            "in the body as it was read."
        )
        raise Refusal(428, "required", words)
    else:
        return
    if wanted != seen.version_id:
        words = "Somebody wrote a newer version. Read it, and write on top of that."
        raise Refusal(412, "conflict", words, headers={"ETag": f'W/"{seen.version_id}"'})


# --- Writing -------------------------------------------------------------------------------------
def commit(asking: Asking, changes: Sequence[Change], *, patient: Patient | None = None) -> list[Done]:
    """Write changes of one record, all or none, and return what was written. Raises Refusal, ChangedMeanwhile.

    `patient` is whose record resources join that say of nobody whose they are: what came with them says it.
    """
    if any(change.kind in told.KINDS for change in changes):
        words = "Send a Consent by itself, with POST: it becomes a draft for its patient. The log takes no lines."
        raise Refusal(422, "not-supported", words)
    owner = _owner(asking, changes, patient)
    _check(changes)
    context = _context(asking, owner, changes)
    drafts = [_draft(asking, owner, one, context) for one in changes]
    try:
        written = access.write_record(owner, asking.caller, drafts)
    except access.KeysLocked:
        raise
    except AccessDenied as denied:
        raise outcomes.may_not(str(denied)) from denied
    return [Done(change, entry) for change, entry in zip(changes, written, strict=True)]


def checked(asking: Asking, change: Change) -> Patient:
    """Return whom a new resource is about, once it is right and within the token's scopes. Raises Refusal."""
    owner = _owner(asking, [change], None)
    _check([change])
    _check_scope(asking, owner, change, search.values(change.resource or {}))
    return owner


def _context(asking: Asking, owner: Patient, changes: Sequence[Change]) -> dict[str, Mapping]:
    """Return what labels depend on besides: what came along, and what its writer may see of what it refers to.

    Only that: a label that came from what is hidden would tell of it.
    """
    context: dict[str, Mapping] = {one.name: one.resource for one in changes if one.resource is not None}
    outside = {name for one in changes if one.resource for name in labels.told_by(one.resource)} - context.keys()
    wanted = {kind for name in outside if (kind := name.partition("/")[0]) in kinds.kept()} - {"Patient"}
    if wanted:
        with suppress(Refusal):
            record = records.open_one(asking, owner, action="record.searched", kinds=wanted)
            seen = [record.current[name] for name in outside if name in record.current]
            record.fetch(seen)
            context |= {one.name: one.resource for one in seen}
    return context


def _check(changes: Sequence[Change]) -> None:
    issues: list[outcomes.Issue] = []
    for change in changes:
        if change.resource is not None and len(issues) < MOST_PROBLEMS:
            issues += outcomes.from_problems(validate.check(change.resource), inside=change.at)
    if issues:
        refusal = Refusal(422, "processing", "")
        refusal.issues = issues[:MOST_PROBLEMS]
        raise refusal


def _draft(asking: Asking, owner: Patient, change: Change, context: Mapping[str, Mapping]) -> Draft:
    if change.resource is None:
        _check_scope(asking, owner, change, None)
        return Draft.deletion(change.kind, change.logical_id, version=change.version, parts=change.parts)
    found = labels.label(change.resource, context=context)
    change.resource = labels.stamp(change.resource, found)
    values = search.values(change.resource)
    _check_scope(asking, owner, change, values)
    return Draft(
        resource=text.dumps(change.resource),
        parts=tuple(str(part) for part in found.categories),
        search=text.dumps(values),
        logical_id=change.logical_id,
        version=change.version,
    )


def _check_scope(asking: Asking, owner: Patient, change: Change, values: dict | None) -> None:
    if not asking.allow(change.kind, change.interaction, values, patient=owner):
        raise outcomes.beyond_scope(change.kind)


# --- Whose it is ---------------------------------------------------------------------------------
def _owner(asking: Asking, changes: Sequence[Change], patient: Patient | None) -> Patient:
    """Return the one patient all changes are about. Raises Refusal where that is nobody within reach, or several."""
    known = {str(one.pk): one for one in records.patients_of(asking)}
    found = {patient.pk: patient} if patient else {}
    for change in changes:
        named = None if change.kind == "Patient" else _named(change, known)
        found |= {owner.pk: owner for owner in (change.patient, named) if owner is not None}
    if len(found) > 1:
        words = "This is about more than one patient. Send what is about each on its own."
        raise Refusal(422, "business-rule", words)
    if not found:
        words = (
            "Nothing here says whose record it belongs to. Name the patient, as in subject, or send it in a "
            "transaction with what refers to it."
        )
        raise Refusal(422, "required", words, at=changes[0].at or changes[0].kind)
    return next(iter(found.values()))


def _named(change: Change, known: Mapping[str, Patient]) -> Patient | None:
    """Return whom a resource says that it is about; None where it says nobody. Raises Refusal for a stranger.

    Of several people one within reach is enough. Whom an identifier, a contained Patient or another server's address
    means, nobody here can tell.
    """
    said = subjects.named(change.resource) if change.resource is not None else []
    here = (known.get(one.name.partition("/")[2]) for one in said if not one.base)
    owner = next((one for one in here if one is not None), None)
    if said and owner is None:
        words = "This is about nobody whose record you may write to. Name them as Patient/ and their id here."
        raise Refusal(422, "business-rule", words, at=change.at or change.kind)
    return owner
