"""Judging 100,000 candidates again under another rubric, the reading of the tables included."""

from __future__ import annotations

from statistics import median

from benchmarks.base import Bench, Row, at_most, clocked
from benchmarks.whatif import CANDIDATES, write_run
from sentinelqa.rubric.whatif import what_if


def measure(bench: Bench) -> list[Row]:
    """Time what-ifs over one synthetic run."""
    rubric = write_run(bench.scratch)
    clocks = []
    for _ in range(bench.pick(full=5, quick=1)):
        with clocked() as clock:
            what_if(bench.scratch, rubric)
        clocks.append(clock)
    processor = median(c.processor for c in clocks)
    return [
        Row(
            number=10,
            name="what-if on 100,000 candidates",
            goal=at_most(2.0),
            reached=median(c.wall for c in clocks),
            unit="s",
            detail=f"{CANDIDATES} candidates, eight thresholds, three rules; "
            f"{processor:.2f} s of processor time",
            gap="reading eight columns and building a verdict for each flip",
        )
    ]
