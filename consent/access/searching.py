"""Reading through an interface: what a record is searched by, and bodies when they are asked for.

Decide, log, open, as everywhere. Call these outside a transaction, for a rollback would erase the line.
"""

import uuid
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from consent import keys, queries, rules
from consent.access.callers import Caller, inside
from consent.access.reading import ends_of, unlock
from consent.access.refusing import AccessDenied, own_event, own_refusal, refuse
from consent.access.sorting import sort_if_due
from consent.judging import Verdict, judge
from consent.models import Grant
from consent.rules import EntryFacts
from ehr import clock
from ehr.r4 import labels
from ehr.r4 import search as r4
from ehr.words import SENSITIVE, Action, Category
from patients import vault
from patients.models import Patient
from patients.naming import Naming
from patients.vault import IndexedEntry, OpenIndex

# What a line may say that was done: each has its words on the patient's list.
ACTIONS = frozenset({"record.searched", "entry.opened", "record.exported"})


@dataclass(frozen=True)
class OpenRecord:
    """What one opening showed: the search values of each entry, under which permissions, and until when.

    Bodies and authors are opened when they are asked for; `fetch` brings those of a whole page at once.
    """

    patient: Patient
    categories: tuple[Category, ...]
    grants: tuple[Grant, ...]
    ends: datetime | None  # when the last of the permissions used ends; None for one's own record
    rows: list[IndexedEntry] = field(repr=False)  # newest written first
    opened_at: datetime
    _index: OpenIndex = field(repr=False)

    def fetch(self, entries: Iterable[IndexedEntry]) -> None:
        """Bring the bodies and authors of entries from the database by two statements, not two for each."""
        self._index.fetch(entries)


def open_record(
    patient: Patient,
    caller: Caller,
    *,
    action_words: str = "record.searched",
    categories: Collection[Category] | None = None,
    types: Collection[str] | None = None,
    logical_id: uuid.UUID | None = None,
    all_versions: bool = False,
) -> OpenRecord:
    """Return what a caller may read of a record by what it is searched by, or raise AccessDenied; the log holds both.

    Of `categories` (all six when None) those are opened in which something of `types` (FHIR resource types, all when
    None) can be, that the token is for, and that are allowed: the rest leaves no trace. An entry that was deleted is
    told of only where it is asked for by its `logical_id` or with `all_versions`.
    """
    if action_words not in ACTIONS:
        raise ValueError(f"The log has no words for “{action_words}”.")
    wanted = inside(categories if categories is not None else Category, _where(types))
    asked = inside(wanted, caller.parts)
    if caller.is_owner(patient):
        opened = _own(patient, caller, action_words, wanted, asked)
    else:
        opened = _granted(patient, caller, action_words, wanted, asked)
    index = vault.search(patient, opened.boxes, opened.bundles, logical_id=logical_id, all_versions=all_versions)
    if index.batched:
        keys.settle(patient, opened.boxes)
    # What nothing says the type of may be of any: its body tells.
    asked_for = [one for one in index.entries if types is None or not one.kind or one.kind in types]
    _complete(patient, index, asked_for)
    shown = [one for one in asked_for if types is None or one.kind in types]
    if opened.narrowed is not None:
        shown = [one for one in shown if opened.narrowed(one)]
    # Where the newest version is not shown, an older one would tell that there is a newer.
    there = {one.logical_bytes for one in shown if one.newest}
    return OpenRecord(
        patient=patient,
        categories=tuple(part for part in asked if part in opened.boxes),
        grants=opened.grants,
        ends=opened.ends,
        rows=[one for one in shown if one.logical_bytes in there],
        opened_at=clock.now(),
        _index=index,
    )


def may_open(patient: Patient, caller: Caller, types: Collection[str] | None) -> bool:
    """Tell whether a caller may open a part now in which something of these types can be. Nothing opens by that, and
    nothing is on the log: ask it where there is something to tell also without.
    """
    asked = inside(_where(types), caller.parts)
    if not asked or caller.is_owner(patient):
        return bool(asked)
    verdict = judge(
        patient, caller.reader, action=Action.READ, purpose=caller.purpose, parts=asked, presence=caller.presence
    )
    return verdict.opens_anything


def _where(types: Collection[str] | None) -> frozenset[Category]:
    """Return the parts in which something of these types can be."""
    return frozenset(Category) if types is None else frozenset[Category]().union(*map(_parts_of, types))


