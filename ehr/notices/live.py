"""How many notices somebody has not read, as server-sent events: the number and nothing else.

A stream holds a thread of the web server, so there are few, and each is short: a browser asks again by itself. Nothing
is kept in a stream. It counts in the database, when the doorbell rings and at each beat, for as long as whoever opened
it is signed in. Without a Redis, or when all seats are taken, there is no stream and each page counts for itself.
"""

import threading
from collections.abc import Callable, Iterator
from time import monotonic
from uuid import UUID

from django.conf import settings
from django.db import connection

from ehr.notices import doorbell, queries
from ehr.notices.doorbell import Bell, Silent

BEAT_SECONDS = 5.0
LIFETIME_SECONDS = 25.0
RETRY_MILLISECONDS = 3000


class Seat:
    """One stream's leave to hold a thread."""

    def __init__(self, user_id: UUID) -> None:
        self.user_id = user_id
        self.given_up = threading.Event()


class Seats:
    """Who has a stream in this process: at most so many people, one stream each, the newest.

    A page that is left is noticed at the next beat only, and its successor must not wait for that: the seat passes on
    at once, and for the moment until the former one has gone there may be one stream more than seats.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken: set[Seat] = set()

    def take(self, user_id: UUID) -> Seat | None:
        """Return a seat, or None while there is none."""
        with self._lock:
            sitting = {seat for seat in self._taken if not seat.given_up.is_set()}
            former = {seat for seat in sitting if seat.user_id == user_id}
            if len(sitting - former) >= settings.NOTICE_STREAMS or len(self._taken) > settings.NOTICE_STREAMS:
                return None
            for seat in former:
                seat.given_up.set()
            mine = Seat(user_id)
            self._taken.add(mine)
        if former:
            doorbell.ring(user_id)
        return mine

    def leave(self, seat: Seat) -> None:
        """Give a seat back; twice does no harm."""
        with self._lock:
            self._taken.discard(seat)

    def count(self) -> int:
        """Return how many streams there are."""
        with self._lock:
            return len(self._taken)


seats = Seats()


class Stream:
    """The events for one person, as bytes. Iterate it once; close it, also when nobody ever began to."""

    def __init__(self, seat: Seat, bell: Bell, *, inside: Callable[[], bool]) -> None:
        self._seat = seat
        self._bell = bell
        self._events = self._run(inside)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            return next(self._events)
        except Silent:
            self.close()
            raise StopIteration from None
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the seat and of Redis."""
        self._events.close()
        self._bell.close()
        seats.leave(self._seat)

    def _run(self, inside: Callable[[], bool]) -> Iterator[bytes]:
        ends = monotonic() + LIFETIME_SECONDS
        shown = None
        yield f"retry: {RETRY_MILLISECONDS}\n\n".encode()
        while not self._seat.given_up.is_set() and inside():
            count = queries.unread(self._seat.user_id)
            # The second is a comment: nothing to a browser, and to a server the way to learn that nobody is there.
            yield f"event: unread\ndata: {count}\n\n".encode() if count != shown else b":\n\n"
            shown = count
            # A thread that waits keeps no connection from those that work.
            if not connection.in_atomic_block:
                connection.close()
            left = ends - monotonic()
            if left <= 0:
                return
            self._bell.wait(min(BEAT_SECONDS, left))
        if self._seat.given_up.is_set():
            # Another page of the same person shows the count now; this one is not to come back and take it away.
            yield b"event: over\ndata:\n\n"


def possible() -> bool:
    """Tell whether this deployment serves streams at all."""
    return doorbell.installed() and settings.NOTICE_STREAMS > 0


def open_stream(user_id: UUID, *, inside: Callable[[], bool]) -> Stream | None:
    """Return the events for somebody, or None where there are none to be had now.

    `inside` tells whether they are still signed in; it is asked before each event.
    """
    if not possible() or (seat := seats.take(user_id)) is None:
        return None
    try:
        return Stream(seat, Bell(user_id), inside=inside)
    except Silent:
        seats.leave(seat)
        return None
