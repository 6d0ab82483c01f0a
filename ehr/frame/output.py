"""Lines of program output: where something went wrong, and never what was in it.

Messages of exceptions quote what they met: a value that does not parse, a row of the database, a patient's name.
Addresses of links in letters are keys to an account; those of health links lead to a copy.
Those of calendars lead to visits. Whoever reads these lines must be able to follow none of them.
"""

import copy
import logging
import re
import traceback
from collections.abc import Iterator

_WITH_KEYS = "verify|reset|recover/stop|account/email|shl|calendar|visits/offered|visits/reminder"
_LINKS = re.compile(rf"/({_WITH_KEYS})/[^/\s\"'?]+(?:/[^/\s\"'?]+)?")
_SHORTEST = 4


class Line(logging.Formatter):
    """Writes exceptions as classes and places, without their messages, and links without their keys.

    An exception made for the operator of a deployment says so by `for_operators = True`; its message is kept.
    """

    def format(self, record: logging.LogRecord) -> str:
        # Another handler may have left the traceback with its messages on the record.
        record = copy.copy(record)
        record.exc_text = None
        text = super().format(record)
        problem = record.exc_info[1] if record.exc_info else None
        for one in _chain(problem):
            if not _is_for_operators(one):
                for said in sorted({repr(one), str(one)}, key=len, reverse=True):
                    text = text.replace(said, type(one).__name__) if len(said) >= _SHORTEST else text
        return _LINKS.sub(r"/\1/…", text)

    def formatException(self, ei) -> str:
        """Return the traceback of an exception and of those it came from, the first cause first."""
        told = [_told(one) for one in reversed(list(_chain(ei[1])))]
        return "\nwhich led to\n".join(told)


def _chain(problem: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while problem is not None and id(problem) not in seen:
        seen.add(id(problem))
        yield problem
        problem = problem.__cause__ or (None if problem.__suppress_context__ else problem.__context__)


def _is_for_operators(problem: BaseException) -> bool:
    return bool(getattr(type(problem), "for_operators", False))


def _told(problem: BaseException) -> str:
    where = "".join(traceback.format_tb(problem.__traceback__))
    kind = f"{type(problem).__module__}.{type(problem).__qualname__}"
    return f"{where}{kind}: {problem}" if _is_for_operators(problem) else f"{where}{kind}"
