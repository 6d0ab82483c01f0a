"""Signs heads. What is signed is read again and hashed again; what is not as it was is never signed."""

from collections.abc import Iterable, Sequence
from functools import reduce
from operator import or_

from django.db import transaction
from django.db.models import Q

from audit import leaves, merkle, notes, tiles, trie, verify, witness
from audit.models import Checkpoint, Head, Leaf, Tail
from ehr import clock

# Leaves read again for one head; after a long pause several heads are signed in a row.
BATCH = 20_000
_CHUNK = 200


def sign() -> Checkpoint | None:
    """Sign the head if the log grew since the last time, keep it with the witness too, and return it.

    Returns None when there is nothing new, or another process is signing. Raises witness.Behind
    when storage does not continue what was signed, kept or anchored, and leaves.Altered when a new
    leaf is not its event's.
    """
    latest = None
    while _grew():
        # Asked before the lock is taken, for the chain may be slow. The head only grows meanwhile.
        known = witness.known()
        with transaction.atomic():
            checkpoint = _sign(known)
        if checkpoint is None:
            break
        witness.keep(checkpoint.note)
        latest = checkpoint
    return latest


def _grew() -> bool:
    size = Head.objects.filter(id=1).values_list("size", flat=True).first() or 0
    last = Checkpoint.objects.last()
    return size > (last.size if last else 0)


def _sign(known: Iterable[witness.SignedHead]) -> Checkpoint | None:
    head = Head.objects.select_for_update(skip_locked=True).filter(id=1).first()
    if head is None or not _grew():
        return None
    last = Checkpoint.objects.last()
    signed = last.size if last else 0
    tree = merkle.Tree(head.size, tiles.Tiles())
    witness.check(tree, known)
    size = min(head.size, signed + BATCH)
    new = _read_again(signed, size)
    root = _root(tree, last, new)
    map_root = _move_map(last, new)
    at = clock.now()
    note = notes.sign(size=size, root=root, map_root=map_root, at=at)
    return Checkpoint.objects.create(size=size, root=root, map_root=map_root, at=at, note=note)


def _read_again(start: int, end: int) -> list[Leaf]:
    """Return the leaves from start on, each hashed anew from its event. Raises Altered at the first that differs."""
    found = Leaf.objects.filter(number__gte=start, number__lt=end).select_related("event").order_by("number")
    new = list(found)
    if [leaf.number for leaf in new] != list(range(start, end)):
        raise leaves.Altered(f"Between events {start:,} and {end:,} of the tree some are missing.")
    ends = _ends_before(new)
    for leaf in new:
        seq, previous = ends.get(leaf.subject, (0, verify.ZERO)) if leaf.subject else (0, verify.ZERO)
        entry = leaves.entry(leaf.event, salt=bytes(leaf.salt), seq=leaf.patient_seq, previous=previous)
        in_order = leaf.patient_seq == (seq + 1 if leaf.subject else 0) and leaf.subject == leaf.event.subject
        if not in_order or verify.leaf_hash(entry) != bytes(leaf.hash):
            raise leaves.Altered(f"{leaves.name(leaf.event)}, number {leaf.number:,}, is not what got its place.")
        if leaf.subject:
            ends[leaf.subject] = (leaf.patient_seq, bytes(leaf.hash))
    return new


def _ends_before(new: Iterable[Leaf]) -> dict:
    """Return, by subject, the sequence number and hash of the leaf before their first new one."""
    firsts: dict = {}
    for leaf in new:
        if leaf.subject:
            firsts.setdefault(leaf.subject, leaf.patient_seq)
    wanted = [Q(subject=subject, patient_seq=seq - 1) for subject, seq in firsts.items() if seq > 1]
    ends: dict = {}
    for at in range(0, len(wanted), _CHUNK):
        rows = Leaf.objects.filter(reduce(or_, wanted[at : at + _CHUNK]))
        ends |= {
            subject: (seq, bytes(leaf)) for subject, seq, leaf in rows.values_list("subject", "patient_seq", "hash")
        }
    return ends


def _root(tree: merkle.Tree, last: Checkpoint | None, new: Sequence[Leaf]) -> bytes:
    """Return the root over the signed tree and the new leaves. Raises Behind when the tiles tell another."""
    frontier = tree.frontier(last.size if last else 0)
    if last and frontier.root() != bytes(last.root):
        raise witness.Behind(f"The first {last.size:,} events are not those that were signed on {last.at:%d %B %Y}.")
    for leaf in new:
        frontier.add(bytes(leaf.hash))
    if frontier.root() != tree.root(frontier.size):
        raise witness.Behind(
            "The tree's tiles do not match its leaves. Run verify_log, which names the first wrong one."
        )
    return frontier.root()


def _move_map(last: Checkpoint | None, new: Sequence[Leaf]) -> bytes:
    """Put each new end of a list into the map and return its root."""
    ends = {leaf.subject: leaf for leaf in new if leaf.subject}
    subjects = sorted(ends)
    salts: dict = {}
    for at in range(0, len(subjects), _CHUNK):
        salts |= dict(Tail.objects.filter(subject__in=subjects[at : at + _CHUNK]).values_list("subject", "salt"))
    keys = {subject: verify.subject_key(str(subject)) for subject in subjects}
    read = tiles.MapTiles(keys.values())
    if trie.root_of(trie.unpack(read(b""))) != (bytes(last.map_root) if last else verify.ZERO):
        raise witness.Behind("The map of patients' lists is not the one that was signed. Run verify_log.")
    changed = {
        keys[subject]: verify.map_leaf(keys[subject], bytes(salts[subject]), leaf.patient_seq, bytes(leaf.hash))
        for subject, leaf in ends.items()
    }
    if not changed:
        return bytes(last.map_root) if last else verify.ZERO
    root, moved = trie.change(read, changed)
    tiles.store_map(moved)
    return root
