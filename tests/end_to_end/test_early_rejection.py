"""A run that drops candidates half way: what it saves, what it records, and that it resumes."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

import sentinelqa as sq
from tests.finished import table

pytestmark = pytest.mark.slow


ADAPTIVE = "candidates: {first: 4, max: 8, batch: 16}"


def prepare(folder: Path, early: str, candidates: str = ADAPTIVE, requests: int = 64) -> None:
    """Cohorts of sixteen requests; the first is the pilot, and the third the first under a rule."""
    rows = [f"disc-{i},red" for i in range(requests)]
    (folder / "requests.csv").write_text("\n".join(["id,colour", *rows]) + "\n")
    job = (folder / "job.yaml").read_text()
    job = job.replace("steps: 4", "steps: 20").replace(
        "width: 64, height: 64", "width: 48, height: 48"
    )
    job = job.replace("candidates: {first: 4, max: 16, batch: 4}", candidates)
    rubric = folder / "rubric.yaml"
    rubric.write_text(
        rubric.read_text().replace("sharpness: {min: 0.955}", "sharpness: {min: 0.966}")
    )
    (folder / "job.yaml").write_text(f"{job}early_rejection: {early}\n")


def drops(run: Path) -> pd.DataFrame:
    table = pd.read_parquet(run / "candidates.parquet")
    return table[table["failed"] == "early_rejection"]


def test_what_is_dropped_is_recorded_and_a_killed_run_drops_the_same(folder: Path) -> None:
    prepare(folder, "{at: 0.4, lose: 0.1}")
    finished = sq.run(folder / "job.yaml", out=folder / "out", trace=folder / "trace.json")
    dropped = drops(folder / "out")
    events = json.loads((folder / "trace.json").read_text())["traceEvents"]

    assert {e["args"]["name"] for e in events if e["ph"] == "M"} == {"run", "generate", "score"}
    assert {"generate", "score", "ledger", "deliver", "wait"} <= {e["name"] for e in events}

    assert len(dropped) > 0
    assert finished.requests["delivered"].sum() > 0
    assert dropped["sha256"].eq("").all()
    assert dropped["generate_seconds"].notna().all()
    assert json.loads(dropped["reasons"].iloc[0])[0].startswith("dropped after step 8 of 20: ")
    assert not dropped["candidate_id"].isin(delivered(finished.candidates)).any()

    early = finished.early_rejection
    assert early is not None
    assert early["dropped"] == len(dropped) < early["looked_at"] <= len(finished.candidates)
    saved = 12 * len(dropped) / (20 * len(finished.candidates))
    assert early["steps_saved"] == pytest.approx(saved, abs=1e-4)
    assert early["audit"]["passed"] <= early["audit"]["finished"]

    again = finished.what_if(str(folder / "rubric.yaml"))
    assert len(again.flips) == 0
    assert any("dropped half way" in note for note in again.notes)

    assert_killed_run_leaves_the_same(folder, len(finished.candidates) * 2 // 3)


def test_candidates_compete_where_the_best_are_wanted_and_a_killed_run_decides_the_same(
    folder: Path,
) -> None:
    prepare(folder, "{at: 0.4, lose: 0.1}", "candidates: {best_of: 8, batch: 16}", requests=48)
    finished = sq.run(folder / "job.yaml", out=folder / "out")
    dropped = drops(folder / "out")
    per_request = dropped.groupby("request_id").size()

    assert len(finished.candidates) == 48 * 8
    assert not set(per_request.index) & {f"disc-{i}" for i in range(32)}
    assert len(per_request) >= 10
    assert per_request.max() < 8
    assert "its chance to be among the best 2 of 8 was" in dropped["reasons"].iloc[0]
    assert dropped["generate_seconds"].notna().all()

    early = finished.early_rejection
    assert early is not None
    audited = early["audit"]
    assert (early["looked_at"], early["dropped"]) == (48 * 8, len(dropped))
    assert 0 <= audited["delivered"] <= min(audited["images"], audited["passed"])
    assert audited["finished"] > audited["delivered"]

    assert_killed_run_leaves_the_same(folder, 48 * 8 * 4 // 5)


def assert_killed_run_leaves_the_same(folder: Path, after: int) -> None:
    command = [sys.executable, "-m", "sentinelqa", "run", "job.yaml", "--out", "killed", "-q"]
    process = subprocess.Popen(command, cwd=folder, start_new_session=True)
    wait_for(lambda: judged(folder / "killed") > after)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    subprocess.run(command, cwd=folder, capture_output=True, check=False)

    for name in ("candidates", "requests"):
        assert table(folder / "out", name).equals(table(folder / "killed", name))


def delivered(candidates: pd.DataFrame) -> pd.Series:
    return candidates.loc[candidates["delivered"].notna(), "candidate_id"]


def judged(run: Path) -> int:
    ledger = run / "ledger.sqlite"
    if not ledger.is_file():
        return 0
    with sqlite3.connect(f"file:{ledger}?mode=ro", uri=True) as db:
        return int(db.execute("SELECT count(*) FROM verdict").fetchone()[0])


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)
