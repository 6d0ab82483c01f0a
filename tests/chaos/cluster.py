"""A PostgreSQL of the chaos test's own, with durable commits, that can be killed and started again."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from tests.bench.postgres import binaries
from tests.chaos.processes import children, end

OPTIONS = [
    "fsync=on",
    "synchronous_commit=on",
    "full_page_writes=on",
    "unix_socket_directories=",
    "max_connections=100",
]
START_SECONDS = 30


class Cluster:
    """One cluster on a free port of this machine. Its files go with it."""

    def __init__(self) -> None:
        self.programs = binaries()
        self.folder = Path(tempfile.mkdtemp(prefix="chartseal-chaos-"))
        # The server refuses to run as root.
        self.account = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
        if self.account:
            shutil.chown(self.folder, "postgres", "postgres")
        self.data = self.folder / "data"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        make = [self.programs / "initdb", "-D", self.data, "-U", "chartseal", "-A", "trust", "--locale", "C.UTF-8"]
        subprocess.run(make, check=True, capture_output=True, cwd="/", **self.account)
        self.process: subprocess.Popen | None = None
        self.start()
        self._wait()

    @property
    def url(self) -> str:
        return f"postgres://chartseal@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Start the server; it recovers by itself from whatever happened before."""
        command = [self.programs / "postgres", "-D", self.data, "-p", str(self.port), "-h", "127.0.0.1"]
        for option in OPTIONS:
            command += ["-c", option]
        with (self.folder / "log").open("ab") as output:
            self.process = subprocess.Popen(
                command, cwd="/", stdin=subprocess.DEVNULL, stdout=output, stderr=output, **self.account
            )

    def _wait(self) -> None:
        until = time.monotonic() + START_SECONDS
        check = [self.programs / "pg_isready", "-h", "127.0.0.1", "-p", str(self.port), "-q"]
        while subprocess.run(check, check=False).returncode:
            if time.monotonic() > until:
                raise TimeoutError(f"PostgreSQL did not start:\n{(self.folder / 'log').read_text()[-2000:]}")
            time.sleep(0.1)

    def kill(self) -> None:
        """Kill the server and all its children at once, as a power cut does, and start it again."""
        doomed = [self.process.pid, *children(self.process.pid)]
        for pid in doomed:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        end(doomed[1:], seconds=5)
        self.start()

    def backends(self) -> list[int]:
        """Return the processes that serve a client."""
        return [pid for pid, line in children(self.process.pid).items() if "127.0.0.1(" in line]

    def close(self) -> None:
        self.process.send_signal(signal.SIGQUIT)
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            doomed = [self.process.pid, *children(self.process.pid)]
            end(doomed, seconds=0)
        shutil.rmtree(self.folder, ignore_errors=True)
