"""Become another program that ends when its supervisor does, also when the supervisor was killed without a word.

`python3 deploy/child.py SUPERVISOR_PID PROGRAM ARGUMENT…`. On Linux the kernel sends SIGTERM to this process when
its parent dies; the request outlives `exec`. Elsewhere it only becomes the program.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def follow(parent: int) -> None:
    """Ask the kernel to end this process with its parent, and end at once when that is gone already."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            sys.exit(1)


if __name__ == "__main__":
    follow(int(sys.argv[1]))
    os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606 - the supervisor's own command line
