"""What transactional tests need around the log, and only tests may do: empty its tables, and forget its witness.

Movements of money, and what private questions cost, are only ever added too; their triggers stand aside likewise.

Imported by tests/conftest.py. Django's `flush`, with which a transactional test ends, is the DELETE
and TRUNCATE that the log's triggers refuse: around it they are dropped and created again.
On PostgreSQL rows are deleted where there are any: to truncate two hundred tables takes a second or more.
"""

import re
from uuid import uuid4

import pytest
from django.db.backends.base.operations import BaseDatabaseOperations

from appointments.payments import triggers as money
from audit import triggers
from research.private import triggers as ledger

_flush = BaseDatabaseOperations.execute_sql_flush


def _flush_without_triggers(operations, statements):
    connection = operations.connection
    if not any("audit_" in statement for statement in statements):
        return _flush(operations, statements)
    for each in (triggers, money, ledger):
        each.remove(connection)
    try:
        return _flush(operations, _deletions(connection, statements))
    finally:
        for each in (triggers, money, ledger):
            each.install(connection)


def _deletions(connection, statements):
    """Return what empties the same tables; all that refer to each other do so until the transaction ends."""
    if connection.vendor != "postgresql" or any("IDENTITY" in statement for statement in statements):
        return statements
    tables = [f'"{name}"' for name in re.findall(r'"(\w+)"', " ".join(statements))]
    filled = ", ".join(f"exists (select from {table})" for table in tables)
    with connection.cursor() as cursor:
        cursor.execute(f"select {filled}")
        return [f"delete from {table}" for table, some in zip(tables, cursor.fetchone(), strict=True) if some]


@pytest.fixture(scope="session", autouse=True)
def _log_that_tests_may_empty():
    """Let the flush between transactional tests through; everything else meets the triggers."""
    BaseDatabaseOperations.execute_sql_flush = _flush_without_triggers
    yield
    BaseDatabaseOperations.execute_sql_flush = _flush


@pytest.fixture(autouse=True)
def _witness_of_this_test_alone(settings, tmp_path_factory):
    """Keep the second copy of the signed head per test, or the next test's empty log would look like a lost one."""
    settings.LOG_WITNESS_PATH = tmp_path_factory.getbasetemp() / f"witness-{uuid4()}"
