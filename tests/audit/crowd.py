"""Writers and sequencers at once on one database: in threads, or in a program with a database of its own."""

import json
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

from django.core.management import call_command
from django.db import connection

from audit import checkpoints, log, merkle, notes, proofs, sequencer, tiles, verify
from audit.models import Event, Head, Leaf, Queued

PATIENTS = [uuid4() for _ in range(3)]
PLACERS = 2


def crowd(*, writers, each):
    """Let them work at once; return what was written and what storage then holds. Raises what any of them raised."""
    done = threading.Event()
    with ThreadPoolExecutor(writers + PLACERS) as pool:
        placing = [pool.submit(_place, done) for _ in range(PLACERS)]
        writing = [pool.submit(_write, number, each) for number in range(writers)]
        try:
            written = {event for future in writing for event in future.result()}
        finally:
            done.set()
        for future in placing:
            future.result()
    while sequencer.sequence():
        pass
    checkpoints.sign()
    return {"written": len(written), **_found()}


def _write(number, each):
    actor = log.Party("person", uuid4(), f"Writer {number}")
    try:
        return [log.record("chart.opened", actor=actor, subject=PATIENTS[turn % 3]).id for turn in range(each)]
    finally:
        connection.close()


def _place(done):
    try:
        while not done.wait(0.01):
            sequencer.sequence(limit=7)
            checkpoints.sign()
    finally:
        connection.close()


def _found():
    size = Head.objects.get().size
    numbers = list(Leaf.objects.order_by("number").values_list("number", flat=True))
    hashes = [bytes(leaf) for leaf in Leaf.objects.order_by("number").values_list("hash", flat=True)]
    lists = [verify.List(proofs.for_subject(patient), notes.public_key()) for patient in PATIENTS]
    return {
        "events": Event.objects.count(),
        "size": size,
        "waiting": Queued.objects.count(),
        "without_gaps": numbers == list(range(size)),
        "tree_holds": merkle.Tree(size, tiles.Tiles()).root() == merkle.root_of(hashes),
        "lines": sum(each.count for each in lists),
    }


def main():
    """Make the tables the log needs in the database that DATABASE_URL names, and print what the crowd did there."""
    for app in ("chain", "audit"):
        call_command("migrate", app, verbosity=0, skip_checks=True)
    sys.stdout.write(json.dumps(crowd(writers=6, each=12)) + "\n")
