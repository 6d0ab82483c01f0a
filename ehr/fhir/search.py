"""Searching: a question is read, the records it is about are opened as far as it goes, and what may be seen answers.

Everything that could tell of more runs over what may be seen: matching, links, order, counts, pages. A link to what is
hidden leads to nothing, as one to what never was. Source: FHIR R4 search.html.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from django.conf import settings

from ehr import clock
from ehr.fhir import directory, kinds, outcomes, records, spans, visits
from ehr.fhir.asking import Asking
from ehr.fhir.directory import Directory
from ehr.fhir.outcomes import Issue
from ehr.fhir.query import Asked
from ehr.fhir.records import Record, Seen
from ehr.r4 import comparing, links, matching
from ehr.r4.links import Include
from ehr.r4.matching import BadValue, Context, Criterion, Unsupported
from ehr.smart.scopes import TOLD
from patients.models import Patient

MOST_INCLUDED = 1_000
MOST_ROUNDS = 5
# Parameters of this face that ask for a shape it does not make.
_NOT_DONE = frozenset({"_contained", "_containedType", "_score", "_filter", "_list", "_type"})


@dataclass
class Question:
    """What is asked of one type: the parameters in use, and what had to be left out."""

    kind: str
    told: Asked
    context: Context
    used: list[tuple[str, str]] = field(default_factory=list)
    grouped: dict[str, list[str]] = field(default_factory=dict)
    includes: list[tuple[Include, bool, bool]] = field(default_factory=list)  # with: reverse, again and again
    touched: set[str] = field(default_factory=set)
    issues: list[Issue] = field(default_factory=list)


@dataclass
class Found:
    """What answers a question: the matches in their order, and everything that was opened with them, by name."""

    question: Question
    records: Sequence[Record | Directory]
    pool: Mapping[str, Seen]
    matches: list[Seen]


# --- Reading a question --------------------------------------------------------------------------
def question(kind: str, told: Asked) -> Question:
    """Return what is asked, before anything is opened. Raises Refusal 400 for what makes no sense, or is not offered
    to a client that wants to know (`Prefer: handling=strict`); others are told what was left out.
    """
    asked = Question(kind, told, Context(f"{kinds.base()}/", clock.now()), touched={kind})
    for name, value in told.criteria:
        asked.grouped.setdefault(name, []).append(value)
    for name, raws in list(asked.grouped.items()):
        if _understood(asked, name, lambda name=name, raws=raws: _try(asked, name, raws)):
            asked.used += [(name, raw) for raw in raws]
        else:
            del asked.grouped[name]
    for name, value in told.includes:
        if _understood(asked, name, lambda name=name, value=value: _read_include(asked, name, value)):
            asked.used.append((name, value))
    if told.sort and not _understood(asked, "_sort", lambda: links.ordered(kind, _order(told), [], lambda one: one)):
        asked.told = replace(told, sort=())
    return asked


def _understood(asked: Question, name: str, attempt) -> bool:
    try:
        attempt()
    except Unsupported as problem:
        if asked.told.strict:
            raise outcomes.not_understood(str(problem), at=_named(name), code="not-supported") from None
        asked.issues.append(Issue("not-supported", f"Left out: {problem}", _named(name), "warning"))
        return False
    except BadValue as problem:
        raise outcomes.not_understood(str(problem), at=_named(name), code="value") from None
    return True


def _named(name: str) -> str:
    return f"http.{name[:100]}"


def _try(asked: Question, name: str, raws: Sequence[str]) -> None:
    """Read one parameter to see whether it can be, and which types must be opened for it."""
    if name in _NOT_DONE:
        raise Unsupported(f"This server does not do “{name}”.")

    def note(kind: str, _criterion: Criterion) -> Iterable[Mapping]:
        if kind in kinds.answered():
            asked.touched.add(kind)
        return ()

    links.read(asked.kind, name, raws, note, asked.context)


def _read_include(asked: Question, name: str, value: str) -> None:
    word, _, modifier = name.partition(":")
    if modifier not in {"", "iterate", "recurse"}:
        raise Unsupported(f"“{word}” has one modifier, :iterate.")
    reverse = word == "_revinclude"
    sources = {link.partition(":")[0] for link in kinds.links_to(asked.kind)} if reverse else {asked.kind}
    for one in links.included(value, sorted(sources)):
        asked.includes.append((one, reverse, bool(modifier)))
        asked.touched |= {one.kind} if reverse else _reach(one)


def _reach(one: Include) -> set[str]:
    targets = matching.parameter_of(one.kind, one.code).targets
    wanted = {one.target} if one.target else set(targets or kinds.answered())
    return wanted & set(kinds.answered())


def _order(told: Asked) -> str:
    return ",".join(told.sort)


# --- Answering it --------------------------------------------------------------------------------
def find(asking: Asking, asked: Question, *, within: Patient | None = None, opened: Sequence[Record] = ()) -> Found:
    """Return what answers a question, in its order. Raises Refusal.

    `within` is the one patient of a compartment; `opened` are records that are open already, as far as needed.
    """
    if not asking.allow(asked.kind, "search-type"):
        raise outcomes.beyond_scope(asked.kind)
    found = list(opened) or _opened(asking, asked, within)
    pool = {name: one for record in found for name, one in record.current.items()}
    if asked.kind in TOLD:
        pool |= directory.around(asking, _of(pool, asked.kind), asked.touched)
    return _among(asking, asked, found, pool)


def listed(asking: Asking, asked: Question, there: Directory) -> Found:
    """Return what of a directory answers a question, in its order."""
    return _among(asking, asked, [there], there.current)


def _among(asking: Asking, asked: Question, found: Sequence[Record | Directory], pool: Mapping[str, Seen]) -> Found:
    matches = [
        one
        for one in answering(asked, pool)
        if asking.allow(one.kind, "search-type", one.index, patient=one.record.patient)
    ]
    return Found(asked, found, pool, in_order(asked, matches))


def _of(pool: Mapping[str, Seen], kind: str) -> list[Seen]:
    return [one for one in pool.values() if one.kind == kind]


def answering(asked: Question, pool: Mapping[str, Seen]) -> list[Seen]:
    """Return what answers a question among what may be seen, whatever the token's scopes say of searching."""

    def look(kind: str, criterion: Criterion) -> Iterable[Mapping]:
        return (one.index for one in pool.values() if one.kind == kind and criterion.matches(one.index))

    criteria = [links.read(asked.kind, name, raws, look, asked.context) for name, raws in asked.grouped.items()]
    return [
        one
        for one in pool.values()
        if one.kind == asked.kind and all(criterion.matches(one.index) for criterion in criteria)
    ]


