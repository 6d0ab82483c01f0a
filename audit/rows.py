"""The three rows of an event: itself, its body, and its place in the queue. All of them or none.

On PostgreSQL one statement inserts the three: one round trip where five were, and outside a transaction
its own commit. It is prepared where the settings let statements be (a pooler in front may not keep them).
Such an append is sent in one call of libpq: a cursor does the same in steps, each of which waits until no
other thread has the interpreter. docs/benchmarks.md has what that costs.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import Connection, OperationalError
from psycopg.adapt import PyFormat, Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ConnStatus, ExecStatus, Format
from psycopg.pq.abc import PGresult

from audit.models import Event, EventBody, Queued
from ehr import statements

_INSERT = """
with event as (insert into audit_event (id, time, subject, body_hash) values (%s, %s, %s, %s)),
body as (insert into audit_eventbody (event_id, salt, payload) values (%s, %s, %s))
insert into audit_queued (event_id) values (%s)
"""


class Written(NamedTuple):
    """An event and its body, not yet in the database."""

    event: Event
    salt: bytes
    payload: bytes


def commit(written: Sequence[Written]) -> list[Event]:
    """Commit events by themselves, all or none, and return them. Raises RuntimeError inside a transaction."""
    # Django's own name for it, `connection`, looks this up at every attribute.
    database = connections[DEFAULT_DB_ALIAS]
    if len(written) == 1 and database.vendor == "postgresql" and database.get_autocommit():
        return _insert(written, database)
    with transaction.atomic(durable=True):
        return _insert(written, database)


def join(written: Sequence[Written]) -> list[Event]:
    """Insert events in the caller's transaction, in one of their own where there is none, and return them."""
    with transaction.atomic(savepoint=False):
        return _insert(written, connections[DEFAULT_DB_ALIAS])


def _insert(written: Sequence[Written], database: BaseDatabaseWrapper) -> list[Event]:
    events = [one.event for one in written]
    if not events:  # a page on which nobody is
        return events
    if database.vendor != "postgresql":
        statements.insert(events)
        statements.insert([EventBody(event=e, salt=salt, payload=payload) for e, salt, payload in written])
        statements.insert([Queued(event=event) for event in events])
        return events
    values = [(e.id, e.time, e.subject, e.body_hash, e.id, salt, payload, e.id) for e, salt, payload in written]
    if len(values) > 1:
        statements.cursor(database).executemany(_INSERT, values)
    elif append := _append(database):
        with database.wrap_database_errors:
            append(values[0])
    else:
        statements.cursor(database).execute(_INSERT, values[0])
    for event in events:
        event._state.adding, event._state.db = False, database.alias
    return events


def _append(database: BaseDatabaseWrapper) -> Callable[[Sequence], PGresult] | None:
    """Return what inserts one event in one call; None inside a transaction, which psycopg's cursor may have to begin
    first, where nothing may be prepared, and where somebody has to see the statement."""
    database.close_if_health_check_failed()
    if not database.get_autocommit() or database.queries_logged or database.execute_wrappers:
        return None
    raw = database.connection
    if raw.prepare_threshold is None:
        return None
    if not hasattr(raw, "kept_append"):
        with database.wrap_database_errors:
            raw.kept_append = _Prepared(raw, b"append", _INSERT)
    return raw.kept_append.send


class _Prepared:
    """A statement as one connection keeps it, sent in one call. psycopg does not know of it: its own are `_pg3_…`."""

    def __init__(self, connection: Connection, name: bytes, text: str) -> None:
        count = text.count("%s")
        self._name, self._formats = name, ([PyFormat.BINARY] * count, [Format.BINARY] * count)
        self._libpq, self._adapting = connection.pgconn, Transformer(connection)
        self._checked(self._libpq.prepare(name, text.replace("%s", "${}").format(*range(1, count + 1)).encode()))

    def send(self, values: Sequence) -> PGresult:
        """Run it with these values and wait for the answer. Raises what psycopg's cursor would."""
        python, wire = self._formats
        sent = self._adapting.dump_sequence(values, python)
        return self._checked(self._libpq.exec_prepared(self._name, sent, wire, Format.BINARY))

    def _checked(self, result: PGresult) -> PGresult:
        if result.status in (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK):
            return result
        if self._libpq.status == ConnStatus.BAD:  # which the result itself cannot tell from a refusal
            raise OperationalError(result.get_error_message(self._adapting.encoding))
        raise error_from_result(result, self._adapting.encoding)
