"""Killed at any mutating system call, a resumed run delivers what an undisturbed one does."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from typing import Any

import pytest
from harness import Runs, outcome

from sentinelqa import fsck

BATCH = 4


def judged(runs: Runs) -> int:
    """Candidates that are judged in the ledger of the run under test."""
    path = runs.folder / "out" / "ledger.sqlite"
    if not path.is_file():
        return 0
    db = sqlite3.connect(path)
    (count,) = db.execute("SELECT count(*) FROM candidate WHERE state = 'judged'").fetchone()
    db.close()
    return int(count)


def broken_after(runs: Runs, call: str, n: int, mutant: str = "none") -> list[str]:
    """Kill a run at the n-th ``call``. Returns what is wrong with what it leaves behind."""
    out = runs.folder / "out"
    shutil.rmtree(out, ignore_errors=True)
    options = ("-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={n}")
    runs.run(out, mutant=mutant, options=options)
    if not (out / "ledger.sqlite").is_file():
        return []
    return [str(p) for p in fsck.check(out) if not p.harmless and p.kind in ("ledger", "image")]


def survive(runs: Runs, points: list[tuple[str, int]], expected: dict[str, Any]) -> int:
    """Kill at every point, look, resume, and compare. Returns the most that was made again."""
    most = 0
    for call, n in points:
        at = f"killed at {call} {n}"
        assert broken_after(runs, call, n) == [], at
        out = runs.folder / "out"
        before = judged(runs)
        assert runs.run(out).code == 0, f"{at}: {runs.errors}"
        assert outcome(out) == expected, at
        assert list(fsck.check(out)) == [] or all(p.harmless for p in fsck.check(out)), at
        db = sqlite3.connect(out / "ledger.sqlite")
        (extra,) = db.execute("SELECT sum(attempts) - count(*) FROM candidate").fetchone()
        db.close()
        assert extra <= 3 * BATCH, f"{at}: {extra} candidates made again after {before} were done"
        most = max(most, extra)
    return most


def test_a_run_killed_at_a_sample_of_system_calls(
    runs: Runs, undisturbed: dict[str, Any], record_property: Callable[[str, object], None]
) -> None:
    points = runs.kill_points()
    sample = points[7 :: len(points) // 12]
    most = survive(runs, sample, undisturbed)
    record_property("killed at", f"{len(sample)} of {len(points)} system calls")
    record_property(f"most candidates made again (batch {BATCH})", most)


@pytest.mark.full
@pytest.mark.timeout(7200)
def test_a_run_killed_at_every_system_call(
    runs: Runs, undisturbed: dict[str, Any], record_property: Callable[[str, object], None]
) -> None:
    points = runs.kill_points()
    most = survive(runs, points, undisturbed)
    record_property("killed at", f"{len(points)} system calls, each")
    record_property(f"most candidates made again (batch {BATCH})", most)
    assert len(points) > 400


def test_the_harness_notices_a_ledger_that_runs_ahead_of_its_files(runs: Runs) -> None:
    writes = [p for p in runs.kill_points() if p[0] == "fdatasync" or p[0] == "rename"]
    step = max(1, len(writes) // 12)
    assert any(broken_after(runs, c, n, "ledger_first") for c, n in writes[3::step])
