"""What a whole run leaves of the device's pace: candidates/s of generate, score, select and persist
over the bare loop, nothing pruned. See ``benchmarks/paced.py``."""

from __future__ import annotations

from benchmarks import paced
from benchmarks.base import Bench, Row, at_least


def measure(bench: Bench) -> list[Row]:
    """One run at each pace; scoring shares the cores with everything else."""
    rows = []
    for rate, goal, seconds in ((3, 0.97, 48), (10, 0.93, 32)):
        count = bench.pick(full=rate * seconds, quick=4 * paced.BATCH)
        found = paced.measure(bench.scratch / f"{rate}", rate, count - count % paced.BATCH)
        rows.append(
            Row(
                number=1,
                name=f"pipeline over a paced device, {rate} images/s",
                goal=at_least(goal),
                reached=found.efficiency,
                limit=1.0,
                detail=f"{found.candidates} pictures of {paced.SIDE}x{paced.SIDE} on {bench.cores} "
                f"cores, batches of {paced.BATCH}, sharpness, artifacts and prompt alignment; "
                f"to the last delivery {found.to_the_end:.3f}; the device waits "
                f"{1000 * found.waits[len(found.waits) // 2]:.1f} ms between batches (median), "
                f"at most {1000 * found.waits[-1]:.0f} ms",
                gap="writing raw pixels between batches, and scoring that falls behind on few "
                "cores",
            )
        )
    return rows
