"""What a decision knows of the permissions between two: plain rows, and whole ones only of those that open something.

A row of a database costs little, and an object with all that hangs on it ten times as much. So a decision is made on
rows; whoever then opens something reads those permissions whole, and gets none that says anything else by then.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import starmap
from typing import NamedTuple
from uuid import UUID

from django.db.models import Exists, QuerySet

from consent import queries
from consent.models import Grant
from consent.rules import GrantFacts
from ehr.accounts.models import Reader, User
from ehr.statements import Statement
from patients.models import Patient
from providers.queries import Standing


class Given(NamedTuple):
    """One permission between two as a decision needs it, over and ended ones too."""

    facts: GrantFacts
    reader: UUID
    blocked: bool = False  # the patient keeps this person out by name


class _Row(NamedTuple):
    id: UUID
    reader: UUID
    kind: str  # the reader's
    categories: Sequence[str]
    actions: Sequence[str]
    purpose: str
    starts: datetime
    ends: datetime
    entries: Sequence[str]
    record_from: datetime | None
    record_until: datetime | None
    places: Sequence[str]
    parent: UUID | None
    delegation: UUID | None
    report_days: int | None
    reported_at: datetime | None
    ended_at: datetime | None
    blocked: bool = False


_COLUMNS = (
    *("pk", "reader", "reader__kind", "categories", "actions", "purpose", "starts", "ends", "entries"),
    *("record_from", "record_until", "places", "parent", "delegation", "report_days", "report__filed_at", "ending__at"),
)


def to_person(patient: Patient, reader: User, *, seen: Standing, at: datetime) -> list[Given]:
    """Return all that one patient gave to one person of this standing, by name or through a team they belong to now,
    by one indexed query. What a delegate may see is not among it."""
    rows = _TO_PERSON.rows(patient=patient.pk, user=reader.pk, places=sorted(seen.clinical_at), at=at)
    return _told(patient, rows)


def to_program(patient: Patient, reader: Reader) -> list[Given]:
    """Return all that one patient gave to one app or study."""
    return _told(patient, _TO_PROGRAM.rows(patient=patient.pk, reader=reader.pk))


def whole(patient: Patient, decided: Iterable[Given]) -> dict[UUID, Grant]:
    """Return permissions of a patient's as they are opened with, by id; none that is not as it was decided on."""
    known = {one.facts.id: one for one in decided}
    found = {grant.pk: grant for grant in _whole(patient.pk, list(known))}
    return {pk: grant for pk, grant in found.items() if _says(grant, known[pk])}


def _says(grant: Grant, decided: Given) -> bool:
    return grant.reader_id == decided.reader and queries.facts(grant) == decided.facts


def _told(patient: Patient, rows: Sequence[tuple]) -> list[Given]:
    found = list(starmap(_Row, rows))
    # When it is over hangs from others, and these from others in turn: that is not for one row to tell.
    hanging = [row.id for row in found if _hangs(row)]
    told = {one.pk: queries.facts(one) for one in _whole(patient.pk, hanging)} if hanging else {}
    return [
        Given(facts, row.reader, bool(row.blocked))
        for row in found
        if (facts := told.get(row.id) if _hangs(row) else _facts(row)) is not None
    ]


def _hangs(row: _Row) -> bool:
    return row.parent is not None or row.delegation is not None


def _facts(row: _Row) -> GrantFacts:
    return GrantFacts(
        id=row.id,
        categories=frozenset(row.categories),
        actions=frozenset(row.actions),
        purpose=row.purpose,
        starts=row.starts,
        ends=queries.over_at(row.ends, row.report_days, row.reported_at),
        ended_at=row.ended_at,
        entries=frozenset(row.entries),
        record_from=row.record_from,
        record_until=row.record_until,
        places=frozenset(row.places),
        by_team=row.kind == Reader.Kind.TEAM,
    )


def _whole(patient: UUID, ids: Sequence[UUID]) -> Iterator[Grant]:
    for begun in range(0, len(ids), _SIZES[-1]):
        some = ids[begun : begun + _SIZES[-1]]
        size = next(size for size in _SIZES if len(some) <= size)
        yield from _WHOLE.rows(patient=patient, ids=[*some, *some[-1:] * (size - len(some))])


def _of_person(patient: UUID, user: UUID, places: Collection, at: datetime) -> QuerySet[Grant, tuple]:
    rows = queries.given_to(patient, user, places, at).annotate(blocked=Exists(queries.blocks(patient, user)))
    return rows.order_by("made_at").values_list(*_COLUMNS, "blocked")


# Asked at each decision, so their texts are kept.
_TO_PERSON = Statement(_of_person)
_TO_PROGRAM = Statement(lambda **of: Grant.objects.filter(**of).order_by("made_at").values_list(*_COLUMNS))
# Each number of ids is a text of its own, so there are few: what is missing is filled with the last one again.
_SIZES = (1, 4, 16)
_WHOLE = Statement(
    lambda patient, ids: queries.with_facts(
        Grant.objects.filter(patient=patient, pk__in=ids).exclude(kind=Grant.Kind.DELEGATE)
    )
)
