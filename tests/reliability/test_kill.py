"""Killed at any mutating system call, a resumed run delivers what an undisturbed one does."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from harness import Runs, outcome

from sentinelqa import fsck

BATCH = 4
SCORE_BATCH = 8


def again(runs: Runs) -> Counter[str]:
    """How many candidates were made, and how many scored, more than once."""
    lines = (runs.folder / "out.begun").read_text().splitlines()
    begun = Counter(lines)
    return Counter(line.split()[0] for line in begun.elements()) - Counter(
        line.split()[0] for line in begun
    )


def broken_after(runs: Runs, call: str, n: int, mutant: str = "none") -> list[str]:
    """Kill a run at the n-th ``call``. Returns what is wrong with what it leaves behind."""
    out = runs.folder / "out"
    shutil.rmtree(out, ignore_errors=True)
    (runs.folder / "out.begun").unlink(missing_ok=True)
    options = ("-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={n}")
    runs.run(out, mutant=mutant, options=options)
    if not (out / "ledger.sqlite").is_file():
        return []
    return [str(p) for p in fsck.check(out) if not p.harmless and p.kind in ("ledger", "image")]


def survive(runs: Runs, points: list[tuple[str, int]], expected: dict[str, Any]) -> Counter[str]:
    """Kill at every point, look, resume, and compare. Returns the most that was made, and that was
    scored, again."""
    most: Counter[str] = Counter()
    for call, n in points:
        at = f"killed at {call} {n}"
        assert broken_after(runs, call, n) == [], at
        out = runs.folder / "out"
        assert runs.run(out).code == 0, f"{at}: {runs.errors}"
        assert outcome(out) == expected, at
        assert list(fsck.check(out)) == [] or all(p.harmless for p in fsck.check(out)), at
        extra = again(runs)
        assert extra["made"] <= BATCH, f"{at}: {extra['made']} candidates made again"
        assert extra["scored"] <= SCORE_BATCH, f"{at}: {extra['scored']} candidates scored again"
        most |= extra
    return most


def report(most: Counter[str], say: Callable[[str, object], None]) -> None:
    say(f"most candidates made again (batch {BATCH})", most["made"])
    say(f"most candidates scored again (batch {SCORE_BATCH})", most["scored"])


def test_a_run_killed_at_a_sample_of_system_calls(
    runs: Runs, undisturbed: dict[str, Any], record_property: Callable[[str, object], None]
) -> None:
    points = runs.kill_points()
    sample = points[7 :: len(points) // 12]
    most = survive(runs, sample, undisturbed)
    record_property("killed at", f"{len(sample)} of {len(points)} system calls")
    report(most, record_property)


@pytest.mark.full
@pytest.mark.timeout(7200)
def test_a_run_killed_at_every_system_call(
    runs: Runs, undisturbed: dict[str, Any], record_property: Callable[[str, object], None]
) -> None:
    points = runs.kill_points()
    most = survive(runs, points, undisturbed)
    record_property("killed at", f"{len(points)} system calls, each")
    report(most, record_property)
    assert len(points) > 400


def test_the_harness_notices_a_ledger_that_runs_ahead_of_its_files(runs: Runs) -> None:
    writes = [p for p in runs.kill_points() if p[0] == "fdatasync" or p[0] == "rename"]
    step = max(1, len(writes) // 12)
    assert any(broken_after(runs, c, n, "ledger_first") for c, n in writes[3::step])


def test_the_harness_notices_what_is_made_again_though_it_was_finished(runs: Runs) -> None:
    mkdirs = [p for p in runs.kill_points() if p[0] == "mkdir"]
    call, n = mkdirs[len(mkdirs) // 3]
    out = runs.folder / "out"
    for mutant, repeated in (("none", False), ("nothing_taken_over", True)):
        broken_after(runs, call, n, mutant)
        assert runs.run(out, mutant=mutant).code == 0, runs.errors
        assert (again(runs)["made"] > 0) == repeated
