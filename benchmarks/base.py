"""What a row of the table is, and what a module that measures one is given."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol


@dataclass(frozen=True, slots=True)
class Goal:
    """A bound that a figure should keep.

    Attributes:
        sense: which side of ``value`` is good.
    """

    sense: Literal["<=", ">="]
    value: float

    def met_by(self, reached: float) -> bool:
        """Whether ``reached`` lies on the good side, the bound included."""
        return reached <= self.value if self.sense == "<=" else reached >= self.value

    def __str__(self) -> str:
        return f"{'≤' if self.sense == '<=' else '≥'} {self.value:g}"


def at_most(value: float) -> Goal:
    """Smaller is better."""
    return Goal("<=", value)


def at_least(value: float) -> Goal:
    """Larger is better."""
    return Goal(">=", value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One figure. A row of the table that has several goals gives one of these for each.

    Attributes:
        number: of the row in the table.
        name: of the figure, the same in every run: the history is kept by it.
        goal: ``None`` for a figure that only stands beside another.
        reached: ``None`` where it cannot be measured here; ``detail`` says why.
        limit: what physics or arithmetic allows; ``None`` where nobody can say.
        unit: ``ratio``, ``s``, ``µs``, ``MB`` ...
        detail: what was measured, how often, absolute figures, what was compared with what.
        gap: what stands between reached and the limit.
    """

    number: int
    name: str
    goal: Goal | None
    reached: float | None
    limit: float | None = None
    unit: str = "ratio"
    detail: str = ""
    gap: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the goal is reached; ``None`` without a goal or a figure."""
        if self.goal is None or self.reached is None:
            return None
        return self.goal.met_by(self.reached)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What a module that measures is given.

    Attributes:
        scratch: an empty folder, gone afterwards.
        quick: take the smallest sizes that still say something; such figures are not kept.
        long: take the sizes of the goals, where they need more than a share of fifteen minutes.
        cores: CPU cores that this process may use.
    """

    scratch: Path
    quick: bool = False
    long: bool = False
    cores: int = field(default_factory=lambda: len(os.sched_getaffinity(0)))

    def pick(self, full: int, quick: int, long: int | None = None) -> int:
        """A size: ``full``, or ``quick`` in a quick run, or ``long`` in a long one that has it."""
        if self.long and long is not None:
            return long
        return quick if self.quick else full


class Module(Protocol):
    """A module in ``benchmarks/rows``."""

    def measure(self, bench: Bench) -> list[Row]: ...


class Clock:
    """Seconds of wall and processor time of one block."""

    wall: float = 0.0
    processor: float = 0.0


@contextmanager
def clocked() -> Iterator[Clock]:
    """Time a block. Processor time is that of this process, all its threads."""
    clock = Clock()
    wall, processor = time.perf_counter(), time.process_time()
    yield clock
    clock.wall = time.perf_counter() - wall
    clock.processor = time.process_time() - processor


def interleaved(one: Callable[[], float], other: Callable[[], float], times: int) -> float:
    """The median ratio of what ``one`` and ``other`` return, called in turn.

    Neighbours on a shared machine slow both alike, so the ratio of neighbouring calls holds where
    absolute times do not.
    """
    return statistics.median(one() / max(other(), 1e-9) for _ in range(times))