def _parts_of(kind: str) -> frozenset[Category]:
    # What a type alone does not decide: results or measurements, by their category; and whatever is sensitive.
    both = {Category.LABS, Category.HISTORY} if kind in {"Observation", "Media"} else set[Category]()
    if kind == "Provenance":  # it is where that is of which it tells
        return frozenset(Category)
    return frozenset({*labels.label({"resourceType": kind}).categories, *both, *SENSITIVE})


@dataclass(frozen=True)
class _Opened:
    """The keys that a decision opened, and whether it shows an entry behind them: all of them, where it is not said."""

    boxes: dict[str, keys.OpenBox]
    bundles: Sequence[keys.OpenBundle] = ()
    grants: tuple[Grant, ...] = ()
    ends: datetime | None = None
    narrowed: Callable[[IndexedEntry], bool] | None = None


def _own(
    patient: Patient, caller: Caller, action: str, wanted: Collection[Category], asked: Collection[Category]
) -> _Opened:
    if not asked:
        raise own_refusal(patient, "record.refused", wanted, because="not-in-scope", told=caller.told)
    keyring = caller.open_keyring
    own_event(patient, keyring, action, asked, told=caller.told)
    sort_if_due(patient, keyring=keyring)
    return _Opened(keys.own_boxes(patient, asked, keyring=keyring))


def _granted(
    patient: Patient, caller: Caller, action: str, wanted: Collection[Category], asked: Collection[Category]
) -> _Opened:
    verdict = judge(
        patient, caller.reader, action=Action.READ, purpose=caller.purpose, parts=asked, presence=caller.presence
    )
    if not asked:
        raise refused(verdict, caller, wanted, because="not-in-scope")
    boxes, bundles = unlock(
        verdict, caller.open_keyring, caller.presence, purpose=caller.purpose, action=action, via=caller.told
    )
    chosen = queries.in_bundles(verdict.bundles) if verdict.bundles else frozenset()
    within = frozenset(map(str, asked))

    dated: dict[tuple[str, ...], list[Grant] | None] = {}

    def shows(entry: IndexedEntry) -> bool:
        if entry.parts not in dated:
            dated[entry.parts] = _dated(verdict, boxes, entry.parts)
        narrow = dated[entry.parts]
        return within.issuperset(entry.parts) and (
            (narrow is not None and _by_dates(verdict, narrow, entry))
            or (entry.entry_id in chosen and _by_choice(verdict, entry))
        )

    return _Opened(boxes, bundles, tuple(verdict.used), ends_of(verdict), shows)


def refused(
    verdict: Verdict, caller: Caller, parts: Iterable[Category], *, because: str, action: str = "chart.refused"
) -> AccessDenied:
    """Log that a caller was refused, and return the exception to raise."""
    purpose = str(caller.purpose)
    return refuse(verdict, verdict.patient, action, because=because, purpose=purpose, parts=parts, told=caller.told)


def _dated(verdict: Verdict, boxes: Collection[str], parts: Sequence[str]) -> list[Grant] | None:
    """Return those of the grants that open all of some parts which name record dates; None where not all are open."""
    if not set(parts) <= set(boxes):
        return None
    by = [verdict.allowed[part] for part in map(Category, parts) if part in verdict.allowed]
    return [grant for grant in by if grant.record_from or grant.record_until]


def _by_dates(verdict: Verdict, narrow: Collection[Grant], entry: IndexedEntry) -> bool:
    """Tell whether the record dates of grants let an entry be shown: of these only the past is a key."""
    if not narrow:
        return True
    about = EntryFacts(str(entry.logical_id), recorded(entry))
    return all(verdict.covers(grant, about) for grant in narrow)


def _by_choice(verdict: Verdict, entry: IndexedEntry) -> bool:
    """Tell whether a grant for chosen entries names this one, and every part that it is in by now."""
    about = EntryFacts(str(entry.logical_id), recorded(entry))
    return any(
        set(entry.parts) <= set(grant.categories) and rules.names(verdict.facts[grant.pk], about)
        for grant in verdict.bundles
    )


def recorded(entry: IndexedEntry) -> date | None:
    """Return the day of what an entry is about, by its search values; None where these name no whole day."""
    return r4.recorded_on({"resourceType": "", "date": entry.index.get("date", "")})


def _complete(patient: Patient, index: OpenIndex, entries: Iterable[IndexedEntry]) -> None:
    """Compute the search values of what was sealed before there were as many, from the bodies."""
    lacking = [one for one in entries if "p" not in one.index and not one.deleted]
    if not lacking:
        return
    index.fetch(lacking)
    names = Naming(patient)
    for one in lacking:
        if one.resource:
            told = names.resource(one.resource, source=one.source)
            one.index = r4.values(told | {"id": str(one.logical_id)})
