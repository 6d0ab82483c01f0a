"""A PostgreSQL of the benchmark's own, where the machine has the server's programs."""

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote


def binaries() -> Path | None:
    """Return the folder of the newest server programs, or None."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


@contextlib.contextmanager
def cluster() -> Iterator[str]:
    """Start a cluster with durable commits, behind a socket file as deploy/.env.example has it; yield its URL."""
    programs = binaries()
    folder = Path(tempfile.mkdtemp())
    data = folder / "data"
    data.mkdir()
    as_user: list[str] = []
    if os.geteuid() == 0:
        as_user = ["runuser", "-u", "postgres", "--"]
        shutil.chown(folder, "postgres")
        shutil.chown(data, "postgres")
    run = {"check": True, "capture_output": True, "cwd": "/"}
    subprocess.run(
        [*as_user, programs / "initdb", "-D", data, "-U", "chartseal", "-A", "trust", "--locale", "C.UTF-8"], **run
    )
    options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c max_connections=60"
    control = [*as_user, programs / "pg_ctl", "-D", data]
    subprocess.run([*control, "-w", "-l", data / "log", "-o", options, "start"], **run)
    try:
        yield f"postgres://chartseal@{quote(str(folder), safe='')}/postgres"
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], **run)
        shutil.rmtree(folder)
