"""One group of a measure as anybody may see it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Line:
    """One group, or everybody where `group` is empty. Numbers are rounded; None is hidden.

    `share` is made of the rounded numbers, in whole per cent: the true share would tell the true numbers.
    """

    group: str
    people: int | None
    met: int | None

    @property
    def share(self) -> int | None:
        if self.people is None or self.met is None or not self.people:
            return None
        return round(100 * min(self.met, self.people) / self.people)
