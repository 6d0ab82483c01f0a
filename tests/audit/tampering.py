"""What an intruder with the database's password could do: the triggers dropped, rows rewritten, backups restored."""

import json
from contextlib import contextmanager

from django.db import connection, transaction

from audit import leaves, merkle, tiles, trie, triggers, verify
from audit.models import Checkpoint, Download, Erasure, Event, EventBody, Head, Leaf, MapTile, Queued, Tail, Tile


def dump(file):
    """A list as it is downloaded."""
    return json.dumps(file, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def sql(statement, *values):
    """Run one statement as somebody with the database's password would."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, values)


def blanked(data, *positions):
    """The list after anybody took the words from some of its lines, which needs no key."""
    file = json.loads(data)
    for position in positions:
        line = file["lines"][position]
        body_hash = verify.sha256(verify.unb64(line.pop("salt")) + line.pop("body").encode()).digest()
        line.update(erased="2026-01-01T00:00:00.000000Z", body_hash=verify.b64(body_hash))
    return dump(file)


@contextmanager
def everything_allowed():
    """Drop the triggers, and create them again as if nothing had been."""
    connection.check_constraints()  # PostgreSQL drops no trigger while a foreign key waits to be checked
    triggers.remove(connection)
    yield
    connection.check_constraints()
    triggers.install(connection)


def set_back(size):
    """Make storage what it was when the log had `size` leaves and a head was signed over them."""
    gone = list(Event.objects.exclude(leaf__number__lt=size).values_list("id", flat=True))
    Queued.objects.all().delete()
    Checkpoint.objects.filter(size__gt=size).delete()
    Download.objects.filter(size__gt=size).delete()
    Leaf.objects.filter(number__gte=size).delete()
    EventBody.objects.filter(event__in=gone).delete()
    Erasure.objects.filter(event__in=gone).delete()
    Event.objects.filter(id__in=gone).delete()
    rebuild()


def rewrite(leaf):
    """Change one event and all that follows from it; forget the heads that were signed over it."""
    Event.objects.filter(pk=leaf.event_id).update(body_hash=verify.sha256(b"another story").digest())
    Checkpoint.objects.filter(size__gt=leaf.number).delete()
    rebuild()


def rebuild():
    """Make leaves, tiles, tails and map agree with the events again."""
    rows = list(Leaf.objects.select_related("event").order_by("number"))
    ends, hashes = {}, []
    for row in rows:
        seq, previous = ends.get(row.subject, (0, verify.ZERO)) if row.subject else (-1, verify.ZERO)
        entry = leaves.entry(row.event, salt=bytes(row.salt), seq=seq + 1, previous=previous)
        hashes.append(verify.leaf_hash(entry))
        Leaf.objects.filter(pk=row.pk).update(hash=hashes[-1])
        ends[row.subject] = (seq + 1, hashes[-1])
    Tile.objects.all().delete()
    tiles.store(merkle.extend(lambda _level, _index: b"", 0, hashes))
    Head.objects.update(size=len(rows))
    Tail.objects.exclude(subject__in=[subject for subject in ends if subject]).delete()
    for subject, (count, last) in ends.items():
        Tail.objects.filter(subject=subject).update(count=count, last=last)
    rebuild_map()


def rebuild_map():
    """Make the map what it was at the last head that is left."""
    last = Checkpoint.objects.last()
    ends = {}
    for row in Leaf.objects.filter(number__lt=last.size if last else 0, subject__isnull=False).order_by("number"):
        ends[row.subject] = row
    MapTile.objects.all().delete()
    changed = {}
    for subject, row in ends.items():
        key, salt = verify.subject_key(str(subject)), bytes(Tail.objects.get(subject=subject).salt)
        changed[key] = verify.map_leaf(key, salt, row.patient_seq, bytes(row.hash))
    if changed:
        tiles.store_map(trie.change(lambda _prefix: b"", changed)[1])
