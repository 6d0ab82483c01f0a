"""Which resources of one record belong to an export: as they stood when it began, and what was deleted before that."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from ehr.fhir import kinds, reading, records, search
from ehr.fhir.asking import Asking
from ehr.fhir.bulk.terms import Wanted
from ehr.fhir.outcomes import Refusal
from ehr.fhir.records import Record, Seen
from ehr.r4 import links
from ehr.r4.matching import Context
from patients.models import Patient


class Chosen(NamedTuple):
    """What an export takes of one record."""

    record: Record
    kept: list[Seen]
    deleted: list[Seen]


def kinds_for(wanted: Wanted, kind: str = "") -> frozenset[str]:
    """Return the types that must be opened to choose those of one type, or of all."""
    named = wanted.kinds if not kind or (kind == "Provenance" and wanted.associated) else (kind,)
    touched = (one for name in named for question in wanted.questions(name) for one in question.touched)
    return frozenset(named).union(touched)


def choose(
    asking: Asking, patient: Patient, wanted: Wanted, *, at: datetime, action: str, kind: str = ""
) -> Chosen | None:
    """Open a record as far as an export is about it, and return what belongs to it; None where nothing may be opened.

    One line is on the patient's list before that, of the look or of its refusal. `kind` is the one type of a file.
    """
    try:
        record = records.open_one(asking, patient, action=action, kinds=kinds_for(wanted, kind), all_versions=True)
    except Refusal:
        return None
    since = reading.instant_of(wanted.since, "_since")
    there, deleted = _as_it_stood(record, at)
    pool = {one.name: one for one in there}
    kept = [
        one
        for name in wanted.kinds
        for one in _answering(wanted, name, pool)
        if (since is None or one.written_at >= since) and asking.allow(name, "read", one.values, patient=patient)
    ]
    if wanted.associated:
        kept = _with_origins(kept, latest=wanted.associated == "latest")
    # Of what was deleted a scope's category says nothing any more, its type does.
    told = frozenset(name for name in wanted.kinds if asking.allow(name, "read", patient=patient))
    gone = [one for one in deleted if since and one.written_at >= since and one.kind in told and not wanted.filters]
    return Chosen(
        record,
        sorted((one for one in kept if kind in {"", one.kind}), key=lambda one: (one.written_at, one.name)),
        sorted(gone, key=lambda one: (one.written_at, one.name)),
    )


def _as_it_stood(record: Record, at: datetime) -> tuple[list[Seen], list[Seen]]:
    """Return the version of each resource that was the newest at a moment, and of what was deleted by then the last.

    What was deleted later is in neither: it is no more, and it was not yet deleted.
    """
    by_name: dict[str, list[Seen]] = {}
    for one in record.versions:
        by_name.setdefault(one.name, []).append(one)
    there, deleted = [], []
    for versions in by_name.values():
        versions.sort(key=lambda one: one.version)
        by_then = [one for one in versions if one.written_at <= at]
        if by_then and by_then[-1].deleted:
            deleted.append(by_then[-1])
        elif by_then and not versions[-1].deleted:
            there.append(by_then[-1])
    return there, deleted


def _answering(wanted: Wanted, kind: str, pool: Mapping[str, Seen]) -> Iterable[Seen]:
    """Return what of a type answers one of its filters; all of it where there is none."""
    questions = wanted.questions(kind)
    if not questions:
        return [one for one in pool.values() if one.kind == kind]
    found = {one.name: one for question in questions for one in search.answering(question, pool)}
    return found.values()


def _with_origins(kept: Iterable[Seen], *, latest: bool) -> list[Seen]:
    """Return what was chosen, with those Provenances only that tell of something chosen; of each its latest."""
    kept = list(kept)
    others = [one for one in kept if one.kind != "Provenance"]
    names = {one.name for one in others}
    about: dict[str, Seen] = {}
    chosen: dict[str, Seen] = {}
    context = Context(f"{kinds.base()}/")
    for one in sorted((one for one in kept if one.kind == "Provenance"), key=_recorded):
        for name in names & links.targets(one.index, "target", context):
            about[name] = one
            chosen[one.name] = one
    origins = {one.name: one for one in about.values()} if latest else chosen
    return [*others, *origins.values()]


def _recorded(one: Seen) -> tuple[str, datetime, str]:
    return str(one.index.get("date", "")), one.written_at, one.name
