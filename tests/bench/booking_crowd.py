"""The crowd itself, on the PostgreSQL that DATABASE_URL names; `python -m tests.bench.booking_crowd` prints JSON.

Sixteen connections hold times of eight clinicians at four places, each for another person, every tenth of them a time
that others want, too. Then what is held is booked.
"""

import json
import multiprocessing
import os
import resource
import threading
import time
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import django

django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connection, connections  # noqa: E402

from appointments import booking  # noqa: E402
from appointments.models import Appointment, Hold, Schedule, Taken, VisitType  # noqa: E402
from ehr import clock  # noqa: E402
from tests import people  # noqa: E402
from tests.appointments import clinics  # noqa: E402
from tests.appointments.at_once import crowd  # noqa: E402

PROCESSES, THREADS = 4, 4
CLINICIANS, PLACES = 8, 4
SECONDS = 6.0  # of holding; what is held is then booked
MOST = 250  # people for each connection: nobody keeps two times, for nobody keeps many
MINUTES = 15
WANTED_BY_ALL = 10  # every so many tries


def _world() -> list[tuple[Schedule, VisitType]]:
    """Make clinicians who can be booked around the clock."""
    people.prepare_ground()
    made = []
    for number in range(CLINICIANS):
        place = people.institution(f"Place {number % PLACES}")
        kind = clinics.visit_type(place, minutes=MINUTES, price=5000)
        lee = people.clinician(f"Clinician {number}", place=place)
        schedule = clinics.schedule(lee.user.clinician, kind, where=clinics.place(place, zone="UTC"))
        clinics.open_on(schedule, range(7), "00:00", "00:00")
        made.append((schedule, kind))
    return made


def _starts(number: int) -> datetime:
    """Return the so-and-so-manieth start from tomorrow on."""
    tomorrow = (clock.now() + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return tomorrow + timedelta(minutes=MINUTES) * number


def _hold(schedule: Schedule, kind: VisitType, person, starts: datetime) -> Hold | None:
    try:
        return booking.hold(schedule, kind, starts, by=person.user, once=uuid.uuid4())
    except booking.NotFree:
        return None


class Thread:
    """One connection: what it held, what it was refused, and how long both took."""

    def __init__(self, number: int, world, persons) -> None:
        self.number, self.persons = number, persons[number * MOST : (number + 1) * MOST]
        self.schedule, self.kind = world[number % CLINICIANS]
        self.held: list = []
        self.tries, self.holding, self.booking = 0, 0.0, 0.0

    def hold(self) -> None:
        begun = time.perf_counter()
        for person in self.persons:
            if time.perf_counter() > begun + SECONDS:
                break
            self.tries += 1
            # Each has starts of their own, two by two in one timetable; the third of each three is everybody's.
            place = self.number // CLINICIANS if self.tries % WANTED_BY_ALL else 2
            if kept := _hold(self.schedule, self.kind, person, _starts(3 * self.tries + place)):
                self.held.append((kept, person))
        self.holding = time.perf_counter() - begun

    def book(self) -> None:
        begun = time.perf_counter()
        for kept, person in self.held:
            booking.book(kept, patient=person.patient, by=person.user, once=uuid.uuid4())
        self.booking = time.perf_counter() - begun

    @property
    def found(self) -> tuple[int, int, float, float]:
        return len(self.held), self.tries - len(self.held), self.holding, self.booking


def _process(place: int, world, persons, gate, counts) -> None:
    """Let four threads hold for a while, and then book what they hold; all begin together, both times."""
    ready = threading.Barrier(THREADS, timeout=300)
    mine = [Thread(place * THREADS + number, world, persons) for number in range(THREADS)]

    def run(one: Thread) -> None:
        connection.ensure_connection()
        for part in (one.hold, one.book):
            if ready.wait() == 0:
                gate.wait()
            ready.wait()
            part()
        connections.close_all()

    threads = [threading.Thread(target=run, args=(one,)) for one in mine]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    connection.close_pool()
    counts.put([one.found for one in mine])


def _spent_by_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _spent_by_server(postmaster: int) -> float:
    """Return the CPU seconds of the server processes that have ended, a connection's when it is closed."""
    fields = Path(f"/proc/{postmaster}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    call_command("migrate", verbosity=0)
    world, persons = _world(), crowd(PROCESSES * THREADS * MOST)
    with connection.cursor() as cursor:
        cursor.execute("select pg_read_file('postmaster.pid')")
        postmaster = int(cursor.fetchone()[0].split()[0])
        # A table of a running system is not empty, and its statistics say so.
        cursor.execute("analyze")
    connections.close_all()
    connection.close_pool()
    writers, server = _spent_by_children(), _spent_by_server(postmaster)
    fork = multiprocessing.get_context("fork")
    gate, counts = fork.Barrier(PROCESSES, timeout=300), fork.Queue()
    processes = [
        fork.Process(target=_process, args=(place, world, persons, gate, counts)) for place in range(PROCESSES)
    ]
    for process in processes:
        process.start()
    found = [one for _ in processes for one in counts.get(timeout=300)]
    for process in processes:
        process.join()
    booked, helped = (sum(one[place] for one in found) for place in (0, 1))
    holding, taking = (max(one[place] for one in found) for place in (2, 3))
    writers, server = _spent_by_children() - writers, _spent_by_server(postmaster) - server
    steps = MINUTES // 5
    visits = Appointment.objects.filter(made_at__gte=datetime(2020, 1, 1, tzinfo=UTC))
    starts = list(visits.values_list("timetable", "starts"))
    kept = Taken.objects.filter(appointment__in=visits).count()
    print(  # noqa: T201
        json.dumps(
            {
                "rate": booked / taking,
                "held": (booked + helped) / holding,
                "booked": booked,
                "helped": helped,
                "lost": booked - len(starts) + abs(steps * len(starts) - kept) + Hold.objects.count(),
                "double": len(starts) - len(set(starts)),
                "writer_ms": writers / booked * 1000,
                "server_ms": server / booked * 1000,
                "cores": os.cpu_count(),
            }
        )
    )


if __name__ == "__main__":
    main()
