"""The race itself, on the PostgreSQL that DATABASE_URL names; `python -m tests.bench.racing` prints a line of JSON."""

import hashlib
import json
import multiprocessing
import threading
import time
import uuid
from collections.abc import Callable

import django

django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connection, connections, transaction  # noqa: E402

from audit import log, sequencer  # noqa: E402

PROCESSES, THREADS = 4, 4
SECONDS = 6.0


def _race(work: Callable[[], object]) -> float:
    """Return how many times a second sixteen connections, four in each of four processes, do the work."""
    connections.close_all()
    fork = multiprocessing.get_context("fork")
    gate, counts = fork.Barrier(PROCESSES, timeout=60), fork.Queue()
    processes = [fork.Process(target=_process, args=(work, gate, counts)) for _ in range(PROCESSES)]
    for process in processes:
        process.start()
    total = sum(counts.get(timeout=90) for _ in processes)
    for process in processes:
        process.join()
    return total / SECONDS


def _process(work: Callable[[], object], gate, counts) -> None:
    done = [0] * THREADS

    def run(place: int) -> None:
        work()
        if ready.wait() == 0:
            gate.wait()
        ready.wait()
        until = time.perf_counter() + SECONDS
        while time.perf_counter() < until:
            work()
            done[place] += 1
        connections.close_all()

    ready = threading.Barrier(THREADS, timeout=30)
    threads = [threading.Thread(target=run, args=(place,)) for place in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counts.put(sum(done))


def _append() -> None:
    log.record("chart.opened", actor=log.SYSTEM, subject=uuid.uuid4(), categories=["labs"], purpose="TREAT")


def _chain() -> None:
    """What a log without a sequencer does: read the last hash under a lock, hash on, insert, commit."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("select last from chain_head where id = 1 for update")
        last = bytes(cursor.fetchone()[0])
        event, payload = uuid.uuid4(), json.dumps({"action": "chart.opened", "categories": ["labs"]}).encode()
        digest = hashlib.sha256(last + payload).digest()
        cursor.execute(
            "insert into chain_event (id, payload, previous, hash) values (%s, %s, %s, %s)",
            [event, payload, last, digest],
        )
        cursor.execute("update chain_head set last = %s where id = 1", [digest])


def main() -> None:
    call_command("migrate", verbosity=0)
    with connection.cursor() as cursor:
        cursor.execute("create table chain_head (id int primary key, last bytea)")
        cursor.execute("insert into chain_head values (1, %s)", [b"0" * 32])
        cursor.execute("create table chain_event (id uuid primary key, payload bytea, previous bytea, hash bytea)")
    chain = _race(_chain)
    appended = _race(_append)
    begun, count = time.perf_counter(), 0
    while done := sequencer.sequence():
        count += done
    sequenced = count / (time.perf_counter() - begun)
    note = "Four processes with four connections each; both commit durably, to the same server."
    print(json.dumps({"log": appended, "chain": chain, "sequenced": sequenced, "note": note}))  # noqa: T201


if __name__ == "__main__":
    main()
