"""A finished run as Python sees it: DataFrames, the headline, what-if."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from sentinelqa.errors import JobError
from sentinelqa.files import read_json
from sentinelqa.rundir import RunDir
from sentinelqa.totals import CandidateTotals, RequestTotals, candidate_totals, request_totals

if TYPE_CHECKING:
    import pandas as pd

TOP_REASONS = 5
DEVICE_SECONDS = "device-seconds"
"""The currency where a job gives no price per hour."""


@dataclass(frozen=True)
class Run:
    """A run directory, read.

    Attributes:
        path: the run directory.
    """

    path: Path

    @cached_property
    def candidates(self) -> pd.DataFrame:
        """One row per candidate; the columns are those of ``candidates.parquet``."""
        return self._frame("candidates")

    @cached_property
    def requests(self) -> pd.DataFrame:
        """One row per request; the columns are those of ``requests.parquet``."""
        return self._frame("requests")

    @property
    def scoring_only(self) -> bool:
        """Whether the run scored existing images rather than making any."""
        job = RunDir(self.path).job
        return "generator" not in yaml.safe_load(job.read_text(encoding="utf-8"))

    @property
    def exit_code(self) -> int:
        """0 when everything wanted is there (or every image passed), else 1."""
        if self.scoring_only:
            return int(self._candidates.outcomes["pass"] < self._candidates.rows)
        return int(self._requests.outcomes["delivered"] < self._requests.rows)

    @property
    def currency(self) -> str:
        """What costs are counted in."""
        return str(self._facts.get("currency") or DEVICE_SECONDS)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What works, but probably not as meant: sentences, known before anything was made."""
        return tuple(self._facts.get("warnings") or ())

    @property
    def report(self) -> Path:
        """The report's file."""
        return RunDir(self.path).report

    def as_dict(self) -> dict[str, Any]:
        """The headline, JSON-ready."""
        candidates, requests = self._candidates, self._requests
        outcomes, seconds = candidates.outcomes, candidates.seconds
        judged, delivered = outcomes.total(), requests.delivered
        headline: dict[str, Any] = {
            "run": str(self.path),
            "report": str(self.report),
            "candidates": judged,
            "outcomes": {o: outcomes[o] for o in ("pass", "fail", "review", "error")},
            "pass_rate": round(outcomes["pass"] / judged, 4) if judged else None,
            "failed_by": dict(self.failed_by(TOP_REASONS)),
            "seconds": round(seconds, 3),
            "warnings": list(self.warnings),
        }
        if not self.scoring_only:
            cost = requests.cost
            headline |= {
                "requests": {o: requests.outcomes[o] for o in ("delivered", "short", "error")},
                "wanted": requests.wanted,
                "delivered": delivered,
                "currency": self.currency,
                "cost": round(cost, 4),
                "cost_per_delivered": round(cost / delivered, 4) if delivered else None,
                "seconds_per_delivered": round(seconds / delivered, 3) if delivered else None,
                "given_up": self.given_up(),
                "pooled_by": self.pooled_by["column"],
                "early_rejection": self.early_rejection,
                "mean_rank": {name: mean.value for name, mean in candidates.ranks.items()},
            }
        return headline

    def given_up(self) -> dict[str, float]:
        """Requests that were stopped early, candidates that they did not use, and how many of the
        requests these would have filled by the estimates at the time: the price of stopping."""
        totals = self._requests
        return {
            "requests": totals.stopped,
            "candidates": totals.unused,
            "would_have_filled": round(totals.chance, 3),
        }

    @property
    def pooled_by(self) -> dict[str, Any]:
        """Which column of the requests told pass rates apart, how much of their spread it
        ``explains``, and its ``values``; ``column`` is ``None`` where none did."""
        return read_json(RunDir(self.path).pooling) or {"column": None}

    @property
    def early_rejection(self) -> dict[str, Any] | None:
        """Candidates ``looked_at`` half way and ``dropped``, the share of ``steps_saved``, and of
        its ``audit`` how many were ``finished`` all the same, ``passed`` and were ``delivered``, of
        so many ``images``; ``None`` where nobody was looked at."""
        return read_json(RunDir(self.path).early_rejection)

    def failed_by(self, most: int | None = None) -> list[tuple[str, int]]:
        """Names of checks and how many candidates each failed, most first."""
        return self._candidates.failed.most_common(most)

    def what_if(self, rubric: str) -> Any:
        """Judge the run again under another rubric, from its stored measurements."""
        from sentinelqa.rubric.whatif import what_if

        return what_if(self.path, rubric)

    @cached_property
    def _facts(self) -> dict[str, Any]:
        return read_json(RunDir(self.path).facts) or {}

    def _frame(self, name: str) -> pd.DataFrame:
        import pandas as pd

        return pd.read_parquet(self._table(name))

    @cached_property
    def _candidates(self) -> CandidateTotals:
        return candidate_totals(self._table("candidates"))

    @cached_property
    def _requests(self) -> RequestTotals:
        return request_totals(self._table("requests"))

    def _table(self, name: str) -> Path:
        path = RunDir(self.path).table(name).with_suffix(".parquet")
        if not path.is_file():
            raise JobError(
                f"{str(self.path)!r} holds no {path.name}",
                remedy=f"sentinelqa report {self.path} makes the tables again from the ledger",
            )
        return path


def load_run(path: str | Path) -> Run:
    """Open a run directory.

    Raises:
        JobError: there is no run at ``path``.
    """
    path = Path(path)
    if not RunDir(path).exists:
        raise JobError(f"there is no run at {str(path)!r}")
    return Run(path)
