"""Many people at once, each on a connection of their own, on whichever database the tests run.

SQLite's test database is in memory, where two connections are one after all: there each thread gets a connection to a
copy of it in a file, as it is in use.
"""

import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from threading import Barrier

from django.db import connection, connections

from ehr import clock
from ehr.accounts.models import User
from patients.models import Patient
from tests.people import Person

WITHIN = 300  # seconds, on a busy machine


def crowd(count: int, first: int = 0) -> list[Person]:
    """Return patients who book and do nothing else: they have no keys. `first` numbers them, where there are more."""
    numbers = range(first, first + count)
    users = [User(name=f"Patient {number}", email=f"patient{number}@example.org") for number in numbers]
    User.objects.bulk_create(users)
    born, at = date(1990, 1, 1), clock.now()
    patients = [Patient(user=one, name=one.name, birth_date=born, claimed_at=at) for one in users]
    Patient.objects.bulk_create(patients)
    return [Person(user=one, keyring=None, patient=patient) for one, patient in zip(users, patients, strict=True)]


class Copy:
    """The database as it is now, where many connections reach it; `look` asks it on a connection of its own."""

    def __init__(self, folder: Path) -> None:
        self.path = None
        if connection.vendor == "sqlite":
            self.path = folder / "copy.sqlite3"
            connection.ensure_connection()
            with sqlite3.connect(self.path) as file:
                connection.connection.backup(file)
                # Each connection asks for it, and where none has it yet, some that ask at once are refused.
                file.execute("PRAGMA journal_mode = WAL")
            file.close()

    def at_once(self, acts: Sequence[Callable[[], object]]) -> list[object]:
        """Return what came of each act, its value or what it raised; none begins before all are connected."""
        ready = Barrier(len(acts), timeout=WITHIN)
        with ThreadPoolExecutor(len(acts)) as pool:
            begun = [pool.submit(self._alone, act, ready) for act in acts]
            return [one.exception(WITHIN) or one.result() for one in begun]

    def look(self, act: Callable[[], object]) -> object:
        (found,) = self.at_once([act])
        if isinstance(found, Exception):
            raise found
        return found

    def _alone(self, act: Callable[[], object], ready: Barrier) -> object:
        own = connections["default"]
        if self.path:
            own.settings_dict = {
                **own.settings_dict,
                "NAME": str(self.path),
                "OPTIONS": {**own.settings_dict["OPTIONS"], "timeout": WITHIN},
            }
        try:
            try:
                own.ensure_connection()
                if self.path:
                    # Whether it survives a power cut is not what is tried here.
                    own.cursor().execute("PRAGMA synchronous = OFF").close()
            except BaseException:
                ready.abort()  # nobody waits for one who will not come
                raise
            ready.wait()
            return act()
        finally:
            own.close()
