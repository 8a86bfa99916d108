"""Kill a job with SIGKILL at random moments, resume it each time, and compare with an unkilled run.

    python -m benchmarks.kill examples/catalog/job.yaml --kills 20

Deliverables must be equal byte for byte, tables in every column that holds no clock value.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

CLOCKED = ["generate_seconds", "score_seconds", "cost", "cost_per_delivered"]


def main() -> None:
    """Run, kill, compare, print; exit code 1 on any difference."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("job", type=Path)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        whole, killed = Path(scratch) / "whole", Path(scratch) / "killed"
        start = time.monotonic()
        _run(arguments.job, whole).wait()
        seconds = time.monotonic() - start
        rng = random.Random(arguments.seed)
        kills = 0
        for _ in range(arguments.kills):
            process = _run(arguments.job, killed)
            try:
                process.wait(timeout=rng.uniform(0.5, 3.5 + 2 * seconds / arguments.kills))
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                kills += 1
        _run(arguments.job, killed).wait()
        differences = _differences(whole, killed)
    print(f"unkilled run {seconds:.0f} s; {kills} kills; {len(differences)} differences")
    for difference in differences:
        print(f"  {difference}")
    sys.exit(bool(differences))


def _run(job: Path, out: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "sentinelqa", "run", str(job), "--out", str(out), "-q"],
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )


def _differences(one: Path, two: Path) -> list[str]:
    first, second = _deliverables(one), _deliverables(two)
    found = sorted(n for n in {*first, *second} if first.get(n) != second.get(n))
    for name in ("candidates", "requests"):
        tables = [
            pd.read_parquet(path / f"{name}.parquet").drop(columns=CLOCKED, errors="ignore")
            for path in (one, two)
        ]
        if not tables[0].equals(tables[1]):
            found.append(f"{name}.parquet")
    return found


def _deliverables(path: Path) -> dict[str, bytes]:
    return {
        str(p.relative_to(path)): p.read_bytes()
        for p in (path / "delivered").rglob("*")
        if p.is_file()
    }


if __name__ == "__main__":
    main()
