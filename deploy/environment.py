"""Make the virtual environment from the locks. Standard library only: it runs before anything is installed.

`python3 deploy/environment.py run` installs what the product needs, `test` what the tests need on top.
A stamp beside the packages remembers which lock they came from, so that the next start installs nothing.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCKS = {"run": ROOT / "requirements" / "run.txt", "test": ROOT / "requirements" / "test.txt"}
UV_LOCK = ROOT / "requirements" / "uv.txt"
OLDEST = (3, 11)


class CannotSetUp(Exception):
    """Something is missing that only the person at the keyboard can add; the text says what."""


def say(text: str) -> None:
    """Print one line now, also when the output goes to a file.

    A terminal that was closed, or a pipe that nobody reads, ends nothing: this line is lost, and so are those after it.
    """
    try:
        print(text, flush=True)
    except OSError:
        with contextlib.suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, sys.stdout.fileno())
            os.close(nowhere)


def folder() -> Path:
    """Return where the environment lives: VENV, or .venv in the project."""
    return ROOT / os.environ.get("VENV", ".venv")


def python() -> Path:
    return folder() / "bin" / "python"


def require_python(version: tuple[int, ...] = tuple(sys.version_info), has=importlib.util.find_spec) -> None:
    """Raise CannotSetUp where this Python is too old or, as on a bare Debian, comes without venv."""
    found = ".".join(str(part) for part in version[:2])
    if version[:2] < OLDEST:
        raise CannotSetUp(
            f"Chartseal needs Python 3.11 or newer, and this is Python {found}. "
            "Install a newer one and name it: make run PYTHON=python3.12"
        )
    if not (has("venv") and has("ensurepip")):
        raise CannotSetUp(
            f"This Python {found} cannot make virtual environments. "
            f"On Debian and Ubuntu: sudo apt install python{found}-venv. Then run the same command again."
        )


def _stamp(kind: str) -> Path:
    return folder() / f"chartseal-{kind}.sha256"


def _digest(kind: str) -> str:
    return hashlib.sha256(LOCKS[kind].read_bytes()).hexdigest()


def is_current(kind: str) -> bool:
    """Tell whether the environment holds what the lock of this kind names."""
    stamp = _stamp(kind)
    return python().exists() and stamp.exists() and stamp.read_text(encoding="ascii") == _digest(kind)


def _runs(*command: str | Path) -> bool:
    return subprocess.run([str(part) for part in command], check=False, cwd=ROOT).returncode == 0


def _works(executable: Path) -> bool:
    probe = [str(executable), "-c", f"import sys; sys.exit(sys.version_info < {OLDEST})"]
    return executable.exists() and subprocess.run(probe, check=False, capture_output=True).returncode == 0


def _create() -> None:
    if _works(python()):
        return
    say(f"Making a virtual environment in {folder().name}")
    if not _runs(sys.executable, "-m", "venv", "--clear", folder()):
        raise CannotSetUp(
            "Python could not make a virtual environment; what it said stands above. "
            "On Debian and Ubuntu python3-venv is often what is missing: sudo apt install python3-venv"
        )


def _install(kind: str) -> None:
    """Install a lock with uv, or with pip where uv cannot be had. Hashes are checked either way."""
    uv, lock = folder() / "bin" / "uv", LOCKS[kind]
    pip = (python(), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r")
    if not _works(python()):
        raise CannotSetUp(f"{folder()} has no working Python. Remove that folder and run the same command again.")
    if (uv.exists() or _runs(*pip, UV_LOCK)) and _runs(
        uv, "pip", "install", "--quiet", "--python", python(), "--require-hashes", "-r", lock
    ):
        return
    say("uv could not install the packages; trying pip, which takes a minute longer")
    if not _runs(*pip, lock):
        raise CannotSetUp("The packages could not be installed; what pip said stands above. Is the network reachable?")


@contextlib.contextmanager
def _one_at_a_time():
    """Hold a lock, for two starts on one clone would install into the same folder."""
    with (ROOT / ".environment.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def ensure(kind: str) -> Path:
    """Return the environment's Python after making sure that it holds the lock's packages.

    `kind` is "run" or "test"; the test lock contains everything of the run lock. Raises CannotSetUp.
    """
    if is_current(kind):
        return python()
    require_python()
    with _one_at_a_time():
        if not is_current(kind):
            begun = time.monotonic()
            _create()
            say("Installing packages")
            _install(kind)
            for covered in ("run", "test") if kind == "test" else ("run",):
                _stamp(covered).write_text(_digest(covered), encoding="ascii")
            say(f"Packages installed in {time.monotonic() - begun:.0f} s")
    return python()


def main(arguments: list[str]) -> int:
    try:
        ensure(arguments[0] if arguments else "run")
    except CannotSetUp as problem:
        say(str(problem))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
