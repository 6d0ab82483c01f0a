"""Figures, in a worker: keys for the run, everybody's share, each measure, and numbers that say nothing of one person.

Clear text and true numbers are in this process's memory and nowhere else. Who was counted where is kept under the
study's keys, for later figures to be held against. All measures of a run are put down in one commit, with a line for
everybody whose record was opened: a worker that dies before leaves nothing.
"""

import json
from collections.abc import Hashable, Iterator, Mapping
from typing import Any
from uuid import UUID

from django.db import transaction

from ehr import clock
from ehr.accounts.keyrings import OpenKeyring
from research import queries, snapshots
from research.disclosure import Rules
from research.measures import editions, made, records
from research.measures.definitions import DEFINITIONS
from research.measures.editions import Assigned, Edition
from research.measures.lines import Line
from research.measures.measured import Measured, Period
from research.measures.records import Records
from research.measures.told import told
from research.models import Figure, FigureRun
from research.snapshots import Snapshot
from research.studies import running, work
from research.studies.proposing import locked, log_people
from research.words import Act

_LABEL = "figure members"
_GROUPS = tuple(f"{band} {sex}" for _least, band in made.BANDS for sex in made.SEXES)
_ID_BYTES, _SIZE_BYTES = 16, 4
_ONE = _ID_BYTES + 1


def due() -> list[UUID]:
    """Return the runs that wait for a worker, those first that wait longest."""
    return work.due(FigureRun)


def make(run_id: UUID) -> str:
    """Make one run's figures and return the state it is in then. May run any number of times, and in two workers."""
    return work.carry(FigureRun, run_id, _make)


def _make(row: FigureRun) -> None:
    study = row.study
    run = work.run_of(study, figures=True)
    keyring = running.keys_for(run, because="figures")
    snapshot = snapshots.take(run, keyring=keyring, watch=work.watch(row))
    found = {name: assigned(name, row, snapshot) for name in study.measures}
    with transaction.atomic():
        locked(study)  # one run after another, or two would not know of each other
        mine = work.mine(row).select_for_update(of=("self",)).first()
        if mine is None:
            raise work.Given
        _put_down(mine, found, snapshot, keyring)


def assigned(name: str, row: FigureRun, snapshot: Snapshot) -> Assigned:
    """Return who is counted in a measure, in which group, and whether they meet it.

    Of those who share each part that it needs; who keeps one back is neither among the people nor not.
    """
    needs, period = DEFINITIONS[name].needs, Period(row.first, row.last)
    share = {str(one.patient_id) for one in snapshot.joinings if needs <= set(one.categories)}
    tables = _tables(snapshot, share)
    groups = made.groups(period, tables)
    measured = made.measure(name, period, tables)
    return {UUID(str(person)): (groups[person], person in measured.met) for person in measured.people}


def _tables(snapshot: Snapshot, share: set[str]) -> Records:
    def shared() -> Iterator[tuple[str, Mapping[str, Any]]]:
        for owner, document in snapshot.documents:
            if owner in share:
                yield owner, json.loads(document)

    return records.read(shared())


def _put_down(row: FigureRun, found: Mapping[str, Assigned], snapshot: Snapshot, keyring: OpenKeyring) -> None:
    """Write what is told, and a line for everybody whose record was opened, whether they were counted or not."""
    rules = queries.rules()
    for name, people in found.items():
        _tell(row, name, people, everybody=len(snapshot.joinings), keyring=keyring, rules=rules)
    row.state, row.ended_at = FigureRun.State.READY, clock.now()
    row.save(update_fields=["state", "ended_at"])
    people = [one.patient_id for one in snapshot.joinings]
    log_people(Act.MEASURED, row.study, people, actor=running.party(row.study), figures=str(row.pk))


def _tell(row: FigureRun, name: str, people: Assigned, *, everybody: int, keyring: OpenKeyring, rules: Rules) -> Figure:
    """Write down new numbers where they may be told, or that those told last stand."""
    before = list(
        Figure.objects.filter(run__study=row.study, measure=name, stands=None).order_by("run__ended_at", "pk")
    )
    told_before = [
        Edition(one.pk.bytes, unpacked(keyring.kept(bytes(one.assigned or b""), label=_LABEL))) for one in before
    ]
    key = keyring.grant_key(b"differencing")
    level = editions.finest(people, told_before, measure=name, key=key, rules=rules)
    figure = Figure(run=row, measure=name, version=DEFINITIONS[name].version)
    if level is None:
        figure.stands = before[-1]
    else:
        measured = Measured(name, Period(row.first, row.last), frozenset(people), _met(people))
        said = told(measured, groups={one: level.group(group) for one, (group, _met) in people.items()}, rules=rules)
        figure.level = level
        figure.everybody = _numbers(said.everybody)
        figure.groups = [[line.group, *_numbers(line)] for line in said.groups if line.group]
        figure.assigned = keyring.keep(packed(people, everybody), label=_LABEL)
    figure.save(force_insert=True)
    return figure


def _met(people: Assigned) -> frozenset[Hashable]:
    return frozenset(one for one, (_group, met) in people.items() if met)


def _numbers(line: Line) -> list[int | None]:
    return [line.people, line.met]


def packed(people: Assigned, everybody: int) -> bytes:
    """Return who was counted where, in as many bytes as all would take: its length does not tell how many they are."""
    ones = sorted(one.bytes + bytes([_GROUPS.index(group) * 2 + met]) for one, (group, met) in people.items())
    return len(ones).to_bytes(_SIZE_BYTES, "big") + b"".join(ones).ljust(everybody * _ONE, b"\x00")


def unpacked(kept: bytes) -> Assigned:
    """Return who was counted where."""
    size, body = int.from_bytes(kept[:_SIZE_BYTES], "big"), kept[_SIZE_BYTES:]
    ones = [body[at * _ONE : (at + 1) * _ONE] for at in range(size)]
    return {UUID(bytes=one[:_ID_BYTES]): (_GROUPS[one[-1] // 2], bool(one[-1] % 2)) for one in ones}
