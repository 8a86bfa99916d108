"""YAML and rules are data: hostile ones are refused at once, and run nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

from sentinelqa.errors import RubricError
from tests.security.languages import figures, violations

SLOW_MACHINE = 4.0


def test_hostile_yaml_and_expressions_are_refused_at_once(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    found = figures(tmp_path)
    for name, value in found.items():
        record_property(name, round(value, 1))
    assert found["documents"] >= 40
    assert found["expressions"] >= 60
    assert violations(found, SLOW_MACHINE) == [], found


def test_the_harness_notices_a_loader_that_makes_objects(tmp_path: Path) -> None:
    def careless(path: Path) -> Any:
        if path.stat().st_size > 200:
            raise RubricError("too large to try carelessly")
        with suppress(yaml.YAMLError, TypeError, AttributeError):
            return yaml.unsafe_load(path.read_text())

    missed = violations(figures(tmp_path, read=careless), SLOW_MACHINE)
    assert {"executions", "accepted"} <= set(missed)


def test_the_harness_notices_expressions_that_are_python(tmp_path: Path) -> None:
    def careless(source: str) -> Any:
        if source != "__import__('os').system('true')":
            raise RubricError("not tried: some of them would end this process")
        return eval(source, {})

    missed = violations(figures(tmp_path, judge=careless), SLOW_MACHINE)
    assert missed == ["accepted", "executions"]


def test_the_harness_notices_slowness(tmp_path: Path) -> None:
    def slow(source: str) -> Any:
        start = time.process_time()
        while source == "v0 > 1" and time.process_time() - start < 0.3:
            pass
        raise RubricError("refused")

    assert violations(figures(tmp_path, judge=slow), SLOW_MACHINE) == ["slowest expression ms"]
