"""Tables: parquet and csv of the same rows, whole or not at all, harmless in a spreadsheet."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from sentinelqa.dimensions.sharpness import Sharpness
from sentinelqa.tables import candidate_schema, safe_cell, write_tables

SCHEMA = candidate_schema([Sharpness()])


def rows(count: int) -> Iterator[dict[str, Any]]:
    for i in range(count):
        yield {
            "request_id": f"r{i}",
            "candidate_id": f"c{i}",
            "prompt": "a cup",
            "rank": i / 10,
            "score.sharpness": None if i % 2 else 0.5,
            "something.else": 1,
        }


def test_both_files_hold_the_same_rows(tmp_path: Path) -> None:
    write_tables(tmp_path / "candidates", SCHEMA, rows(5000))

    parquet = pd.read_parquet(tmp_path / "candidates.parquet")
    text = pd.read_csv(tmp_path / "candidates.csv")
    assert list(parquet.columns) == list(text.columns) == SCHEMA.names
    assert len(parquet) == len(text) == 5000
    assert parquet["score.sharpness"].isna().sum() == text["score.sharpness"].isna().sum() == 2500


def test_a_table_without_rows_has_its_columns(tmp_path: Path) -> None:
    write_tables(tmp_path / "candidates", SCHEMA, [])

    assert list(pd.read_parquet(tmp_path / "candidates.parquet").columns) == SCHEMA.names


def test_rows_that_break_off_leave_the_old_table(tmp_path: Path) -> None:
    write_tables(tmp_path / "candidates", SCHEMA, rows(3))

    def broken() -> Iterator[dict[str, Any]]:
        yield from rows(1)
        raise OSError("no space left on device")

    with pytest.raises(OSError, match="no space"):
        write_tables(tmp_path / "candidates", SCHEMA, broken())

    assert len(pd.read_parquet(tmp_path / "candidates.parquet")) == 3
    assert sorted(p.name for p in tmp_path.iterdir()) == ["candidates.csv", "candidates.parquet"]


@pytest.mark.parametrize(
    "hostile", ["=cmd|'/c calc'!A1", "+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", " =1", "＝1"]
)
def test_no_cell_is_a_formula(tmp_path: Path, hostile: str) -> None:
    write_tables(tmp_path / "candidates", SCHEMA, [{"request_id": "r", "prompt": hostile}])

    with (tmp_path / "candidates.csv").open(newline="", encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert row["prompt"] == f"'{hostile}"


def test_numbers_stay_numbers() -> None:
    assert safe_cell(-1.5) == -1.5
    assert safe_cell("a - b") == "a - b"
