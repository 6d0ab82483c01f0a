"""The second memory: the last signed head, kept apart from the database, against a database that lost something.

A backup that was restored, or a log rewritten in place, is behind or beside what was signed. Then
nothing is sequenced and nothing signed until somebody looked.
"""

import os
from pathlib import Path

from django.conf import settings

from audit import merkle, notes, verify
from ehr.chain import artifacts, client, deployments

_NAME = "checkpoint"


class Behind(RuntimeError):
    """Storage does not hold what was signed or anchored."""


def keep(note: str) -> None:
    """Keep a signed head in place of the one before; a reader sees the old or the new, whole."""
    folder = Path(settings.LOG_WITNESS_PATH)
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f"{_NAME}.{os.getpid()}"
    with draft.open("w", encoding="utf-8") as file:
        file.write(note)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(folder / _NAME)


def latest() -> verify.Checkpoint | None:
    """Return the kept head, None if there is none. Raises Behind when it cannot be read."""
    path = Path(settings.LOG_WITNESS_PATH) / _NAME
    try:
        return notes.read(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (verify.Refused, ValueError) as problem:
        raise Behind(
            f"The head kept as {path} does not hold: {problem} Nothing is signed until that is settled."
        ) from None


def check_size(size: int) -> None:
    """Raise Behind when storage holds fewer leaves than the kept head covers."""
    kept = latest()
    if kept and kept.size > size:
        raise Behind(_behind(size, kept.size, "was signed"))


def anchored() -> tuple[int, bytes] | None:
    """Return size and root of the head on the chain, None before the first. Raises client.Unavailable."""
    address = deployments.address("AuditAnchor")
    if address is None:
        return None
    data = artifacts.load("AuditAnchor").calldata("head", [])
    answer = bytes.fromhex(client.ask("eth_call", {"to": address, "data": f"0x{data.hex()}"}, "latest")[2:])
    if len(answer) != 4 * 32:
        raise client.Unavailable("AuditAnchor does not answer at its address.")
    # struct Head { uint64 size; uint64 sequence; uint64 time; bytes32 root; }, a word each
    size = int.from_bytes(answer[:32], "big")
    return (size, answer[96:]) if size else None


def check(tree: merkle.Tree) -> None:
    """Raise Behind unless the tree continues the kept head and the one on the chain, where the chain can be asked."""
    kept = latest()
    if kept:
        _check(tree, kept.size, kept.root, "was signed")
    try:
        on_chain = anchored()
    except client.Unavailable:
        return
    if on_chain:
        _check(tree, *on_chain, "stands on the chain")


def _check(tree: merkle.Tree, size: int, root: bytes, what: str) -> None:
    if size > tree.size:
        raise Behind(_behind(tree.size, size, what))
    if tree.root(size) != root:
        raise Behind(f"The first {size:,} events are not those of the head that {what}. Find out why before signing.")


def _behind(size: int, wanted: int, what: str) -> str:
    return (
        f"Storage holds {size:,} events, but a head over {wanted:,} {what}. "
        "Restore the events in between before anything is signed."
    )
