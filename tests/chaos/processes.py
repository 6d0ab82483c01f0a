"""Looking at processes through /proc: whose child, which command, whose folder."""

import contextlib
import os
import signal
import time
from collections.abc import Iterable
from pathlib import Path


def _ids() -> list[int]:
    return [int(folder.name) for folder in Path("/proc").iterdir() if folder.name.isdigit()]


def _read(pid: int, name: str) -> bytes:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/{name}").read_bytes()
    return b""


def alive(pid: int) -> bool:
    """Tell whether a process runs; a dead one that nobody buried does not."""
    stat = _read(pid, "stat").rpartition(b")")[2].split()
    return bool(stat) and stat[0] not in {b"Z", b"X"}


def command(pid: int) -> str:
    return _read(pid, "cmdline").replace(b"\0", b" ").decode("utf-8", "replace")


def children(parent: int) -> dict[int, str]:
    """Return the command lines of a process's children, by id."""
    found = {}
    for pid in _ids():
        stat = _read(pid, "stat").rpartition(b")")[2].split()
        if len(stat) > 1 and int(stat[1]) == parent and stat[0] != b"Z":
            found[pid] = command(pid)
    return found


def of_folder(folder: Path) -> dict[int, str]:
    """Return the command lines of the processes whose environment or command names a folder, this one left out."""
    sought = str(folder).encode()
    return {
        pid: command(pid)
        for pid in _ids()
        if pid != os.getpid() and alive(pid) and sought in _read(pid, "environ") + _read(pid, "cmdline")
    }


def end(pids: Iterable[int], *, seconds: float) -> None:
    """Wait until processes are gone; kill what is still there afterwards."""
    until = time.monotonic() + seconds
    pids = list(pids)
    while any(map(alive, pids)) and time.monotonic() < until:
        time.sleep(0.05)
    for pid in filter(alive, pids):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
