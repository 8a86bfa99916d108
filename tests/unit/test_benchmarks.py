"""The benchmark's own arithmetic: goals, history, table. What it measures is not tested here."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from benchmarks import history, picture, runner, table
from benchmarks.base import Row, at_least, at_most
from sentinelqa.cli import bench as command
from sentinelqa.errors import UsageError

ROW = Row(number=5, name="cascade", goal=at_most(0.6), reached=0.5, limit=0.3, detail="2 images")
FACTS: dict[str, Any] = {"date": "2026-01-02T03:04:05+00:00", "commit": "abc", "machine": "M"}


def test_a_bound_counts_as_reached_on_both_sides() -> None:
    assert at_most(0.6).met_by(0.6)
    assert at_least(0.9).met_by(0.9)
    assert not at_most(0.6).met_by(0.61)
    assert replace(ROW, reached=None).met is None


def test_a_row_survives_its_json() -> None:
    assert runner.row_from(json.loads(json.dumps(asdict(ROW)))) == ROW
    free = replace(ROW, goal=None)
    assert runner.row_from(json.loads(json.dumps(asdict(free)))) == free


def test_what_moved_is_told_and_the_weather_is_not(tmp_path: Path) -> None:
    file = tmp_path / "history.jsonl"
    history.append(FACTS, [ROW], file)
    before = history.newest("M", file)

    assert not history.newest("another machine", file)
    assert not history.moved([replace(ROW, reached=0.52)], before)
    (slower,) = history.moved([replace(ROW, reached=0.58)], before)
    assert "0.5 -> 0.58" in slower
    (lost,) = history.moved([replace(ROW, reached=0.61)], before)
    assert "goal lost" in lost


def test_the_document_keeps_what_stands_around_its_table(tmp_path: Path) -> None:
    file = tmp_path / "performance.md"
    file.write_text(f"before\n{table.START}\nold\n{table.END}\nafter\n")

    table.write_document([history.Kept(ROW, "abc", FACTS["date"], "M")], file)

    text = file.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "old" not in text
    assert "| 5 | cascade | ≤ 0.6 | 0.5 | met | 0.3 | A |" in text


def test_better_than_the_goal_points_to_the_right() -> None:
    drawn = picture.svg([ROW, replace(ROW, name="worse", reached=0.9)], "title")
    assert drawn.count('fill="#2a7f62"') == 1
    assert drawn.count('fill="#b3432b"') == 1


def test_every_module_says_which_row_it_measures() -> None:
    assert runner.modules()
    assert {runner.number_of(name) for name in runner.modules([10])} == {10}
    assert all(1 <= runner.number_of(name) <= 13 for name in runner.modules())


def test_an_installed_package_says_that_benchmarks_need_a_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "HOME", tmp_path)
    result = CliRunner().invoke(command.bench, [])
    assert isinstance(result.exception, UsageError)
    assert "clone the repository" in str(result.exception)
