"""Private questions and their answers, as plain values."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

from research.private.dictionary import DataDictionary, NotDescribed, Variable


class Kind(StrEnum):
    """What is asked of a variable."""

    COUNT = "count"
    GROUPS = "groups"
    MEAN = "mean"
    QUANTILE = "quantile"


@dataclass(frozen=True)
class Question:
    """What is asked of whom: `among` is the digest of the criteria, empty for everybody who takes part."""

    kind: Kind
    variable: Variable | None = None
    among: bytes = b""
    percent: int = 50  # of people below a quantile

    def written(self) -> dict[str, object]:
        """Return the question in its normal form, as plain JSON."""
        told: dict[str, object] = {"kind": self.kind.value, "among": self.among.hex()}
        if self.variable is not None:
            told["variable"] = self.variable.written()
        if self.kind is Kind.QUANTILE:
            told["percent"] = self.percent
        return told

    @classmethod
    def read(cls, written: Mapping[str, Any]) -> "Question":
        """Return the question that was written down."""
        variable = Variable.read(written["variable"]) if "variable" in written else None
        return cls(Kind(written["kind"]), variable, bytes.fromhex(written["among"]), written.get("percent", 50))

    @property
    def digest(self) -> bytes:
        """Return 32 bytes that are the same for the same question."""
        text = json.dumps(["private", 1, self.written()], sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).digest()


def question(
    kind: Kind, name: str = "", *, dictionary: DataDictionary, among: bytes = b"", percent: int = 50
) -> Question:
    """Return a question about a variable of the dictionary. Raises NotDescribed where that does not say enough."""
    if kind is Kind.COUNT:
        return Question(kind, among=among)
    variable = dictionary.describes(name)
    if kind is Kind.GROUPS and not variable.groups():
        raise NotDescribed(f"The data dictionary has no groups of {name!r}. Add choices or edges, and ask again.")
    if kind in (Kind.MEAN, Kind.QUANTILE) and variable.choices:
        raise NotDescribed(f"{name!r} is one of some choices and no number. Ask for its groups.")
    if kind is Kind.QUANTILE and not 1 <= percent <= 99:
        raise NotDescribed("A quantile has from 1 to 99 percent of people below it.")
    return Question(kind, variable, among, percent if kind is Kind.QUANTILE else 50)


@dataclass(frozen=True)
class Answer:
    """Numbers with noise, by group; of a count, mean or quantile the group is "".

    `within` is how far nineteen of twenty answers are from the true number, by the noise alone; None where there are
    too few people for the noise. `people` is with noise, too, for means. For quantiles `between` tells it instead: in
    nineteen of twenty, so many people at most have values between what is told and the true one. Numbers are decimal
    text, so that no reader rounds them.
    """

    numbers: dict[str, str]
    within: str | None
    people: int | None = None
    between: int | None = None

    def written(self) -> dict[str, object]:
        """Return the answer as plain JSON."""
        return asdict(self)

    @property
    def number(self) -> Decimal:
        """Return the one number of an answer that has no groups."""
        return Decimal(self.numbers[""])
