"""What a run tells people while it goes: a live display on a terminal, plain lines in a log."""

from __future__ import annotations

import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, Self, TextIO

from sentinelqa.types import Outcome, Verdict

if TYPE_CHECKING:
    from rich.table import Table

LINE_EVERY = 10.0
"""Seconds between the lines of a log."""


@dataclass(slots=True)
class Tally:
    """The counts of a run so far. ``requests`` is 0 while it is not known."""

    name: str
    requests: int = 0
    closed: int = 0
    filled: int = 0
    delivered: int = 0
    judged: int = 0
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    failed_by: Counter[str] = field(default_factory=Counter)
    round: int = 0
    cost: float = 0.0
    currency: str = ""
    started: float = field(default_factory=time.monotonic)
    judged_at_start: int = 0
    closed_at_start: int = 0

    def judge(self, verdict: Verdict, round_number: int) -> None:
        """Count one verdict."""
        self.judged += 1
        self.outcomes[verdict.outcome] += 1
        self.failed_by.update(verdict.failed)
        self.round = max(self.round, round_number)

    def resume(self) -> None:
        """Everything counted so far was done by an earlier process; rates start from here."""
        self.judged_at_start, self.closed_at_start = self.judged, self.closed

    @property
    def elapsed(self) -> float:
        """Seconds since this process began."""
        return time.monotonic() - self.started

    @property
    def rate(self) -> float:
        """Images judged per second by this process."""
        return (self.judged - self.judged_at_start) / max(self.elapsed, 1e-9)

    @property
    def remaining(self) -> float | None:
        """Seconds left, from the requests closed so far; ``None`` when it cannot be said yet."""
        done = self.closed - self.closed_at_start
        if not self.requests or not done:
            return None
        return self.elapsed / done * (self.requests - self.closed)

    @property
    def pass_rate(self) -> float | None:
        """Passed over judged."""
        return self.outcomes[Outcome.PASS] / self.judged if self.judged else None

    def line(self) -> str:
        """One plain line for a log."""
        parts = [
            f"{self.closed}/{self.requests or '?'} requests",
            f"{self.delivered} delivered",
            f"{self.judged} candidates",
            f"{self.outcomes[Outcome.PASS]} passed",
            f"{self.outcomes[Outcome.FAIL]} failed",
            f"{self.rate:.1f} images/s",
        ]
        if self.remaining is not None:
            parts.append(f"{duration(self.remaining)} left")
        return ", ".join(parts)


class Display(Protocol):
    """Shows a tally that somebody else keeps up to date."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *exc: object) -> None: ...

    def refresh(self) -> None: ...


class Silent:
    """Shows nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        pass

    def refresh(self) -> None:
        """Nothing to show."""


class Lines:
    """A line now and then, for logs and pipes."""

    def __init__(self, tally: Tally, stream: TextIO | None = None) -> None:
        self._tally = tally
        self._stream = stream or sys.stderr
        self._last = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._print()

    def refresh(self) -> None:
        """Print a line when the last one is old enough."""
        if time.monotonic() - self._last >= LINE_EVERY:
            self._print()

    def _print(self) -> None:
        self._last = time.monotonic()
        print(self._tally.line(), file=self._stream, flush=True)


class Live:
    """A table that changes in place, on a terminal."""

    def __init__(self, tally: Tally) -> None:
        from rich.console import Console
        from rich.live import Live as RichLive

        self._tally = tally
        self._live = RichLive(
            get_renderable=self._render, console=Console(stderr=True), refresh_per_second=4
        )

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        self._live.__exit__(None, None, None)

    def refresh(self) -> None:
        """Rich refreshes by itself."""

    def _render(self) -> Table:
        from rich.progress_bar import ProgressBar
        from rich.table import Table

        tally = self._tally
        table = Table.grid(padding=(0, 2))
        table.add_column(style="dim", justify="right")
        table.add_column()
        table.add_row("run", tally.name)
        table.add_row("requests", ProgressBar(total=max(1, tally.requests), completed=tally.closed))
        left = "" if tally.remaining is None else f", {duration(tally.remaining)} left"
        table.add_row(
            "",
            f"{tally.closed}/{tally.requests}, {tally.filled} in full, round {tally.round}{left}",
        )
        rate = "" if tally.pass_rate is None else f" ({tally.pass_rate:.0%})"
        table.add_row(
            "candidates",
            f"{tally.judged} judged, {tally.outcomes[Outcome.PASS]} passed{rate}, "
            f"{tally.rate:.1f} images/s",
        )
        failures = ", ".join(f"{name} {n}" for name, n in tally.failed_by.most_common(5))
        table.add_row("failed by", failures or "nothing yet")
        cost = f"{tally.cost / tally.delivered:.3g} {tally.currency}" if tally.delivered else "-"
        table.add_row("delivered", f"{tally.delivered} images, {cost} each")
        return table


def duration(seconds: float) -> str:
    """``45 s``, ``3 min``, ``2 h 05 min``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"


def display_for(tally: Tally, *, quiet: bool) -> Display:
    """A live display on a terminal, plain lines elsewhere, nothing when quiet."""
    if quiet:
        return Silent()
    return Live(tally) if sys.stderr.isatty() else Lines(tally)
