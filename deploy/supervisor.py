"""Keep a few programs running as one: start, watch, start again, stop together. Standard library only."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from environment import say

CHILD = Path(__file__).with_name("child.py")
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 1.0, 30.0
STEADY_AFTER_SECONDS = 60.0
STOP_WITHIN_SECONDS = 10.0
LAST_WORDS_SECONDS = 0.5
LOG_BYTES = 10_000_000
LOUD = re.compile(r"\b(WARNING|ERROR|CRITICAL)\b|^[\w.]*(Error|Exception)\b")
TIME_AND_NUMBERS = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|\d+")
REPEAT_AFTER_SECONDS = 60.0


@dataclass
class Program:
    """One program to keep running, with the environment it needs on top of this process's."""

    name: str
    command: list[str]
    environment: dict[str, str] = field(default_factory=dict)
    folder: Path | None = None
    quiet: bool = False  # its warnings stay in its log
    process: subprocess.Popen | None = None
    reader: threading.Thread | None = None
    started_at: float = 0.0
    wait: float = FIRST_WAIT_SECONDS
    due_at: float | None = None

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None


class LogFile:
    """A file that keeps its last 10 to 20 MB. What a full disk or a folder that is gone does not take is dropped."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.handle: IO[bytes] | None = None
        self.write(b"")

    def write(self, line: bytes) -> None:
        """Write a line, or drop it: whoever says it must never wait for the disk, or end with it."""
        try:
            self._write(line)
        except OSError:
            self.close()

    def _write(self, line: bytes) -> None:
        if self.handle is None:
            # Without a buffer: lines that were not taken would be tried again at every one that follows.
            self.handle = self.path.open("ab", buffering=0)
        self.handle.write(line)
        if self.handle.tell() > LOG_BYTES:
            self.close()
            self.path.replace(self.path.with_suffix(".log.1"))

    def close(self) -> None:
        handle, self.handle = self.handle, None
        if handle:
            with contextlib.suppress(OSError):
                handle.close()


class Supervisor:
    """Runs programs, each in a process group of its own, their output in `logs` and its loud lines on the console."""

    def __init__(self, logs: Path, *, verbose: bool = False) -> None:
        self.logs = logs
        self.verbose = verbose
        self.programs: list[Program] = []
        self.told: dict[str, float] = {}
        self.stopping = threading.Event()
        logs.mkdir(parents=True, exist_ok=True)

    def handle_signals(self) -> None:
        """Stop on Ctrl-C, SIGTERM and a closed terminal; a second one stops without waiting."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._asked_to_stop)

    def _asked_to_stop(self, _number: int, _frame: object) -> None:
        if self.stopping.is_set():
            self._signal_all(signal.SIGKILL)
        self.stopping.set()

    def start(self, program: Program) -> None:
        """Start a program and keep it running from now on."""
        self.programs.append(program)
        self._spawn(program)

    def _spawn(self, program: Program) -> None:
        # From the main thread only: the kernel's word on a parent's death is about the thread that forked.
        program.process = subprocess.Popen(
            [sys.executable, str(CHILD), str(os.getpid()), *program.command],
            cwd=program.folder,
            env={**os.environ, **program.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        program.started_at, program.due_at = time.monotonic(), None
        program.reader = threading.Thread(target=self._copy_output, args=(program, program.process.stdout), daemon=True)
        program.reader.start()

    def _copy_output(self, program: Program, stream: IO[bytes]) -> None:
        log = LogFile(self.logs / f"{program.name}.log")
        with contextlib.closing(log), stream:
            for line in stream:
                log.write(line)
                text = line.decode("utf-8", "replace").rstrip()
                if text and not self.stopping.is_set() and (self.verbose or self._is_news(program, text)):
                    self.tell(program.name, text)

    def _is_news(self, program: Program, text: str) -> bool:
        """Tell whether a line belongs on the console: loud, and not told in the last minute but for its numbers."""
        if program.quiet or not LOUD.search(text):
            return False
        gist, now = TIME_AND_NUMBERS.sub("", text), time.monotonic()
        if now - self.told.get(gist, -REPEAT_AFTER_SECONDS) < REPEAT_AFTER_SECONDS:
            return False
        self.told[gist] = now
        return True

    def tell(self, name: str, text: str) -> None:
        """Print one labelled line, no wider than the terminal; a file takes it whole."""
        line = f"{name:>7} | {text}"
        say(line[: max(shutil.get_terminal_size().columns, 60)] if sys.stdout.isatty() else line)

    def tend(self) -> bool:
        """Look at every program once: plan a new start for one that ended, start what is due. True when one started."""
        now, started = time.monotonic(), False
        for program in self.programs:
            if program.running:
                continue
            if program.due_at is None:
                self._plan(program, now)
            elif now >= program.due_at:
                self._spawn(program)
                started = True
        return started

    def _plan(self, program: Program, now: float) -> None:
        self._signal(program, signal.SIGKILL)  # what it left behind in its group
        if now - program.started_at > STEADY_AFTER_SECONDS:
            program.wait = FIRST_WAIT_SECONDS
        program.due_at = now + program.wait
        status = program.process.returncode if program.process else None
        self.tell(
            program.name,
            f"ended with status {status}; starts again in {program.wait:.0f} s. {self.logs / program.name}.log",
        )
        program.wait = min(program.wait * 2, LONGEST_WAIT_SECONDS)

    def keep_running(self, note: Callable[[], None]) -> None:
        """Tend the programs until somebody asks to stop; call `note` whenever one was started."""
        note()
        while not self.stopping.wait(0.25):
            if self.tend():
                note()

    def stop(self) -> None:
        """End every program, the last started first, and whatever their groups still hold.

        Takes 10 s at most, and half a second more where somebody left a group and holds on to its pipe.
        """
        self.stopping.set()
        deadline = time.monotonic() + STOP_WITHIN_SECONDS
        for program in reversed(self.programs):
            self._signal(program, signal.SIGTERM)
        for program in self.programs:
            with contextlib.suppress(subprocess.TimeoutExpired):
                if program.process:
                    program.process.wait(timeout=max(0.1, deadline - time.monotonic()))
        self._signal_all(signal.SIGKILL)
        for program in self.programs:
            if program.process:
                program.process.wait()
        written = time.monotonic() + LAST_WORDS_SECONDS
        for program in self.programs:
            if program.reader:  # What it said last is written too.
                program.reader.join(timeout=max(0, written - time.monotonic()))

    def _signal_all(self, number: int) -> None:
        for program in self.programs:
            self._signal(program, number)

    @staticmethod
    def _signal(program: Program, number: int) -> None:
        if program.process:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(program.process.pid, number)
