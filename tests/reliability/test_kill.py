"""Killed at any mutating system call, a resumed run delivers what an undisturbed one does."""

from __future__ import annotations

import shutil
import signal
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from harness import KILL, Point, Runs, outcome

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


def broken_after(runs: Runs, point: Point, mutant: str = "none") -> list[str] | None:
    """Kill a run at a call. Returns what is wrong with what it leaves behind; ``None`` where it
    ended before it came there."""
    out = runs.folder / "out"
    shutil.rmtree(out, ignore_errors=True)
    (runs.folder / "out.begun").unlink(missing_ok=True)
    ended = runs.disturb(out, point, KILL, mutant=mutant)
    if ended.code != -signal.SIGKILL:
        return None
    if not (out / "ledger.sqlite").is_file():
        return []
    return [str(p) for p in fsck.check(out) if not p.harmless and p.kind in ("ledger", "image")]


def survive(runs: Runs, points: list[Point], expected: dict[str, Any]) -> tuple[int, Counter[str]]:
    """Kill at every point, look, resume, and compare.

    Returns:
        How many runs came to their point, and the most that was made, and that was scored, again.
    """
    killed = 0
    most: Counter[str] = Counter()
    for point in points:
        at = f"killed at {point}"
        wrong = broken_after(runs, point)
        killed += wrong is not None
        assert not wrong, f"{at}: {wrong}"
        out = runs.folder / "out"
        assert runs.run(out).code == 0, f"{at}: {runs.errors}"
        assert outcome(out) == expected, at
        assert list(fsck.check(out)) == [] or all(p.harmless for p in fsck.check(out)), at
        extra = again(runs)
        assert extra["made"] <= BATCH, f"{at}: {extra['made']} candidates made again"
        assert extra["scored"] <= SCORE_BATCH, f"{at}: {extra['scored']} candidates scored again"
        most |= extra
    return killed, most


def report(most: Counter[str], say: Callable[[str, object], None]) -> None:
    say(f"most candidates made again (batch {BATCH})", most["made"])
    say(f"most candidates scored again (batch {SCORE_BATCH})", most["scored"])


def test_a_run_killed_at_a_sample_of_system_calls(
    runs: Runs, undisturbed: dict[str, Any], record_property: Callable[[str, object], None]
) -> None:
    points = runs.points()
    sample = points[7 :: len(points) // 12]
    killed, most = survive(runs, sample, undisturbed)
    assert killed >= len(sample) - 1
    record_property("killed at", f"{killed} of {len(points)} system calls")
    report(most, record_property)


@pytest.mark.full
@pytest.mark.timeout(7200)
def test_a_run_killed_at_every_system_call(
    runs: Runs, undisturbed: dict[str, Any], record_property: Callable[[str, object], None]
) -> None:
    points = runs.points()
    killed, most = survive(runs, points, undisturbed)
    record_property("killed at", f"{killed} of {len(points)} system calls")
    report(most, record_property)
    assert len(points) > 400
    assert killed >= 0.95 * len(points)


def test_the_harness_notices_a_ledger_that_runs_ahead_of_its_files(runs: Runs) -> None:
    writes = runs.points("fdatasync", "rename")
    step = max(1, len(writes) // 12)
    assert any(broken_after(runs, point, "ledger_first") for point in writes[3::step])


def test_the_harness_notices_what_is_made_again_though_it_was_finished(runs: Runs) -> None:
    mkdirs = runs.points("mkdir")
    out = runs.folder / "out"
    for mutant, repeated in (("none", False), ("nothing_taken_over", True)):
        broken_after(runs, mkdirs[len(mkdirs) // 3], mutant)
        assert runs.run(out, mutant=mutant).code == 0, runs.errors
        assert (again(runs)["made"] > 0) == repeated
