"""What a table must promise before it leaves: k-anonymity, l-diversity, t-closeness, and how much may be left out."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Sensitive:
    """A column that must not be told of anybody, and what each class must show in it.

    `distinct` different values at least (distinct l-diversity); an entropy of at least log(`entropy`) (entropy
    l-diversity, Machanavajjhala 2007); no further than `closeness` from the values of all that is released
    (t-closeness, Li 2007: half the sum of differences, or for `ordered` columns the ordered distance). An empty cell
    is no value of its own for the first two.
    """

    column: str
    distinct: int = 1
    entropy: float = 1.0
    closeness: float | None = None
    ordered: bool = False

    def __post_init__(self) -> None:
        if self.distinct < 1 or self.entropy < 1 or not (self.closeness is None or 0 <= self.closeness <= 1):
            raise ValueError("Diversity is 1 or more, closeness from 0 to 1.")

    @property
    def looks_at_shares(self) -> bool:
        """Whether a class that does well may do worse together with one that does not."""
        return self.entropy > 1 or self.closeness is not None


@dataclass(frozen=True)
class Demands:
    """At least `k` rows alike in all quasi-identifiers, each sensitive column as it asks, `limit` the share of rows
    that may be left out."""

    k: int
    sensitive: tuple[Sensitive, ...] = ()
    limit: float = 0.05

    def __post_init__(self) -> None:
        if self.k < 1 or not 0 <= self.limit <= 1:
            raise ValueError("k is 1 or more, the limit a share from 0 to 1.")
        if len({one.column for one in self.sensitive}) != len(self.sensitive):
            raise ValueError("A sensitive column is named twice.")

    @property
    def only_grows(self) -> bool:
        """Whether what fails at one node fails at all below it, so that they need not be looked at.

        More rows alike and more values together never do harm. Entropy and closeness of a good class fall when
        rows that were left out join it; where none may be left out, no such rows are there.
        """
        return self.limit == 0 or not any(one.looks_at_shares for one in self.sensitive)


class Unusable(ValueError):
    """The table, its hierarchies and the demands do not go together. The words hold no value of the table."""


class Unreachable(Unusable):
    """Nothing that the hierarchies allow meets the demands."""
