"""The three rows of an event: itself, its body, and its place in the queue. All of them or none.

On PostgreSQL one statement inserts the three: one round trip where five were, and outside a transaction
its own commit. It is prepared where the settings let statements be (a pooler in front may not keep them).
"""

from collections.abc import Sequence
from typing import NamedTuple

from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

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
    if database.vendor != "postgresql":
        statements.insert(events)
        statements.insert([EventBody(event=e, salt=salt, payload=payload) for e, salt, payload in written])
        statements.insert([Queued(event=event) for event in events])
        return events
    values = [(e.id, e.time, e.subject, e.body_hash, e.id, salt, payload, e.id) for e, salt, payload in written]
    if len(values) == 1:
        statements.cursor(database).execute(_INSERT, values[0])
    else:
        statements.cursor(database).executemany(_INSERT, values)
    for event in events:
        event._state.adding, event._state.db = False, database.alias
    return events
