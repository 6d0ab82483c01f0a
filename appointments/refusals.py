"""What is raised when a visit cannot be booked or changed: a sentence for the page, and what else there is."""

from collections.abc import Sequence


class NotPossible(Exception):
    """What was asked for cannot be done. The text says why and what to do next, to the person who asked.

    `because` is one machine word. `instead` are free slots that are offered in its place, soonest first; it may be
    empty.
    """

    def __init__(self, message: object, *, because: str = "", instead: Sequence = ()) -> None:
        super().__init__(message)
        self.because = because
        self.instead = list(instead)


class NotTheirs(NotPossible):
    """Somebody asked for a visit that is nothing of theirs. To them there is no such visit: the faces answer 404."""
