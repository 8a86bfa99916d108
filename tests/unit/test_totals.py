"""What a run's headline counts, piece by piece, against whole tables."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from sentinelqa.results import load_run
from sentinelqa.totals import candidate_totals, request_totals
from tests.report_run import as_live, as_scored, write_run


@pytest.fixture(autouse=True)
def in_small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sentinelqa.totals.AT_ONCE", 7)


@pytest.mark.parametrize("alter", [lambda folder: folder, as_live, as_scored])
def test_candidates_are_summed_up_as_a_table_would_be(tmp_path: Path, alter: object) -> None:
    folder = write_run(tmp_path / "run", pictures=False)
    assert callable(alter)
    alter(folder)
    table = pd.read_parquet(folder / "candidates.parquet")

    found = candidate_totals(folder / "candidates.parquet")

    passed = table["outcome"] == "pass"
    assert found.rows == len(table)
    assert found.outcomes == table["outcome"].value_counts().to_dict()
    assert found.failed == Counter(" ".join(table["failed"].dropna()).split())
    assert found.seconds == pytest.approx(
        table[["generate_seconds", "score_seconds"]].sum().sum(), nan_ok=False
    )
    for name, rows in (
        ("all", table),
        ("passed", table[passed]),
        ("delivered", table[table["delivered"].notna()]),
    ):
        known = rows["rank"].dropna()
        expected = round(known.mean(), 4) if len(known) else None
        assert found.ranks[name].value == pytest.approx(expected, abs=1e-4)


def test_requests_are_summed_up_as_a_table_would_be(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", requests=20, wanted=6, pictures=False)
    table = pd.read_parquet(folder / "requests.parquet")
    table.loc[3:5, "chance"] = [0.25, 0.5, 0.75]
    table.loc[3:5, "unused"] = [4, 8, 12]
    table.to_parquet(folder / "requests.parquet")

    found = request_totals(folder / "requests.parquet")

    assert found.rows == len(table)
    assert found.outcomes == table["outcome"].value_counts().to_dict()
    assert (found.wanted, found.delivered) == (table["wanted"].sum(), table["delivered"].sum())
    assert found.cost == pytest.approx(table["cost"].sum())
    assert (found.stopped, found.unused, found.chance) == (3, 24, 1.5)


def test_a_run_without_a_single_row_has_a_headline(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", requests=0, pictures=False)
    (folder / "ledger.sqlite").touch()

    headline = load_run(folder).as_dict()

    assert (headline["candidates"], headline["pass_rate"]) == (0, None)
    assert headline["mean_rank"] == {"delivered": None, "passed": None, "all": None}
