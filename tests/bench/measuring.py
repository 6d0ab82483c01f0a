"""A measurement and its row."""

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass
class Row:
    """One line of the report. `met` is None where there is no goal."""

    what: str
    found: str
    goal: str = ""
    met: bool | None = None
    note: str = ""

    @property
    def verdict(self) -> str:
        return {True: "yes", False: "**no**", None: ""}[self.met]


def cpu_ms(work: Callable[[], object], times: int = 15) -> float:
    """Return the median CPU time of one run of work in milliseconds, after two runs that do not count."""
    work(), work()
    spent = []
    gc.collect()
    gc.disable()
    try:
        for _ in range(times):
            begun = time.process_time_ns()
            work()
            spent.append(time.process_time_ns() - begun)
    finally:
        gc.enable()
    return sorted(spent)[len(spent) // 2] / 1e6


def wall_ms(work: Callable[[], object], times: int = 15) -> float:
    """Return the median wall time of one run of work in milliseconds, after two runs that do not count."""
    work(), work()
    spent = []
    for _ in range(times):
        begun = time.perf_counter_ns()
        work()
        spent.append(time.perf_counter_ns() - begun)
    return sorted(spent)[len(spent) // 2] / 1e6
