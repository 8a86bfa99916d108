"""A disk that is full or failing: the run ends soon, says why, and goes on once it is mended."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any

import pytest
from harness import Point, Runs, outcome

from sentinelqa import fsck

LEDGER = ("pwrite64", "fdatasync")
FILES = ("fsync", "rename", "mkdir")
SOON = 5.0
"""Seconds after the first refusal within which a run that cannot write has ended."""


def refuse(
    runs: Runs, points: list[Point], expected: dict[str, Any], mutant: str = "none"
) -> list[float]:
    """From the n-th call on, every such call fails; then the disk is mended.

    Returns:
        How long each run took to end from the first refusal, seconds; nothing of those that made
        fewer such calls than others did.
    """
    took = []
    for number, point in enumerate(points):
        error = ("ENOSPC", "EIO")[number % 2]
        out = runs.folder / "out"
        shutil.rmtree(out, ignore_errors=True)
        ended = runs.disturb(out, point, error, mutant=mutant, onwards=True)
        at = f"{error} from {point} on: exit {ended.code}"
        assert ended.code >= 0, at
        if ended.seconds is not None:
            assert ended.seconds < SOON, at
            took.append(ended.seconds)
        if (out / "ledger.sqlite").exists():
            left = [p for p in fsck.check(out) if p.kind in ("ledger", "image", "delivery")]
            assert [p for p in left if not p.harmless] == [], at
        assert runs.run(out).code == 0, f"{at}: {runs.errors}"
        assert outcome(out) == expected, at
    return took


def report(took: list[float], call: str, count: int, say: Callable[[str, object], None]) -> None:
    say(f"{call} refused from there on, points", f"{len(took)} of {count}")
    say(f"longest until the run had ended, {call} (s)", round(max(took), 1))


@pytest.mark.parametrize("call", [*LEDGER, *FILES])
def test_a_disk_that_fails_at_a_sample_of_system_calls(
    runs: Runs,
    undisturbed: dict[str, Any],
    call: str,
    record_property: Callable[[str, object], None],
) -> None:
    points = runs.points(call)
    took = refuse(runs, points[len(points) // 5 :: max(1, len(points) // 2)], undisturbed)
    assert took
    report(took, call, len(points), record_property)


@pytest.mark.full
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("call", [*LEDGER, *FILES])
def test_a_disk_that_fails_at_every_system_call(
    runs: Runs,
    undisturbed: dict[str, Any],
    call: str,
    record_property: Callable[[str, object], None],
) -> None:
    points = runs.points(call)
    took = refuse(runs, points, undisturbed)
    report(took, call, len(points), record_property)
    assert len(took) >= 0.8 * len(points), "commits are few, and fewer when results come together"


def test_the_harness_notices_what_is_recorded_against_the_image(
    runs: Runs, undisturbed: dict[str, Any]
) -> None:
    points = runs.points("rename")
    with pytest.raises(AssertionError, match="rename"):
        refuse(runs, [points[len(points) // 5]], undisturbed, "blame_the_image")
