"""A disk that is full or failing: the run ends soon, says why, and goes on once it is mended."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any

import pytest
from harness import Runs, outcome

from sentinelqa import fsck

LEDGER = ("pwrite64", "fdatasync")
FILES = ("fsync", "rename", "mkdir")
SOON = 5.0
"""Seconds after the first refusal within which a run that cannot write has ended."""


def refuse(
    runs: Runs, points: list[tuple[str, int]], expected: dict[str, Any], mutant: str = "none"
) -> float:
    """From the n-th call on, every such call fails; then the disk is mended.

    Returns:
        The longest that a run took to end, seconds.
    """
    longest = 0.0
    for number, (call, n) in enumerate(points):
        error = ("ENOSPC", "EIO")[number % 2]
        out = runs.folder / "out"
        shutil.rmtree(out, ignore_errors=True)
        options = ("-ttt", "-e", f"trace={call}", "-e", f"inject={call}:error={error}:when={n}+")
        ended = runs.run(out, mutant=mutant, options=options)
        at = f"{error} from {call} {n} on: exit {ended.code}"
        assert ended.code >= 0, at
        assert ended.seconds < SOON, at
        longest = max(longest, ended.seconds)
        if (out / "ledger.sqlite").exists():
            left = [p for p in fsck.check(out) if p.kind in ("ledger", "image", "delivery")]
            assert [p for p in left if not p.harmless] == [], at
        assert runs.run(out).code == 0, f"{at}: {runs.errors}"
        assert outcome(out) == expected, at
    return longest


@pytest.mark.parametrize("call", [*LEDGER, *FILES])
def test_a_disk_that_fails_at_a_sample_of_system_calls(
    runs: Runs,
    undisturbed: dict[str, Any],
    call: str,
    record_property: Callable[[str, object], None],
) -> None:
    points = [p for p in runs.kill_points() if p[0] == call]
    sample = points[len(points) // 5 :: max(1, len(points) // 2)]
    longest = refuse(runs, sample, undisturbed)
    record_property(f"{call} refused from here on, points", f"{len(sample)} of {len(points)}")
    record_property(f"longest until the run had ended, {call} (s)", round(longest, 1))


@pytest.mark.full
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("call", [*LEDGER, *FILES])
def test_a_disk_that_fails_at_every_system_call(
    runs: Runs,
    undisturbed: dict[str, Any],
    call: str,
    record_property: Callable[[str, object], None],
) -> None:
    points = [p for p in runs.kill_points() if p[0] == call]
    longest = refuse(runs, points, undisturbed)
    record_property(f"every {call} refused from there on, points", len(points))
    record_property(f"longest until the run had ended, every {call} (s)", round(longest, 1))


def test_the_harness_notices_what_is_recorded_against_the_image(
    runs: Runs, undisturbed: dict[str, Any]
) -> None:
    points = [p for p in runs.kill_points() if p[0] == "rename"]
    with pytest.raises(AssertionError, match="rename"):
        refuse(runs, [points[len(points) // 5]], undisturbed, "blame_the_image")
