"""The second memory: the last signed head, kept apart from the database, against a database that lost something.

A backup that was restored, or a log rewritten in place, is behind or beside what was signed. Then
nothing is sequenced and nothing signed until somebody looked.
"""

import fcntl
import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from django.conf import settings

from audit import merkle, notes, verify
from ehr.chain import artifacts, client, deployments

_NAME = "checkpoint"


class SignedHead(NamedTuple):
    """A head known from elsewhere than storage, and where from."""

    size: int
    root: bytes
    what: str


class Behind(RuntimeError):
    """Storage does not hold what was signed or anchored."""


def keep(note: str) -> None:
    """Keep a signed head in place of the one before; a reader sees the old or the new, whole."""
    folder = Path(settings.LOG_WITNESS_PATH)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{_NAME}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # nobody keeps a later head between the look and the replacing
        kept = latest()
        if kept and kept.size > notes.read(note).size:
            return  # another process signed a later head and was quicker
        draft = folder / f"{_NAME}.draft"
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
    answer = client.ask_bytes("eth_call", {"to": address, "data": f"0x{data.hex()}"}, "latest")
    if len(answer) != 4 * 32:
        raise client.Unavailable("AuditAnchor does not answer at its address.")
    # struct Head { uint64 size; uint64 sequence; uint64 time; bytes32 root; }, a word each
    size = int.from_bytes(answer[:32], "big")
    return (size, answer[96:]) if size else None


def known() -> list[SignedHead]:
    """Return the heads that storage must continue: the kept one, and the chain's where the chain can be asked.

    Ask before reading storage: heads signed in between would otherwise look like lost events.
    """
    return memories()[0]


def memories() -> tuple[list[SignedHead], list[str]]:
    """Return what `known` does, and a sentence for each of the two memories that told no head."""
    heads, silent = [], []
    if kept := latest():
        heads.append(SignedHead(kept.size, kept.root, "was signed"))
    else:
        silent.append(f"No head is kept in {settings.LOG_WITNESS_PATH}, so none was compared.")
    try:
        on_chain = anchored()
    except client.Unavailable as problem:
        silent.append(f"The chain was not asked: {problem}. What stands on it is only what storage says.")
    else:
        if on_chain:
            heads.append(SignedHead(*on_chain, "stands on the chain"))
        elif deployments.address("AuditAnchor") is None:
            silent.append("The chain was not asked: no AuditAnchor is known here.")
        else:
            silent.append("The chain holds no head yet, so none was compared.")
    return heads, silent


def check(tree: merkle.Tree, heads: Iterable[SignedHead]) -> None:
    """Raise Behind unless the tree continues each of these heads."""
    for head in heads:
        if head.size > tree.size:
            raise Behind(_behind(tree.size, head.size, head.what))
        if tree.root(head.size) != head.root:
            raise Behind(f"The first {head.size:,} events are not those of the head that {head.what}. Find out why.")


def _behind(size: int, wanted: int, what: str) -> str:
    return (
        f"Storage holds {size:,} events, but a head over {wanted:,} {what}. "
        "Restore the events in between before anything is signed."
    )
