"""Whether this process can serve: database, tables, disk. A chain that is down, a slow log or a keyholder that is away
degrade and no more: care goes on, what is meant for the chain waits in the outbox, and without the keyholder nobody
opens a record in an emergency or claims one."""

import shutil
from dataclasses import dataclass
from functools import cache

from django.conf import settings
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor

from consent import escrow
from ehr.chain import client
from ehr.frame import measures

LEAST_FREE_BYTES = 256 * 1024 * 1024
# The worker that sequences runs every second; a minute's wait means that it does not.
LOG_LATE_SECONDS = 60.0


@dataclass(frozen=True)
class Readiness:
    """What was looked at and found: "ok", or a few words of what is wrong."""

    database: str
    migrations: str
    disk: str
    chain: str
    log: str
    keyholder: str

    @property
    def ready(self) -> bool:
        return self.database == self.migrations == self.disk == "ok"

    @property
    def status(self) -> str:
        if not self.ready:
            return "not ready"
        return "ready" if self.chain == self.log == self.keyholder == "ok" else "degraded"


def _database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("select 1")
    except Error:
        return "unreachable"
    return "ok"


class _TablesBehind(Exception):
    """Kept out of the cache: only the good answer may be remembered, for tables do not go back."""


@cache
def _tables_are_current() -> None:
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        raise _TablesBehind


def _migrations() -> str:
    try:
        _tables_are_current()
    except _TablesBehind:
        return "not applied"
    except Error:
        return "unknown"
    return "ok"


def _disk() -> str:
    try:
        free = shutil.disk_usage(settings.DATA_DIR).free
    except OSError:
        return "folder missing"
    return "ok" if free >= LEAST_FREE_BYTES else "nearly full"


def _chain() -> str:
    try:
        client.chain_id()
    except client.Unavailable:
        return "unreachable"
    return "ok"


def _log() -> str:
    try:
        return "ok" if measures.oldest_unsequenced_seconds() < LOG_LATE_SECONDS else "late"
    except Error:
        return "unknown"


def _keyholder() -> str:
    try:
        escrow.require_keyholder()
    except escrow.NotReleased:
        return "away"
    return "ok"


def look() -> Readiness:
    """Return what is found now. Never raises for something that is down."""
    return Readiness(
        database=_database(),
        migrations=_migrations(),
        disk=_disk(),
        chain=_chain(),
        log=_log(),
        keyholder=_keyholder(),
    )
