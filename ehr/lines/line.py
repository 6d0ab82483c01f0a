"""One line of a record, as a person reads it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

# Finds the resource behind "Type/id" among what may be read; None where it is not there.
Lookup = Callable[[str], Mapping | None]


@dataclass(frozen=True, slots=True)
class Line:
    """What one resource says. Every text is finished and translated; "" means there is nothing to say.

    `title` is what it is ("Glucose"), `value` with `unit` what was found, `range_text` what is usual, `abnormal_word`
    how it differs ("High"), `status` a word for people, `state` the same for programs, `at` an ISO date to sort by.
    `beside` is what must be read with it even where there is no room for `detail`, which begins with it. `forbidden`
    is true of an order that something is not to be given or done.
    """

    title: str
    detail: str = ""
    date: str = ""
    status: str = ""
    code_text: str = ""
    value: str = ""
    unit: str = ""
    range_text: str = ""
    abnormal_word: str = ""
    kind: str = "other"
    at: str = ""
    state: str = ""
    beside: str = ""
    forbidden: bool = False

    def __str__(self) -> str:
        found = " ".join(part for part in (self.value, self.unit) if part)
        pieces = [self.title, found, self.abnormal_word, self.range_text, self.status, self.detail, self.date]
        return " · ".join(piece for piece in pieces if piece)
