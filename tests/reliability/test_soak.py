"""A long run holds no more at its end than after its first quarter."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest
from soak import Sample, Slopes, slopes, soak

CANDIDATES = int(os.environ.get("SOAK_CANDIDATES", "100000"))
"""Of the long form."""
MEMORY = 100.0
"""MB that a run and its workers may grow by in 100,000 candidates."""


def leaking(found: Slopes, candidates: int) -> list[str]:
    """What grew by more than noise: of a short run, steps of one are noise."""
    share = 1e5 / candidates
    wrong = []
    if found.own + found.workers > MEMORY + 8 * share:
        wrong.append("memory")
    if found.descriptors > 8 * share:
        wrong.append("descriptors")
    if found.threads > 4 * share:
        wrong.append("threads")
    if found.children > 1 * share:
        wrong.append("children")
    return wrong


@pytest.mark.slow
def test_a_short_run_leaks_nothing(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    found = soak(tmp_path, 1500, every=0.1)
    report(found, 1500, record_property)
    assert leaking(found, 1500) == []


def report(found: Slopes, candidates: int, say: Callable[[str, object], None]) -> None:
    units = {
        "own": "MB per 100,000, the run",
        "workers": "MB per 100,000, its workers",
        "descriptors": "descriptors per 100,000",
        "threads": "threads per 100,000",
        "children": "children per 100,000",
        "drift": "speed at the end over speed before",
        "peak": "largest memory of the run, with tables and report (MB)",
    }
    say("candidates", f"{candidates:,}")
    for name, value in asdict(found).items():
        say(units[name], round(value, 2))


@pytest.mark.full
@pytest.mark.timeout(6 * 3600)
def test_a_long_run_leaks_nothing(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    found = soak(tmp_path, CANDIDATES, every=2.0)
    report(found, CANDIDATES, record_property)
    assert leaking(found, CANDIDATES) == []


@pytest.mark.full
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("leak", ["memory", "descriptors", "threads"])
def test_the_harness_notices_a_leak(tmp_path: Path, leak: str) -> None:
    assert leaking(soak(tmp_path, 1500, leak=leak, every=0.1), 1500) == [leak]


@pytest.mark.parametrize("leak", ["none", "memory", "descriptors", "threads"])
def test_a_slope_is_seen_in_the_samples_of_a_short_run(leak: str) -> None:
    def sample(n: int) -> Sample:
        batches = n * 3  # a sample every 24 candidates, a leak with every batch of 8
        return Sample(
            done=24 * n,
            own=100 + 0.2 * batches * (leak == "memory") + n % 2,
            workers=200 + n % 3,
            descriptors=12 + batches * (leak == "descriptors") + n % 2,
            threads=4 + batches * (leak == "threads"),
            children=2,
            seconds=n,
        )

    found = slopes([sample(n) for n in range(1, 60)], peak=0)
    assert leaking(found, 1500) == ([leak] if leak != "none" else [])
    assert found.drift == pytest.approx(1, abs=0.01)
