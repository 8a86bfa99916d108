"""Prompts, names, metadata and messages stay text in pages, tables, logs and terminals."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from markupsafe import Markup

from sentinelqa import rundir, tables
from sentinelqa.report import render
from sentinelqa.terminal import one_line, plain
from tests.security import outputs
from tests.security.outputs import cells, figures, generated_report, is_formula, violations
from tests.security.payloads import FORMULAS, PAYLOADS


def test_there_are_a_hundred() -> None:
    assert len(set(PAYLOADS)) >= 100


@pytest.mark.slow
def test_nothing_becomes_more_than_text(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    found = figures(tmp_path)
    for name, value in found.items():
        record_property(name, round(value, 1))
    assert violations(found) == [], found


def test_negative_numbers_stay_numbers(tmp_path: Path) -> None:
    import pyarrow as pa

    schema = pa.schema([("text", pa.string()), ("number", pa.float64())])
    rows = [{"text": text, "number": -1.5} for text in (*FORMULAS, "-3")]
    tables.write_tables(tmp_path / "t", schema, rows)
    written = cells(tmp_path / "t.csv")[1:]
    assert {number for _, number in written} == {"-1.5"}
    assert not [text for text, _ in written if is_formula(text)]


def test_control_characters_are_written_out() -> None:
    assert plain("a\x1b[2J\nb\t\u202ec\udcff") == "a\\x1b[2J\nb\t\\u202ec\\udcff"
    assert one_line("a\nb\tc") == "a\\nb\\tc"
    assert plain("caf\u00e9 \U0001f600") == "caf\u00e9 \U0001f600"


def test_the_harness_notices_a_page_that_does_not_escape(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(render, "as_json_block", lambda value: Markup(str(value)))
    assert generated_report(tmp_path) > 0


def test_the_harness_notices_formulas(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import pyarrow as pa

    monkeypatch.setattr(tables, "safe_cell", lambda value: value)
    schema = pa.schema([("text", pa.string())])
    tables.write_tables(tmp_path / "t", schema, [{"text": text} for text in FORMULAS])
    assert sum(is_formula(cell) for row in cells(tmp_path / "t.csv") for cell in row) > 10


def test_the_harness_notices_forged_lines(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def careless(layout: str) -> Any:
        return logging.Formatter(layout)

    monkeypatch.setattr(rundir, "OneLine", careless)
    assert outputs.log_lines(tmp_path / "run.log") > 0


def test_the_harness_notices_control_characters(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from sentinelqa.cli import show

    generated_report(tmp_path)
    assert outputs.terminal_characters(tmp_path / "hostile") == 0
    monkeypatch.setattr(show, "plain", str)
    assert outputs.terminal_characters(tmp_path / "hostile") > 0
