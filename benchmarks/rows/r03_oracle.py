"""Cost per delivered image over an oracle that knows every pass rate in advance. See
``benchmarks/candidates.py``."""

from __future__ import annotations

from benchmarks import candidates
from benchmarks.base import Bench, Row, at_most

GOALS = {"half": 1.3, "quarter": 1.7}


def measure(bench: Bench) -> list[Row]:
    """Replay with ``give_up_below: 0.1``."""
    found = candidates.measure(
        requests=bench.pick(full=400, quick=40), shapes=tuple(GOALS), give_up=(0.1,)
    )
    rows = []
    for wanted in (15, 2):
        for shape, goal in GOALS.items():
            ours, oracle = (
                found[f"K={wanted} {shape} {who}"] for who in ("adaptive 0.1", "oracle")
            )
            rows.append(
                Row(
                    number=3,
                    name=f"cost per image over the oracle's, {shape}, K={wanted}",
                    goal=at_most(goal) if wanted == 15 else None,
                    reached=ours["over_oracle"],
                    limit=1.0,
                    detail=f"{ours['per_image']:.2f} over {oracle['per_image']:.2f} candidates; "
                    f"filled {ours['filled']:.1%} and {oracle['filled']:.1%}, "
                    f"{ours['lost']:.1%} given up that a full budget would have filled",
                    gap="the oracle spends nothing on requests that will not deliver",
                )
            )
    return rows
