"""Single entries as a patient picks them out: one readable line each, newest first."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from consent import access
from consent.models import Grant
from consent.sentences import parts
from consent.sharing.proposing import WHOLE, Narrow
from ehr.accounts.keyrings import OpenKeyring
from ehr.lines import sentences
from ehr.lines.names import joined
from ehr.r4 import references
from ehr.r4.search import recorded_on
from ehr.words import Category
from patients.models import Patient
from patients.queries import entries_in


@dataclass(frozen=True)
class Pick:
    """One entry in a line: what it is, what it says, when, and in which part."""

    id: str
    title: str
    said: str
    on: str
    part: str
    at: str


def own(
    patient: Patient,
    categories: Iterable[str],
    *,
    keyring: OpenKeyring,
    within: Narrow = WHOLE,
    only: Collection[str] | None = None,
) -> list[Pick]:
    """Return the entries of some parts, opened with their patient's own keys: those of a time, or these `only`.

    An entry of two parts is among them where both are. What does not open cannot be picked.
    """
    chosen = [Category(part) for part in categories]
    opened = access.open_own(patient, keyring=keyring, categories=chosen)
    readable = [one for one in opened.entries if one.resource and set(one.parts) <= set(map(str, chosen))]
    known = {references.name_of(one.resource): one.resource for one in readable}
    found = []
    for one in readable:
        if (only is not None and str(one.logical_id) not in only) or not _within(one, within):
            continue
        line = sentences.line(one.resource, known)
        told = " ".join(filter(None, [line.value, line.unit, line.abnormal_word]))
        said = joined(told, line.beside) if told else line.detail
        found.append(Pick(str(one.logical_id), line.title, said, line.date, parts(one.parts), line.at))
    return sorted(found, key=lambda pick: (pick.at, pick.title), reverse=True)


def chosen(patient: Patient, grant: Grant, *, keyring: OpenKeyring | None) -> list[Pick]:
    """Return the entries that a permission names one by one; none for whole parts and while the keys are locked."""
    if not grant.entries or keyring is None:
        return []
    return own(patient, grant.categories, keyring=keyring, only=frozenset(grant.entries))


def _within(entry: access.OpenEntry, within: Narrow) -> bool:
    if within.entries and str(entry.logical_id) not in within.entries:
        return False
    if not (within.record_from or within.record_until):
        return True
    day = recorded_on(entry.resource)
    after = day is not None and (within.record_from is None or day >= within.record_from)
    return after and (within.record_until is None or day <= within.record_until)


def still_ticked(
    before: Iterable[str], shown: Iterable[str], ticked: Iterable[str], known: Iterable[Pick]
) -> list[str]:
    """Return what is ticked after a page was sent: its own ticks, and those of the other pages."""
    there = {pick.id for pick in known}
    return sorted(((set(before) - set(shown)) | (set(ticked) & set(shown))) & there)


def parts_of(patient: Patient, narrow: Narrow, categories: Sequence[str]) -> list[str]:
    """Return those of the parts that a permission comes to: where single entries are chosen, the parts they are in."""
    if not narrow.entries:
        return list(categories)
    held = {part for _row, parts_held in entries_in(patient, narrow.entries).values() for part in parts_held}
    return [part for part in categories if part in held]
