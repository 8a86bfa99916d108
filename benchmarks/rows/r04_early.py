"""Early rejection: denoising per delivered image with the rule over without it. Replayed on traces
whose agreement between half way and the end is that of published rewards, and taken once on the
starter models. See ``benchmarks/halfway.py``."""

from __future__ import annotations

from benchmarks import halfway
from benchmarks.base import Bench, Row, at_most

AT, STEPS = 0.4, 20
SCORERS = (("ready-made scores", 0.65, 0.80), ("a trained probe", 0.80, 0.65))
"""Name, Spearman's correlation after 8 of 20 steps within a request, goal."""


def measure(bench: Bench) -> list[Row]:
    """Replays with K = 4 of at most 32, a quarter passing."""
    rows = []
    for name, agreement, goal in SCORERS:
        found = halfway.compare(
            passing=0.25,
            agreement=agreement,
            at=AT,
            requests=bench.pick(full=300, quick=80),
            seeds=bench.pick(full=2, quick=1),
        )
        rows.append(
            Row(
                number=4,
                name=f"denoising per image with early rejection, {name}",
                goal=at_most(goal),
                reached=found.denoising,
                limit=AT,
                detail=f"replayed, Spearman {agreement} after step {round(AT * STEPS)} of {STEPS}, "
                f"a quarter passing; {found.images:.3f} of the images delivered, their quality "
                f"{found.quality:+.2f} standard deviations; {found.dropped} dropped, "
                f"{found.lost:.1%} of the good ones among them (promised: 5 %); the pilot and the "
                "audit are paid for",
                gap="what looks alike half way, the pilot, and requests with few failures",
            )
        )
    return rows
