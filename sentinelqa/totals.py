"""What the headline of a run counts, read from its tables piece by piece."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from sentinelqa.arrow import open_parquet

AT_ONCE = 8192
"""Rows that are read together."""


@dataclass(slots=True)
class Mean:
    """A mean so far: of the rows that were looked at, those that have a value."""

    total: float = 0.0
    known: int = 0

    @property
    def value(self) -> float | None:
        """``None`` where there is no value."""
        return round(self.total / self.known, 4) if self.known else None

    def add(self, values: pa.Array) -> None:
        """Some more rows."""
        self.total += pc.sum(values).as_py() or 0.0
        self.known += len(values) - values.null_count


@dataclass(slots=True)
class CandidateTotals:
    """Sums over the candidates table.

    Attributes:
        rows: how many candidates there are.
        failed: check -> candidates that failed it.
        seconds: of generating and scoring.
        ranks: mean rank of the ``delivered``, the ``passed`` and ``all``.
    """

    rows: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    ranks: dict[str, Mean] = field(
        default_factory=lambda: {name: Mean() for name in ("delivered", "passed", "all")}
    )


@dataclass(slots=True)
class RequestTotals:
    """Sums over the requests table.

    Attributes:
        rows: how many requests there are.
        stopped: requests that were given up early; ``unused`` and ``chance`` are their sums.
    """

    rows: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    wanted: int = 0
    delivered: int = 0
    cost: float = 0.0
    stopped: int = 0
    unused: int = 0
    chance: float = 0.0


def candidate_totals(table: Path) -> CandidateTotals:
    """Sum up ``candidates.parquet``."""
    found = CandidateTotals()
    names = ("outcome", "failed", "generate_seconds", "score_seconds", "rank", "delivered")
    for piece in _pieces(table, names):
        found.rows += piece.num_rows
        _count(found.outcomes, piece["outcome"])
        texts: Counter[str] = Counter()
        _count(texts, piece["failed"])
        for text, count in texts.items():
            found.failed.update(dict.fromkeys(text.split(), count))
        found.seconds += _sum(piece["generate_seconds"]) + _sum(piece["score_seconds"])
        rank = piece["rank"]
        found.ranks["all"].add(rank)
        found.ranks["delivered"].add(rank.filter(piece["delivered"].is_valid()))
        # a pattern: a value to compare with would be converted, for which pyarrow imports pandas
        found.ranks["passed"].add(rank.filter(pc.match_like(piece["outcome"], "pass")))
    return found


def request_totals(table: Path) -> RequestTotals:
    """Sum up ``requests.parquet``."""
    found = RequestTotals()
    names = ("outcome", "wanted", "delivered", "cost", "unused", "chance")
    for piece in _pieces(table, names):
        found.rows += piece.num_rows
        _count(found.outcomes, piece["outcome"])
        found.wanted += int(_sum(piece["wanted"]))
        found.delivered += int(_sum(piece["delivered"]))
        found.cost += _sum(piece["cost"])
        stopped = piece.filter(piece["chance"].is_valid())
        found.stopped += stopped.num_rows
        found.unused += int(_sum(stopped["unused"]))
        found.chance += _sum(stopped["chance"])
    return found


def _pieces(table: Path, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
    with open_parquet(table) as file:
        yield from file.iter_batches(AT_ONCE, columns=list(names), use_threads=False)


def _count(counts: Counter[str], values: pa.Array) -> None:
    for pair in pc.value_counts(values.drop_null()).to_pylist():
        counts[pair["values"]] += pair["counts"]


def _sum(values: pa.Array) -> Any:
    return pc.sum(values).as_py() or 0