def in_order(asked: Question, items: Iterable[Seen]) -> list[Seen]:
    """Return what was found in the order that is asked for; else, and among equals, the newest written first."""
    plain = _newest_first(items)
    return links.ordered(asked.kind, _order(asked.told), plain, lambda one: one.index) if asked.told.sort else plain


def _newest_first(items: Iterable[Seen]) -> list[Seen]:
    return sorted(sorted(items, key=lambda one: one.name), key=lambda one: one.written_at, reverse=True)


def _opened(asking: Asking, asked: Question, within: Patient | None) -> list[Record]:
    patients = [within] if within else _about(asked, within_reach(asking, asked.kind, asked.grouped.get("date", ())))
    if len(patients) > settings.FHIR_RECORDS_AT_ONCE:
        words = "This would open more records than are opened at once. Name the patient, as in patient=Patient/ and id."
        raise outcomes.Refusal(422, "too-costly", words)
    return records.open_all(asking, patients, kinds=asked.touched.intersection(kinds.kept()), action="record.searched")


def within_reach(asking: Asking, kind: str, dates: Iterable[str] = ()) -> list[Patient]:
    """Return whose records a question can open: with visits, also those with whom whoever asks has one then."""
    found = records.patients_of(asking)
    if kind != visits.KIND:
        return found
    known = {one.pk for one in found}
    return found + [one for one in visits.patients(asking, *spans.between(dates)) if one.pk not in known]


def _about(asked: Question, patients: Sequence[Patient]) -> list[Patient]:
    """Return those patients whom a question can be about: nobody's record is opened that it rules out by name."""
    left = list(patients)
    for name, raws in asked.grouped.items():
        if name in _WHOSE or (asked.kind == "Patient" and name == "_id"):
            for raw in raws:
                pieces = map(comparing.plain, comparing.split(raw, ","))
                wanted = [_patient_id(piece, asked.context.base) for piece in pieces]
                # A value of another form may mean anybody.
                left = left if "" in wanted else [one for one in left if str(one.pk) in wanted]
    return left


_WHOSE = frozenset({"patient", "subject", "patient:Patient", "subject:Patient"})


def _patient_id(piece: str, base: str) -> str:
    name = piece.removeprefix(base).partition("/_history/")[0]
    bare = name.removeprefix("Patient/")
    return bare if "/" not in bare and ":" not in bare and "|" not in bare else ""


# --- What comes with it --------------------------------------------------------------------------
def included(found: Found, page: Iterable[Seen]) -> tuple[list[Seen], bool]:
    """Return what comes with a page, each once and nothing that is on it, and whether there was too much of it."""
    shown = {one.name: one for one in page}
    more: dict[str, Seen] = {}
    layer, wanted = dict(shown), found.question.includes
    for _round in range(MOST_ROUNDS):
        names = [name for name in _followed(layer, wanted, found) if name not in shown and name not in more]
        layer = {name: found.pool[name] for name in dict.fromkeys(names)}
        more |= layer
        wanted = [one for one in wanted if one[2]]
        if not layer or not wanted or len(more) > MOST_INCLUDED:
            break
    # In an order of its own: that in which ids happen to follow each other would be another one each time.
    ordered = sorted(_newest_first(more.values()), key=lambda one: one.kind)
    return ordered[:MOST_INCLUDED], len(more) > MOST_INCLUDED


def _followed(layer: Mapping[str, Seen], wanted: Sequence[tuple[Include, bool, bool]], found: Found) -> Iterable[str]:
    context = found.question.context
    for include, reverse, _again in wanted:
        if reverse:
            for one in found.pool.values():
                names = include.leads_to(one.index, context)
                if not names.isdisjoint(layer):
                    yield one.name
        else:
            for one in layer.values():
                yield from sorted(include.leads_to(one.index, context) & found.pool.keys())
