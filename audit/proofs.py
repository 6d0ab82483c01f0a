"""What people take away to check on their own: a patient's whole list, or one event's place. Read by `audit.verify`."""

import json
from uuid import UUID

from audit import leaves, merkle, notes, queries, tiles, trie, verify
from audit.log import timestamp
from audit.models import Checkpoint, Download, Leaf, Tail
from ehr.chain import deployments

_EARLIER = 50
_ATTEMPTS = 5


class NothingYet(Exception):
    """No signed head holds an event of this subject yet. Within seconds of the first event one does."""


def for_subject(subject: UUID, *, keep: bool = True) -> bytes:
    """Return the list a patient downloads: each event, and the proof that these are all, as of the last signed head.

    `keep` remembers the size, so that their later lists carry the proof that they continue this
    one; the check in the browser, which nobody keeps, passes False. Raises NothingYet.
    """
    for _ in range(_ATTEMPTS):
        checkpoint = Checkpoint.objects.last()
        if checkpoint is None:
            break
        tail = _tail(subject, checkpoint)
        # A head signed in between moved the map: begin again with that head.
        if tail is not None:
            return _file(subject, checkpoint, *tail, keep=keep)
    raise NothingYet(f"No signed head holds an event of {subject} yet.")


def _tail(subject: UUID, checkpoint: Checkpoint) -> tuple[list[Leaf], dict] | None:
    """Return the subject's leaves and their place in the map; None when the map moved on meanwhile."""
    found = Leaf.objects.filter(subject=subject, number__lt=checkpoint.size).order_by("patient_seq")
    rows = list(found.select_related("event__body", "event__erasure"))
    if not rows:
        raise NothingYet(f"No signed head holds an event of {subject} yet.")
    key, salt = verify.subject_key(str(subject)), bytes(Tail.objects.get(subject=subject).salt)
    path = trie.path(tiles.MapTiles([key]), key)
    last = bytes(rows[-1].hash)
    if verify.map_root(key, verify.map_leaf(key, salt, len(rows), last), path) != bytes(checkpoint.map_root):
        return None
    texts = ["" if sibling == verify.ZERO else verify.b64(sibling) for sibling in path]
    return rows, {"count": len(rows), "last": verify.b64(last), "salt": verify.b64(salt), "path": texts}


def _file(subject: UUID, checkpoint: Checkpoint, rows: list[Leaf], tail: dict, *, keep: bool) -> bytes:
    read = tiles.Tiles()
    read.fetch(leaf.number for leaf in rows)
    tree = merkle.Tree(checkpoint.size, read)
    file = {
        "format": verify.FORMAT,
        "key": notes.public_key(),
        "subject": str(subject),
        "checkpoint": checkpoint.note,
        "map": tail,
        "lines": [_line(leaf, tree) for leaf in rows],
        "earlier": _earlier(subject, tree),
    }
    if keep:
        Download.objects.get_or_create(subject=subject, size=checkpoint.size)
    return json.dumps(file, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def _line(leaf: Leaf, tree: merkle.Tree) -> dict:
    event = leaf.event
    common = {
        "seq": leaf.patient_seq,
        "number": leaf.number,
        "time": timestamp(event.time),
        "link_salt": verify.b64(bytes(leaf.salt)),
        "proof": _texts(tree.inclusion(leaf.number)),
    }
    body, erasure = getattr(event, "body", None), getattr(event, "erasure", None)
    if body is None:
        at = timestamp(erasure.at) if erasure else ""
        return {**common, "erased": at, "body_hash": verify.b64(bytes(event.body_hash))}
    return {**common, "body": bytes(body.payload).decode(), "salt": verify.b64(bytes(body.salt))}


def _earlier(subject: UUID, tree: merkle.Tree) -> list[dict]:
    """Return the earlier heads this list continues: the one on the chain, and those of the subject's own downloads."""
    anchor = queries.anchored(within=tree.size)
    sizes = (
        Download.objects.filter(subject=subject, size__lt=tree.size).order_by("-size").values_list("size", flat=True)
    )
    where = dict.fromkeys(sizes[:_EARLIER], "")
    if anchor:
        where[anchor.checkpoint.size] = f"AuditAnchor {deployments.address('AuditAnchor')}, block {anchor.block}"
    return [
        {
            "size": size,
            "root": verify.b64(bytes(root)),
            "proof": _texts(tree.consistency(size)),
            "where": where[size],
        }
        for size, root in Checkpoint.objects.filter(size__in=where).order_by("size").values_list("size", "root")
    ]


def tlog_proof(number: int) -> str:
    """Return the C2SP .tlog-proof of one event; `extra` is its leaf. Raises NothingYet before a head holds it."""
    checkpoint = Checkpoint.objects.last()
    leaf = Leaf.objects.filter(number=number).select_related("event").first()
    if checkpoint is None or leaf is None or number >= checkpoint.size:
        raise NothingYet(f"No signed head holds event {number:,} yet.")
    previous = verify.ZERO
    if leaf.patient_seq > 1:
        before = Leaf.objects.filter(subject=leaf.subject, patient_seq=leaf.patient_seq - 1)
        previous = bytes(before.values_list("hash", flat=True).get())
    entry = leaves.entry(leaf.event, salt=bytes(leaf.salt), seq=leaf.patient_seq, previous=previous)
    path = merkle.Tree(checkpoint.size, tiles.Tiles()).inclusion(number)
    lines = [verify.PROOF_FORMAT, f"extra {verify.b64(entry)}", f"index {number}", *_texts(path)]
    return "\n".join(lines) + "\n\n" + checkpoint.note


def _texts(hashes: list[bytes]) -> list[str]:
    return [verify.b64(each) for each in hashes]
