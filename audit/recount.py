"""Recomputes the whole log from what storage holds, trusting none of it, and names the first event that is wrong."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from uuid import UUID

from django.db import connection, transaction

from audit import leaves, merkle, notes, tiles, trie, triggers, verify, witness
from audit.models import Anchor, Checkpoint, Event, EventBody, Head, Leaf, Queued, Tail, Tile

_CHUNK = 2000


class Wrong(Exception):
    """Storage does not hold what was recorded and signed. The message names the first wrong event."""


@contextmanager
def snapshot() -> Iterator[None]:
    """Read storage as it is at one moment, while others go on writing."""
    if connection.vendor == "postgresql" and not connection.in_atomic_block:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield
    elif connection.in_atomic_block:
        yield
    else:
        # A deferred transaction of SQLite's WAL reads one moment and locks nobody out.
        with connection.cursor() as cursor:
            cursor.execute("BEGIN DEFERRED")
            try:
                yield
            finally:
                cursor.execute("ROLLBACK")


class Recount:
    """One pass over the leaves in their order, with the tree, the map and every signed head rebuilt beside it."""

    def __init__(self, known: Iterable[witness.SignedHead]) -> None:
        self._known = known
        self.size = Head.objects.filter(id=1).values_list("size", flat=True).first() or 0
        self._frontier = merkle.Frontier()
        self._tiles: dict[tuple[int, int], bytes] = {}
        self._map: dict[bytes, bytes] = {}
        self._map_root = verify.ZERO
        self._salts = {subject: bytes(salt) for subject, salt in Tail.objects.values_list("subject", "salt")}
        self._ends: dict[UUID, tuple[int, bytes]] = {}
        self._moved: set[UUID] = set()
        self._heads = list(Checkpoint.objects.order_by("size"))
        self._signed = 0
        self._since: list[bytes] = []  # leaf hashes that no signed head was compared with yet

    def run(self) -> Iterator[int]:
        """Yield how many events were recounted, batch by batch. Raises Wrong at the first that does not match."""
        if gone := triggers.missing(connection):
            raise Wrong(f"The database no longer refuses changes to the log: the trigger {gone[0]} is gone or another.")
        while self._frontier.size < self.size:
            yield self._batch()
        self._check_heads_signed()
        self._check_edges()
        self._check_queue()
        self._check_other_memories()

    def _batch(self) -> int:
        start = self._frontier.size
        found = Leaf.objects.filter(number__gte=start, number__lt=min(start + _CHUNK, self.size)).order_by("number")
        rows = list(found.select_related("event__body", "event__erasure"))
        if not rows:
            raise Wrong(f"Event number {start:,} is missing.")
        hashes = []
        for number, leaf in enumerate(rows, start):
            if leaf.number != number:
                raise Wrong(f"Event number {number:,} is missing.")
            hashes.append(self._leaf(leaf))
            self._frontier.add(hashes[-1])
            self._since.append(hashes[-1])
            self._check_head()
        changed = merkle.extend(lambda level, index: self._tiles.get((level, index), b""), start, hashes)
        self._tiles |= changed
        return len(rows)

    def _leaf(self, leaf: Leaf) -> bytes:
        """Return a leaf's hash, computed from its event."""
        event = leaf.event
        name = f"{leaves.name(event)}, number {leaf.number:,},"
        self._body(event, name)
        seq, previous = self._ends.get(leaf.subject, (0, verify.ZERO)) if leaf.subject else (-1, verify.ZERO)
        if leaf.subject != event.subject or leaf.patient_seq != seq + 1:
            raise Wrong(f"{name} does not continue its patient's list.")
        entry = leaves.entry(event, salt=bytes(leaf.salt), seq=seq + 1, previous=previous)
        computed = verify.leaf_hash(entry)
        if computed != bytes(leaf.hash):
            raise Wrong(f"{name} is not what got its place in the tree.")
        if leaf.subject:
            self._ends[leaf.subject] = (seq + 1, computed)
            self._moved.add(leaf.subject)
        return computed

    def _body(self, event: Event, name: str) -> None:
        body = getattr(event, "body", None)
        if body is None:
            if not hasattr(event, "erasure"):
                raise Wrong(f"{name} has lost its words, and no erasure says so.")
            return
        try:
            leaves.check_body(event, salt=bytes(body.salt), payload=bytes(body.payload))
        except (leaves.Altered, ValueError, KeyError, TypeError):
            raise Wrong(f"{name} was changed after it was recorded.") from None

    def _check_head(self) -> None:
        """Compare the signed head over as many leaves as were recounted, if there is one."""
        if self._signed == len(self._heads) or self._heads[self._signed].size != self._frontier.size:
            return
        head = self._heads[self._signed]
        self._signed += 1
        name = f"The head over {head.size:,} events"
        try:
            note = notes.read(head.note)
        except verify.Refused as refusal:
            raise Wrong(f"{name} is not as it was signed: {refusal}") from None
        said = (note.size, note.root, note.map_root)
        if said != (head.size, bytes(head.root), bytes(head.map_root)):
            raise Wrong(f"{name} was signed with other values than are stored.")
        if note.root != self._frontier.root():
            raise Wrong(f"{name} does not match its events: the first wrong one is number {self._first_wrong()}.")
        self._since.clear()
        if note.map_root != self._move_map():
            raise Wrong(f"{name} does not match the lengths of the patients' lists.")

    def _first_wrong(self) -> str:
        """Return the first number since the last good head that differs from the tree; else where to begin looking."""
        start, stored = self._frontier.size - len(self._since), tiles.Tiles()
        for number, leaf in enumerate(self._since, start):
            index, place = divmod(number, merkle.WIDTH)
            if stored(0, index)[place * 32 : place * 32 + 32] != leaf:
                return f"{number:,}"
        return f"{start:,} or later"

    def _move_map(self) -> bytes:
        changed = {}
        for subject in self._moved:
            key = verify.subject_key(str(subject))
            if subject not in self._salts:
                raise Wrong(f"The end of the list of patient {subject} is missing.")
            changed[key] = verify.map_leaf(key, self._salts[subject], *self._ends[subject])
        self._moved.clear()
        if changed:
            self._map_root, moved = trie.change(lambda prefix: self._map.get(prefix, b""), changed)
            self._map |= moved
        return self._map_root

    def _check_heads_signed(self) -> None:
        if self._signed < len(self._heads):
            lost = self._heads[self._signed]
            raise Wrong(f"A head over {lost.size:,} events was signed; storage holds {self.size:,}.")

    def _check_edges(self) -> None:
        """Compare what the leaves fix with what is stored beside them: more leaves, tiles, tails and the map."""
        extra = Leaf.objects.filter(number__gte=self.size).order_by("number").first()
        if extra:
            raise Wrong(f"Event number {extra.number:,} stands beyond the head.")
        stored = {(tile.level, tile.index): bytes(tile.hashes) for tile in Tile.objects.iterator()}
        for place in sorted(self._tiles.keys() | stored.keys()):
            mine, theirs = self._tiles.get(place, b""), stored.get(place, b"")
            if mine != theirs:
                raise Wrong(
                    f"The tree differs from its events, first at number {_first_number(place, mine, theirs):,}."
                )
        tails = {tail.subject: (tail.count, bytes(tail.last)) for tail in Tail.objects.iterator()}
        for subject in sorted(self._ends.keys() | tails.keys()):
            if self._ends.get(subject) != tails.get(subject):
                raise Wrong(f"The list of patient {subject} ends otherwise than its events.")
        stored_map = tiles.MapTiles()
        for prefix, slots in sorted(self._map.items()):
            if stored_map(prefix) != slots:
                raise Wrong(f"The map of the patients' lists is not the signed one (tile {prefix.hex() or 'root'}).")

    def _check_queue(self) -> None:
        """Check the events that wait, and that none is without both a leaf and a place in the queue."""
        lost = Event.objects.filter(leaf__isnull=True, queued__isnull=True).order_by("id").first()
        if lost:
            raise Wrong(f"{leaves.name(lost)} has no place in the tree and does not wait for one.")
        for queued in Queued.objects.select_related("event__body", "event__erasure").order_by("id"):
            self._body(queued.event, leaves.name(queued.event))

    def _check_other_memories(self) -> None:
        """Compare with the kept head, the chain and the anchors."""
        tree = merkle.Tree(self.size, lambda level, index: self._tiles.get((level, index), b""))
        try:
            witness.check(tree, self._known)
        except witness.Behind as behind:
            raise Wrong(str(behind)) from None

    def totals(self) -> dict[str, int]:
        """Return what was recounted."""
        anchors = Anchor.objects.filter(status__in=[Anchor.Status.CONFIRMED, Anchor.Status.FINAL]).count()
        erased = self.size - EventBody.objects.filter(event__leaf__isnull=False).count()
        counts = {"events": self.size, "patients": len(self._ends), "heads": self._signed}
        return {**counts, "anchors": anchors, "erased": erased, "waiting": Queued.objects.count()}


def _first_number(place: tuple[int, int], mine: bytes, theirs: bytes) -> int:
    """Return the first leaf number under which two tiles differ."""
    level, index = place
    at = next((i for i in range(0, max(len(mine), len(theirs)), 32) if mine[i : i + 32] != theirs[i : i + 32]), 0)
    return (index * merkle.WIDTH + at // 32) << (8 * level)
