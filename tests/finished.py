"""Finished runs, compared with one another, and runs that are killed on the way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

CLOCKED = ["generate_seconds", "score_seconds", "cost", "cost_per_delivered"]


def deliverables(path: Path) -> dict[str, bytes]:
    """Every delivered file."""
    delivered = path / "delivered"
    return {str(p.relative_to(path)): p.read_bytes() for p in sorted(delivered.rglob("*.*"))}


def table(path: Path, name: str) -> pd.DataFrame:
    """A table without the columns that hold clock values."""
    return pd.read_parquet(path / f"{name}.parquet").drop(columns=CLOCKED, errors="ignore")


def killed(folder: Path, moments: Iterable[float]) -> subprocess.CompletedProcess[str]:
    """Run the job into ``killed``, kill it after so many seconds each time, then let it end."""
    command = [sys.executable, "-m", "sentinelqa", "run", "job.yaml", "--out", "killed", "-q"]
    for seconds in moments:
        process = subprocess.Popen(command, cwd=folder, start_new_session=True)
        time.sleep(seconds)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
