"""How strict a release is: dates, areas, and how few people a code may be of."""

import json
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from importlib import resources
from typing import Literal

FEWEST_PEOPLE = 11
OLDEST = 90


@dataclass(frozen=True)
class Areas:
    """Three-digit ZIP areas of 20,000 people or fewer, by the census of a year."""

    census: int
    sparse: frozenset[str]


@cache
def areas_2000() -> Areas:
    """Return the 17 areas that the Department of Health and Human Services lists."""
    read = json.loads(resources.files(__package__).joinpath("data", "zip3.json").read_text())
    return Areas(read["census"], frozenset(read["sparse"]))


@dataclass(frozen=True)
class Rules:
    """What a release is made by. `today` is the day that ages are of.

    `dates` is "years" (Safe Harbor) or "shifted" (an expert's determination: whole days, one number for each person).
    A code that fewer than `fewest` people have is withheld.
    """

    today: date
    dates: Literal["years", "shifted"] = "years"
    fewest: int = FEWEST_PEOPLE
    areas: Areas = field(default_factory=areas_2000)
