"""Listening on a unix socket: who may ask, how much, and for how long."""

import ctypes
import logging
import os
import pwd
import resource
import socket
import struct
import sys
import threading
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from django.db import close_old_connections, connections

from consent.keyholder import wire
from consent.keyholder.answers import answer

logger = logging.getLogger(__name__)

THREADS = 2
WAITING = 64  # connections that the kernel keeps while both threads are busy
PATIENCE_SECONDS = 5.0
LONGEST_PATH_BYTES = 107  # sockaddr_un's 108 with the zero at its end; a BSD takes three less and says so itself
_PEER = struct.Struct("3i")
_PR_SET_DUMPABLE = 4


class CannotListen(Exception):
    """The socket cannot be opened; the message says why."""

    for_operators = True


def harden() -> None:
    """Keep this process's memory from core dumps and, on Linux, from other programs of the same user."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def user_ids(names: Collection[str]) -> frozenset[int]:
    """Return the ids of those who may ask: this process's own user and those named. Raises CannotListen."""
    try:
        return frozenset({os.getuid(), *(pwd.getpwnam(name).pw_uid for name in names)})
    except KeyError as problem:
        raise CannotListen("KEYHOLDER_USERS names a user that this machine does not have.") from problem


class Server:
    """The keyholder's door. It answers the users given and nobody else, a few at a time."""

    def __init__(self, path: str, users: frozenset[int], *, patience: float = PATIENCE_SECONDS) -> None:
        self.path = Path(path)
        self.users = users
        self.patience = patience
        self.stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._listener: socket.socket | None = None

    def start(self) -> None:
        """Open the socket and answer from now on. Raises CannotListen."""
        self._listener = self._bound()
        for number in range(THREADS):
            thread = threading.Thread(
                target=self._serve, args=(self._listener,), name=f"keyholder-{number}", daemon=True
            )
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """Finish what is being answered and close the socket. Takes a little over the patience at most."""
        self.stopping.set()
        if self._listener is None:
            return
        for _thread in self._threads:
            self._knock()
        for thread in self._threads:
            thread.join(timeout=self.patience + 2)
        self._listener.close()
        self.path.unlink(missing_ok=True)

    def _knock(self) -> None:
        """Wake a thread that waits for somebody, so that it sees that it is time to stop."""
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(1.0)
            connection.connect(str(self.path))

    def _bound(self) -> socket.socket:
        path = str(self.path)
        if len(path.encode()) > LONGEST_PATH_BYTES:
            raise CannotListen(f"{path} is too long for a socket. Choose a shorter KEYHOLDER_SOCKET.")
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._clear(path)
            # Made for the owner alone; a group is let in only where other users are named.
            before = os.umask(0o177)
            try:
                listener.bind(path)
            finally:
                os.umask(before)
            self.path.chmod(0o660 if self.users - {os.getuid()} else 0o600)
            listener.listen(WAITING)
            listener.settimeout(1.0)
        except OSError as problem:
            listener.close()
            raise CannotListen(f"{path} cannot be listened on: {problem.strerror or problem}.") from problem
        except CannotListen:
            listener.close()
            raise
        return listener

    @staticmethod
    def _clear(path: str) -> None:
        """Take away the socket of a keyholder that died. Raises CannotListen where one lives."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(1.0)
            try:
                probe.connect(path)
            except FileNotFoundError:
                return
            except ConnectionRefusedError:
                if not Path(path).is_socket():
                    raise CannotListen(f"{path} is there, and it is no socket.") from None
                Path(path).unlink()
                return
        raise CannotListen(f"Another keyholder listens on {path}.")

    def _serve(self, listener: socket.socket) -> None:
        try:
            while not self.stopping.is_set():
                connection = self._next(listener)
                if connection is None:
                    continue
                with connection:
                    if not self.stopping.is_set():
                        self._attend(connection)
        finally:
            connections.close_all()

    def _next(self, listener: socket.socket) -> socket.socket | None:
        """Return who knocks, or None after a second or when it is time to stop."""
        try:
            return listener.accept()[0]
        except TimeoutError:
            return None
        except OSError as problem:
            if not self.stopping.is_set():
                logger.error("Nobody can be let in: %s.", problem.strerror)
                self.stopping.wait(1.0)
            return None

    def _attend(self, connection: socket.socket) -> None:
        """Answer one message. Whatever becomes of it, the next one finds a thread."""
        close_old_connections()
        try:
            if not self._is_known(connection):
                logger.warning("A user who may not ask was sent away.")
                return
            reply = answer(wire.receive(connection, within=self.patience))
            connection.settimeout(self.patience)
            wire.send(connection, reply)
        except wire.Garbled as problem:
            logger.warning("%s", problem)
            with suppress(OSError):
                wire.send(connection, wire.pack({"refused": "not-understood"}))
        except OSError as problem:
            logger.warning("Somebody hung up, or took too long (%s).", type(problem).__name__)
        except Exception as problem:  # noqa: BLE001 - the keyholder outlives whatever one request meets
            logger.error("A request could not be answered: %s", type(problem).__name__)
        finally:
            close_old_connections()

    def _is_known(self, connection: socket.socket) -> bool:
        """Tell whether the kernel names a user who may ask. Where it names nobody, the socket's mode has to do."""
        if not hasattr(socket, "SO_PEERCRED"):
            return True
        _pid, uid, _gid = _PEER.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))
        return uid in self.users
