"""A finished run as Python sees it: DataFrames, the headline, what-if."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from sentinelqa.errors import JobError
from sentinelqa.rundir import RunDir

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
        return self._table("candidates")

    @cached_property
    def requests(self) -> pd.DataFrame:
        """One row per request; the columns are those of ``requests.parquet``."""
        return self._table("requests")

    @property
    def scoring_only(self) -> bool:
        """Whether the run scored existing images rather than making any."""
        job = RunDir(self.path).job
        return "generator" not in yaml.safe_load(job.read_text(encoding="utf-8"))

    @property
    def exit_code(self) -> int:
        """0 when everything wanted is there (or every image passed), else 1."""
        if self.scoring_only:
            return int(bool((self.candidates["outcome"] != "pass").any()))
        return int(bool((self.requests["outcome"] != "delivered").any()))

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
        candidates, requests = self.candidates, self.requests
        outcomes = candidates["outcome"].value_counts()
        delivered = int(requests["delivered"].sum())
        judged = int(outcomes.sum())
        seconds = float(candidates[["generate_seconds", "score_seconds"]].sum().sum())
        headline: dict[str, Any] = {
            "run": str(self.path),
            "report": str(self.report),
            "candidates": judged,
            "outcomes": {o: int(outcomes.get(o, 0)) for o in ("pass", "fail", "review", "error")},
            "pass_rate": round(float(outcomes.get("pass", 0)) / judged, 4) if judged else None,
            "failed_by": dict(self.failed_by(TOP_REASONS)),
            "seconds": round(seconds, 3),
            "warnings": list(self.warnings),
        }
        if not self.scoring_only:
            by_outcome = requests["outcome"].value_counts()
            cost = float(requests["cost"].sum())
            headline |= {
                "requests": {o: int(by_outcome.get(o, 0)) for o in ("delivered", "short", "error")},
                "wanted": int(requests["wanted"].sum()),
                "delivered": delivered,
                "currency": self.currency,
                "cost": round(cost, 4),
                "cost_per_delivered": round(cost / delivered, 4) if delivered else None,
                "seconds_per_delivered": round(seconds / delivered, 3) if delivered else None,
                "given_up": self.given_up(),
                "pooled_by": self.pooled_by["column"],
                "mean_rank": {
                    "delivered": _mean(candidates.loc[candidates["delivered"].notna(), "rank"]),
                    "passed": _mean(candidates.loc[candidates["outcome"] == "pass", "rank"]),
                    "all": _mean(candidates["rank"]),
                },
            }
        return headline

    def given_up(self) -> dict[str, float]:
        """Requests that were stopped early, candidates that they did not use, and how many of the
        requests these would have filled by the estimates at the time: the price of stopping."""
        stopped = self.requests.dropna(subset=["chance"])
        return {
            "requests": len(stopped),
            "candidates": int(stopped["unused"].sum()),
            "would_have_filled": round(float(stopped["chance"].sum()), 3),
        }

    @property
    def pooled_by(self) -> dict[str, Any]:
        """Which column of the requests told pass rates apart, how much of their spread it
        ``explains``, and its ``values``; ``column`` is ``None`` where none did."""
        found = RunDir(self.path).pooling
        if not found.is_file():
            return {"column": None}
        facts: dict[str, Any] = json.loads(found.read_text(encoding="utf-8"))
        return facts

    def failed_by(self, most: int | None = None) -> list[tuple[str, int]]:
        """Names of checks and how many candidates each failed, most first."""
        counts: Counter[str] = Counter()
        for names in self.candidates["failed"].dropna():
            counts.update(n for n in names.split(" ") if n)
        return counts.most_common(most)

    def what_if(self, rubric: str) -> Any:
        """Judge the run again under another rubric, from its stored measurements."""
        from sentinelqa.rubric.whatif import what_if

        return what_if(self.path, rubric)

    @cached_property
    def _facts(self) -> dict[str, Any]:
        facts = RunDir(self.path).facts
        return json.loads(facts.read_text(encoding="utf-8")) if facts.is_file() else {}

    def _table(self, name: str) -> pd.DataFrame:
        path = RunDir(self.path).table(name).with_suffix(".parquet")
        if not path.is_file():
            raise JobError(
                f"{str(self.path)!r} holds no {path.name}",
                remedy=f"sentinelqa report {self.path} makes the tables again from the ledger",
            )
        return pd.read_parquet(path)


def load_run(path: str | Path) -> Run:
    """Open a run directory.

    Raises:
        JobError: there is no run at ``path``.
    """
    path = Path(path)
    if not RunDir(path).exists:
        raise JobError(f"there is no run at {str(path)!r}")
    return Run(path)


def _mean(values: pd.Series[float]) -> float | None:
    return round(float(values.mean()), 4) if len(values) else None
