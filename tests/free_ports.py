"""Ports that are free now, and stay so until a program takes them.

The kernel gives no client and no other server one of these by itself: they lie below those it deals out
(`net.ipv4.ip_local_port_range`), and a connection that was closed keeps none of them for a minute.
"""

import contextlib
import random
import socket

FROM, UP_TO = 10_000, 31_000
_DICE = random.SystemRandom()


def free_port(*beside: int) -> int:
    """Return a port that is free on 127.0.0.1, as are those that are so much higher."""
    for _ in range(200):
        port = _DICE.randrange(FROM, UP_TO - max(beside, default=0))
        with contextlib.ExitStack() as held, contextlib.suppress(OSError):
            for one in (port, *(port + higher for higher in beside)):
                held.enter_context(socket.socket()).bind(("127.0.0.1", one))
            return port
    raise RuntimeError("No free port was found.")
