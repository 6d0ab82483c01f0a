"""The race itself, on the PostgreSQL that DATABASE_URL names; `python -m tests.bench.racing` prints a line of JSON.

Four logs write the same words with prepared statements: Chartseal's; a hash chain held under a lock, by the cursor
that Chartseal's other statements go through; that chain again, each statement sent in one call of libpq as
Chartseal's is; and a chain whose hash the database computes, in a single statement sent so.
"""

import hashlib
import json
import multiprocessing
import os
import resource
import tempfile
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import django

django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connection, connections, transaction  # noqa: E402

from audit import log, sequencer  # noqa: E402
from audit.rows import Written, _Prepared  # noqa: E402
from ehr import statements  # noqa: E402

PROCESSES, THREADS = 4, 4
SECONDS, ROUNDS = 2.0, 6
SCHEMA = """
create table chain_head (id int primary key, last bytea not null);
insert into chain_head values (1, decode(repeat('00', 32), 'hex'));
create table chain_event (
    id uuid primary key, time timestamptz not null, subject uuid,
    salt bytea not null, payload bytea not null, previous bytea not null, hash bytea not null
);
create index chain_story on chain_event (subject, id);
"""
LAST = "select last from chain_head where id = 1 for update"
EVENT = "insert into chain_event (id, time, subject, salt, payload, previous, hash) values (%s, %s, %s, %s, %s, %s, %s)"
HEAD = "update chain_head set last = %s where id = 1"
WHOLE = (
    "with old as (select last from chain_head where id = 1 for update), "
    "head as (update chain_head set last = sha256(old.last || %s::bytea) from old where id = 1 "
    "returning old.last as previous, chain_head.last as hash) "
    "insert into chain_event (id, time, subject, salt, payload, previous, hash) "
    "select %s::uuid, %s::timestamptz, %s::uuid, %s::bytea, %s::bytea, previous, hash from head"
)
SENT = {"begin": "begin", "last": LAST, "event": EVENT, "head": HEAD, "commit": "commit", "whole": WHOLE}


@dataclass
class Pace:
    """What was done in how many seconds, and the CPU seconds it took the writers and the server."""

    done: int = 0
    seconds: float = 0.0
    writers: float = 0.0
    server: float = 0.0

    def add(self, other: "Pace") -> None:
        for name, value in asdict(other).items():
            setattr(self, name, getattr(self, name) + value)

    def report(self) -> dict[str, float]:
        """Return appends a second, and microseconds of CPU an append."""
        return {
            "rate": self.done / self.seconds,
            "writer_us": self.writers / self.done * 1e6,
            "server_us": self.server / self.done * 1e6,
        }


def _race(work: Callable[[], object]) -> Pace:
    """Let sixteen connections, four in each of four processes, do the work for a while."""
    connections.close_all()
    connection.close_pool()
    writers, server = _spent_by_children(), _spent_by_server()
    fork = multiprocessing.get_context("fork")
    gate, counts = fork.Barrier(PROCESSES, timeout=60), fork.Queue()
    processes = [fork.Process(target=_process, args=(work, gate, counts)) for _ in range(PROCESSES)]
    for process in processes:
        process.start()
    done = sum(counts.get(timeout=90) for _ in processes)
    for process in processes:
        process.join()
    return Pace(done, SECONDS, _spent_by_children() - writers, _spent_by_server() - server)


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
    connection.close_pool()
    counts.put(sum(done))


def _spent_by_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _spent_by_server() -> float:
    """Return the CPU seconds of the server processes that have ended, a connection's when it is closed."""
    fields = Path(f"/proc/{_postmaster}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")


def _words() -> Written:
    return log._written("chart.opened", log.SYSTEM, uuid.uuid4(), categories=["labs"], purpose="TREAT")


def _append() -> None:
    log.record("chart.opened", actor=log.SYSTEM, subject=uuid.uuid4(), categories=["labs"], purpose="TREAT")


def _chain() -> None:
    """What a log without a sequencer does: read the last hash under a lock, hash on, insert, commit."""
    event, salt, payload = _words()
    with transaction.atomic():
        cursor = statements.cursor(connection)
        cursor.execute(LAST)
        last = bytes(cursor.fetchone()[0])
        digest = hashlib.sha256(last + event.body_hash).digest()
        cursor.execute(EVENT, [event.id, event.time, event.subject, salt, payload, last, digest])
        cursor.execute(HEAD, [digest])


def _chain_sent() -> None:
    """The same chain, with each statement in one call, as the log's goes."""
    event, salt, payload = _words()
    kept = _kept()
    kept["begin"].send([])
    last = kept["last"].send([]).get_value(0, 0)
    digest = hashlib.sha256(last + event.body_hash).digest()
    kept["event"].send([event.id, event.time, event.subject, salt, payload, last, digest])
    kept["head"].send([digest])
    kept["commit"].send([])


def _chain_in_one_statement() -> None:
    """The shortest a chain can hold its lock: the database hashes on, one round trip, no words between."""
    event, salt, payload = _words()
    _kept()["whole"].send([event.body_hash, event.id, event.time, event.subject, salt, payload])


def _kept() -> dict[str, _Prepared]:
    connection.ensure_connection()
    raw = connection.connection
    if not hasattr(raw, "kept_chain"):
        raw.kept_chain = {name: _Prepared(raw, name.encode(), text) for name, text in SENT.items()}
    return raw.kept_chain


def _flush_ms() -> float:
    """Return the median time in ms to bring a page of the write-ahead log's size to the disk."""
    spent = []
    with tempfile.NamedTemporaryFile() as file:
        for _ in range(300):
            file.seek(0)
            file.write(os.urandom(8192))
            file.flush()
            begun = time.perf_counter()
            os.fdatasync(file.fileno())
            spent.append((time.perf_counter() - begun) * 1000)
    return sorted(spent)[len(spent) // 2]


def main() -> None:
    global _postmaster
    call_command("migrate", verbosity=0)
    with connection.cursor() as cursor:
        cursor.execute(SCHEMA)
        cursor.execute("select pg_read_file('postmaster.pid')")
        _postmaster = int(cursor.fetchone()[0].split()[0])
    works = {"log": _append, "chain": _chain, "sent": _chain_sent, "statement": _chain_in_one_statement}
    paces = {name: Pace() for name in works}
    # In turn, so that whatever else this machine does falls on all of them.
    for _ in range(ROUNDS):
        for name, work in works.items():
            paces[name].add(_race(work))
    begun, count = time.perf_counter(), 0
    while done := sequencer.sequence():
        count += done
    found = {name: pace.report() for name, pace in paces.items()}
    found |= {"sequenced": count / (time.perf_counter() - begun), "flush_ms": _flush_ms(), "cores": os.cpu_count()}
    print(json.dumps(found))  # noqa: T201


if __name__ == "__main__":
    main()
