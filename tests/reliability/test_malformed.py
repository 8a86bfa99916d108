"""Malformed images: none takes the run, two seconds, or half a gigabyte; each has a reason."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.reliability import malformed
from tests.reliability.bad_images import bombs, mutations
from tests.reliability.malformed import Case, cases, figures, measure, violations

SLOW_MACHINE = 4.0
Record = Callable[[str, object], None]
MUTANTS = {
    "any format": ("foreign ", "wrong answers"),
    "no pixel cap": ("bomb png ", "wrong answers"),
    "no byte cap": ("large", "wrong answers"),
    "no memory limit": ("bomb webp under", "most MB"),
}
"""Wall that is taken away -> the files that then get through, and the goal that is missed."""


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> list[Case]:
    made = cases(tmp_path_factory.mktemp("hostile"), mutated=1)
    return [c for c in made if c.allowed and "16 bits" not in c.path.name]


def test_there_are_fifteen_bombs() -> None:
    assert len(bombs()) >= 15


def test_mutations_are_the_same_each_time_and_differ() -> None:
    first = list(mutations(60))
    assert first == list(mutations(60))
    assert len(set(first)) == 60


@pytest.mark.slow
def test_malformed_images_are_refused_with_a_reason(
    tmp_path: Path, record_property: Record
) -> None:
    found = figures(tmp_path)
    for name, value in found.items():
        record_property(name, round(value, 1))
    assert found["files"] >= 130
    assert found["refused"] > found["read"] > 0
    assert violations(found, SLOW_MACHINE) == [], found


@pytest.mark.slow
def test_hostile_files_are_refused_for_what_they_are(hostile: list[Case]) -> None:
    assert violations(measure(hostile), SLOW_MACHINE) == []


@pytest.mark.slow
@pytest.mark.parametrize("mutant", MUTANTS)
def test_the_harness_notices_a_wall_that_is_missing(hostile: list[Case], mutant: str) -> None:
    start, missed = MUTANTS[mutant]
    files = [case for case in hostile if case.path.name.startswith(start)]
    assert files
    assert missed in violations(measure(files, mutant), SLOW_MACHINE)


def test_a_file_that_kills_the_decoder_is_counted(tmp_path: Path) -> None:
    found = {"died": 1, "most seconds": 0.0, "most MB": 0.0}
    assert violations(found) == ["died"]
    assert violations({"most seconds": 3.0, "most MB": 600.0}) == ["most seconds", "most MB"]


@pytest.mark.full
@pytest.mark.timeout(3600)
def test_known_corpora_and_two_thousand_mutations(tmp_path: Path, record_property: Record) -> None:
    try:
        found = figures(tmp_path, full=True)
    except (OSError, subprocess.SubprocessError) as error:
        pytest.skip(f"the corpora cannot be had here: {error}")
    for name, value in found.items():
        record_property(f"full: {name}", round(value, 1))
    assert found["files"] >= malformed.FULL_MUTATIONS + 1_000
    assert violations(found, SLOW_MACHINE) == [], found
