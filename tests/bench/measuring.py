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
    return cpu_ms_in_turn(work, times=times)[0]


def cpu_ms_in_turn(*works: Callable[[], object], times: int = 15) -> list[float]:
    """Return the same of works that are compared: run in turn, so that what else the machine does falls on all."""
    spent: list[list[int]] = [[] for _ in works]
    for work in works:
        work(), work()
    gc.collect()
    gc.disable()
    try:
        for _ in range(times):
            for work, found in zip(works, spent, strict=True):
                begun = time.process_time_ns()
                work()
                found.append(time.process_time_ns() - begun)
    finally:
        gc.enable()
    return [sorted(found)[times // 2] / 1e6 for found in spent]


def wall_ms(work: Callable[[], object], times: int = 15) -> float:
    """Return the median wall time of one run of work in milliseconds, after two runs that do not count."""
    work(), work()
    spent = []
    for _ in range(times):
        begun = time.perf_counter_ns()
        work()
        spent.append(time.perf_counter_ns() - begun)
    return sorted(spent)[len(spent) // 2] / 1e6
