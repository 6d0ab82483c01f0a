"""Acts that are under way at the same time, each on a connection of its own, in the order in which they came."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from queue import Queue

from django.db import connection, transaction
from django.db.models import Model

from patients.models import Patient

WITHIN = 60  # seconds, on a busy machine


def elsewhere(act: Callable[[], object]) -> object:
    """Do something on another connection, and return what came of it once that is committed."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(_alone, act, Queue()).result(WITHIN)


def at_once(patient: Patient, *acts: Callable[[], object], meanwhile: Callable[[], object] = int) -> list[object]:
    """Return what came of each act, its value or what it raised, when all have begun before any could end.

    Whoever changes what is shared begins with the patient's row: it is held here until each act stands in line for
    it, in this order. `meanwhile` is done by whoever holds it, before anybody else.
    """
    return behind(patient, *acts, meanwhile=meanwhile)


def behind(row: Model, *acts: Callable[[], object], meanwhile: Callable[[], object] = int) -> list[object]:
    """Return what came of each act, when all stood in line for a row before any had it. As `at_once`."""
    with ThreadPoolExecutor(len(acts)) as pool:
        with transaction.atomic():
            type(row)._default_manager.select_for_update().get(pk=row.pk)
            begun = [_in_line(pool, act) for act in acts]
            meanwhile()
        return [one.exception(WITHIN) or one.result() for one in begun]


def _in_line(pool: ThreadPoolExecutor, act: Callable[[], object]) -> Future:
    """Begin an act, and return once it waits for a lock that somebody else holds."""
    told: Queue[int] = Queue()
    begun = pool.submit(_alone, act, told)
    backend, deadline = told.get(timeout=WITHIN), time.monotonic() + WITHIN
    with connection.cursor() as cursor:
        while not begun.done() and time.monotonic() < deadline:
            cursor.execute("select count(*), pg_sleep(.005) from pg_locks where not granted and pid = %s", [backend])
            if cursor.fetchone()[0]:
                return begun
    raise AssertionError(f"It did not wait for the patient’s row: {begun.exception(WITHIN) or begun.result()}")


def _alone(act: Callable[[], object], told: Queue) -> object:
    try:
        connection.ensure_connection()
        told.put(connection.connection.info.backend_pid)
        return act()
    finally:
        connection.close()
