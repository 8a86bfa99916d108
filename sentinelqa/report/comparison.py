"""What the comparison of two runs says, as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sentinelqa.report.intervals import Change
from sentinelqa.report.model import Mode

Standing = str
"""Of a request in the second run against the first: ``worse``, ``better`` or ``same``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of the two runs, over the requests that are compared.

    Attributes:
        letter: ``A`` or ``B``.
        report: the address of its own report from the comparison; empty where there is none.
        cost, seconds: of all its candidates.
    """

    letter: str
    title: str
    folder: str
    report: str
    rubric: str
    models: str
    candidates: int
    delivered: int
    cost: float
    seconds: float
    currency: str

    @property
    def cost_per_delivered(self) -> float | None:
        """``None`` where nothing is delivered."""
        return self.cost / self.delivered if self.delivered else None

    @property
    def seconds_per_delivered(self) -> float | None:
        """``None`` where nothing is delivered."""
        return self.seconds / self.delivered if self.delivered else None


@dataclass(frozen=True, slots=True, kw_only=True)
class RateRow:
    """A rate in both runs.

    Attributes:
        wanted: what the check asks for in each run; one text where that is the same.
        medians: of the compared value in each run; ``None`` where the check has none.
        caution: why the two cannot be held against each other as they stand.
    """

    name: str
    change: Change
    wanted: tuple[str, ...] = ()
    unit: str = ""
    medians: tuple[float | None, float | None] = (None, None)
    caution: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRow:
    """A request in both runs.

    Attributes:
        got: images delivered; where existing images were scored, the outcome.
        passed: candidates that passed, of how many.
    """

    id: str
    prompt: str
    wanted: int
    standing: Standing
    got: tuple[str, str]
    passed: tuple[tuple[int, int], tuple[int, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Everything on the page of a comparison.

    Attributes:
        requests: in both runs.
        left_out: requests that only the first or only the second run has.
        differences: what, in the first run, in the second run.
        changed: the requests that got worse, then those that got better.
        chance: how often a coin would split the changed requests as unevenly.
        alone: checks that only the first or only the second rubric has.
        payload: pairs of pictures for the browser, JSON-ready.
    """

    mode: Mode
    first: Side
    second: Side
    requests: int
    left_out: tuple[int, int]
    differences: tuple[tuple[str, str, str], ...]
    overall: tuple[RateRow, ...]
    checks: tuple[RateRow, ...]
    changed: tuple[RequestRow, ...]
    standings: dict[str, int]
    chance: float
    alone: tuple[tuple[str, ...], tuple[str, ...]]
    payload: dict[str, Any]
    notes: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """The outcome in one sentence."""
        main = self.overall[0].change
        if main.first is None or main.second is None:
            return "One of the runs has nothing that was judged yet."
        rates = f"from {main.first:.0%} to {main.second:.0%}".replace("%", " %")
        if main.direction == 0:
            return f"The pass rate went {rates}, which may be chance."
        return f"The pass rate {'rose' if main.direction > 0 else 'fell'} {rates}."
