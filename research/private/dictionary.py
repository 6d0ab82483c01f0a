"""What values can be, said before anybody looks: bounds, steps and choices of each variable of a study."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Any

MOST_STEPS = 1_000_000
MOST_GROUPS = 200


class NotDescribed(ValueError):
    """The data dictionary does not describe what a question needs, or describes what cannot be."""


@dataclass(frozen=True)
class Variable:
    """A number between bounds, in steps of so much; or one of some choices, where `choices` are named.

    Values beyond a bound count as the bound. `edges` are where groups of numbers begin; the first is the lower bound.
    """

    name: str
    choices: tuple[str, ...] = ()
    least: Decimal = Decimal(0)
    most: Decimal = Decimal(0)
    step: Decimal = Decimal(1)
    unit: str = ""
    edges: tuple[Decimal, ...] = ()

    def __post_init__(self) -> None:
        fine = len(set(self.choices)) == len(self.choices) <= MOST_GROUPS if self.choices else self._numbers_fit()
        if not self.name or not fine:
            raise NotDescribed(
                f"The variable {self.name!r} needs choices that differ, or bounds that lie on its steps, in order."
            )

    def _numbers_fit(self) -> bool:
        """Tell whether bounds lie on steps, and groups begin with the lower bound and go up inside."""
        if not all(number.is_finite() for number in (self.least, self.most, self.step, *self.edges)) or self.step <= 0:
            return False
        bounds = self.least / self.step, self.most / self.step
        if any(bound != int(bound) for bound in bounds) or not 0 < bounds[1] - bounds[0] <= MOST_STEPS:
            return False
        rising = list(self.edges) == sorted(set(self.edges)) and len(self.edges) <= MOST_GROUPS
        return rising and (not self.edges or (self.edges[0] == self.least and self.edges[-1] < self.most))

    def steps(self, value: object) -> int | None:
        """Return a number as whole steps from zero, within its bounds; None for what is no number."""
        try:
            number = Decimal(str(value))
        except InvalidOperation:
            return None
        if isinstance(value, bool) or not number.is_finite():
            return None
        bounded = min(max(number, self.least), self.most)
        return int((bounded / self.step).to_integral_value(ROUND_HALF_EVEN))

    def group(self, value: object) -> int | None:
        """Return which group a value belongs to, from 0 on; None for what belongs to none."""
        if self.choices:
            return self.choices.index(value) if value in self.choices else None
        at = self.steps(value)
        if at is None or not self.edges:
            return None
        return sum(edge <= at * self.step for edge in self.edges) - 1

    def groups(self) -> list[str]:
        """Return what the groups are called: choices, or the lower edge of each."""
        return list(self.choices) if self.choices else [plain(edge) for edge in self.edges]

    def written(self) -> dict[str, object]:
        """Return the variable as plain JSON; two that are alike are written alike."""
        if self.choices:
            return {"name": self.name, "choices": list(self.choices)}
        numbers = {"least": self.least, "most": self.most, "step": self.step}
        told: dict[str, object] = {name: plain(number) for name, number in numbers.items()}
        return told | {"name": self.name, "unit": self.unit, "edges": [plain(edge) for edge in self.edges]}

    @classmethod
    def read(cls, written: Mapping[str, Any]) -> "Variable":
        """Return the variable that was written down."""
        if "choices" in written:
            return cls(written["name"], choices=tuple(written["choices"]))
        bounds = {name: Decimal(written[name]) for name in ("least", "most", "step")}
        edges = tuple(map(Decimal, written["edges"]))
        return cls(written["name"], unit=written["unit"], edges=edges, **bounds)


@dataclass(frozen=True)
class DataDictionary:
    """A study's variables by name."""

    variables: Mapping[str, Variable]

    @classmethod
    def of(cls, *variables: Variable) -> "DataDictionary":
        """Return a dictionary of these variables."""
        return cls({each.name: each for each in variables})

    def describes(self, name: str) -> Variable:
        """Return the variable of this name. Raises NotDescribed."""
        if name not in self.variables:
            raise NotDescribed(f"The data dictionary has no variable {name!r}. Add it, with its bounds, and ask again.")
        return self.variables[name]


def plain(number: Decimal) -> str:
    """Return a number in digits alone, without zeros that say nothing."""
    return format(number.normalize(), "f")
