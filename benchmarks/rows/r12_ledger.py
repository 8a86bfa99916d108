"""The share of a run's time that goes into ledger, hashing and syncing.

The example's first requests are run in one process, where everything is counted: generating,
scoring and delivering stand in the wall time one after the other.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sentinelqa.images
from benchmarks.base import Bench, Row, at_most
from benchmarks.runner import ROOT
from sentinelqa.job import load_job
from sentinelqa.ledger import Ledger
from sentinelqa.ledger.transactions import Transactions
from sentinelqa.pipeline import run

WRITES = (
    "add_requests",
    "plan_round",
    "lease",
    "record_scores",
    "close_request",
    "record_delivery",
    "finish",
)


class _Spent:
    """Seconds inside the counted functions; one that calls another is counted once."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._inside = threading.local()
        self._lock = threading.Lock()

    def counted(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            if getattr(self._inside, "now", False):
                return function(*arguments, **options)
            self._inside.now = True
            start = time.perf_counter()
            try:
                return function(*arguments, **options)
            finally:
                self._inside.now = False
                with self._lock:
                    self.seconds += time.perf_counter() - start

        return call


def measure(bench: Bench) -> list[Row]:
    """Run a part of the example job with every such call timed."""
    requests = bench.pick(full=4, quick=1)
    job = _part_of_example(bench.scratch / "job", requests)
    spent = _Spent()
    for name in WRITES:
        setattr(Ledger, name, spent.counted(getattr(Ledger, name)))
    Transactions.commit = spent.counted(Transactions.commit)  # type: ignore[method-assign]
    os.fsync = spent.counted(os.fsync)
    sentinelqa.images.sha256 = spent.counted(sentinelqa.images.sha256)
    start = time.perf_counter()
    finished = run(load_job(str(job)), out=bench.scratch / "run", engine="inline")
    wall = time.perf_counter() - start
    return [
        Row(
            number=12,
            name="ledger, hashing and syncing in the example job",
            goal=at_most(0.02),
            reached=spent.seconds / wall,
            detail=f"{requests} requests, {len(finished.candidates)} candidates of 128 x 128 "
            f"pixels: {spent.seconds:.2f} of {wall:.1f} s, start and models included.",
            gap="A candidate is synced before it is scored, a decision before it is acted on.",
        )
    ]


def _part_of_example(folder: Path, requests: int) -> Path:
    folder.mkdir()
    example = ROOT / "examples" / "catalog"
    for name in ("job.yaml", "rubric.yaml"):
        (folder / name).write_text((example / name).read_text("utf-8"), "utf-8")
    lines = (example / "products.csv").read_text("utf-8").splitlines(keepends=True)
    (folder / "products.csv").write_text("".join(lines[: requests + 1]), "utf-8")
    return folder / "job.yaml"
