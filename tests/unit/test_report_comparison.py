"""The comparison of two runs: rates, requests and pictures against the tables, and refusals."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pandas as pd
import pytest
import yaml

from sentinelqa.errors import JobError, RubricError
from sentinelqa.report import write_comparison, write_report
from sentinelqa.report.comparing import compare
from sentinelqa.report.comparison import Comparison
from tests.report_run import write_run


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("compared")
    first = write_run(folder / "before", requests=14)
    return first, write_run(folder / "after", requests=12, seed=9, shift=0.08)


@pytest.fixture(scope="module")
def compared(runs: tuple[Path, Path]) -> Comparison:
    return compare(*runs, runs[1])


def test_rates_are_those_of_the_tables(runs: tuple[Path, Path], compared: Comparison) -> None:
    tables = [pd.read_parquet(run / "candidates.parquet") for run in runs]
    tables[0] = tables[0][tables[0]["request_id"].isin(tables[1]["request_id"])]
    passed, first_round, images, _ = (row.change for row in compared.overall)

    assert passed.hits == tuple((t["outcome"] == "pass").sum() for t in tables)
    assert passed.looked == tuple(len(t) for t in tables)
    assert first_round.looked == tuple((t["round"] == 1).sum() for t in tables)
    assert images.hits == tuple(t["delivered"].notna().sum() for t in tables)
    assert compared.requests == 12
    assert compared.left_out == (2, 0)


def test_a_check_counts_what_was_looked_at(runs: tuple[Path, Path], compared: Comparison) -> None:
    row = next(row for row in compared.checks if row.name == "framing")
    table = pd.read_parquet(runs[1] / "candidates.parquet")
    scores = table["score.framing"].dropna()

    assert row.change.looked[1] == len(scores)
    assert row.change.hits[1] == (scores.round(4) >= 0.5).sum()
    assert row.medians[1] == pytest.approx(scores.median(), abs=1e-4)
    assert "lighting" not in [row.name for row in compared.checks]  # only a warning


def test_requests_are_better_where_more_was_delivered(
    runs: tuple[Path, Path], compared: Comparison
) -> None:
    tables = [pd.read_parquet(r / "requests.parquet").set_index("request_id") for r in runs]
    gain = (tables[1]["delivered"] - tables[0]["delivered"]).dropna()

    assert {row.id for row in compared.changed if row.standing == "better"} == set(
        gain[gain > 0].index
    )
    assert {row.id for row in compared.changed if row.standing == "worse"} == set(
        gain[gain < 0].index
    )
    assert sum(compared.standings.values()) == 12


def test_pairs_show_what_was_delivered_best_first(compared: Comparison) -> None:
    pairs = compared.payload["pairs"]
    order = ["worse", "better", "same"]

    assert [p["standing"] for p in pairs] == sorted((p["standing"] for p in pairs), key=order.index)
    for pair in pairs:
        for side, got in zip(pair["sides"], pair["got"], strict=True):
            places = [picture["place"] for picture in side if picture["place"]]
            assert places == list(range(1, int(got.split(" ")[0]) + 1))
            assert all(picture["image"].startswith("data:image/webp") for picture in side)


def test_a_run_beside_a_copy_of_itself_has_not_moved(tmp_path: Path) -> None:
    first = write_run(tmp_path / "a", requests=10, pictures=False)
    second = write_run(tmp_path / "b", requests=10, pictures=False)

    found = compare(first, second, second)

    assert {row.change.difference for row in found.overall} == {0.0}
    assert not found.changed
    assert not found.differences
    assert found.overall[0].change.high < 0.05  # the same candidates: hardly any chance is left


def test_what_differs_is_listed(runs: tuple[Path, Path], tmp_path: Path) -> None:
    other = write_run(tmp_path / "other", requests=4, pictures=False)
    (other / "rubric.yaml").write_text(
        (other / "rubric.yaml").read_text().replace("min: 0.60", "min: 0.70")
    )
    job = {"name": "studio", "generator": {"model": "starter", "steps": 30}}
    (other / "job.yaml").write_text(yaml.safe_dump(job))
    facts = json.loads((other / "facts.json").read_text())
    facts["components"] = {"dimension sharpness": "2"}
    (other / "facts.json").write_text(json.dumps(facts))

    found = compare(runs[0], other, other)

    assert ("artifacts", "at least 0.6", "at least 0.7") in found.differences
    assert ("generator.steps", "–", "30") in found.differences
    assert ("dimension sharpness", "–", "version 2") in found.differences
    cautions = {row.name: row.caution for row in found.checks}
    assert "different versions" in cautions["sharpness"]
    assert not cautions["artifacts"]


def test_images_in_another_folder_are_paired_by_name(tmp_path: Path) -> None:
    found = compare(_scored(tmp_path / "a", "old"), _scored(tmp_path / "b", "new", 5), tmp_path)

    assert found.mode == "score"
    assert found.requests == 6
    assert found.overall[0].change.paired == 6
    assert all(re.fullmatch("pass|fail|review", text) for row in found.changed for text in row.got)


def _scored(folder: Path, place: str, seed: int = 3) -> Path:
    """A run as ``score`` leaves it: no generator, one candidate per request."""
    names = [f"{place}/{number}.png" for number in range(6)]
    run = write_run(
        folder, requests=6, per_request=1, wanted=1, names=names, seed=seed, pictures=False
    )
    (run / "job.yaml").write_text(f"score: [{place}]\nrubric: studio\n")
    return run


def test_runs_without_a_request_in_common_are_compared_unpaired(tmp_path: Path) -> None:
    first = write_run(tmp_path / "a", requests=3, pictures=False)
    second = write_run(
        tmp_path / "b", requests=4, names=["w", "x", "y", "z"], seed=8, pictures=False
    )

    found = compare(first, second, second)

    assert found.overall[0].change.paired == 0
    assert found.overall[0].change.looked == (36, 48)
    assert "no request in common" in found.notes[0]
    assert "comparison.html" in str(write_comparison(first, second))


def test_an_outage_is_neither_better_nor_worse(tmp_path: Path) -> None:
    first, second = _scored(tmp_path / "a", "old"), _scored(tmp_path / "b", "old", 5)
    table = pd.read_parquet(second / "candidates.parquet")
    table["outcome"] = "error"
    table.to_parquet(second / "candidates.parquet")

    assert compare(first, second, second).standings["same"] == 6


def test_what_cannot_be_compared_is_refused(runs: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(JobError, match="itself"):
        compare(runs[0], runs[0], tmp_path)
    with pytest.raises(JobError, match="different questions") as refused:
        compare(runs[0], _scored(tmp_path / "scored", "old"), tmp_path)
    assert "two runs of" in refused.value.remedy

    empty = write_run(tmp_path / "empty", requests=1, pictures=False)
    table = pd.read_parquet(empty / "candidates.parquet")
    table["outcome"] = None
    table.to_parquet(empty / "candidates.parquet")
    with pytest.raises(JobError, match="judged yet"):
        compare(runs[0], empty, tmp_path)

    other = write_run(tmp_path / "other", requests=1, pictures=False)
    (other / "rubric.yaml").write_text(
        "name: other\nversion: 1\ntiers:\n  generic:\n    resolution: {min: 0.5}\n"
    )
    with pytest.raises(RubricError, match="no check in common"):
        compare(runs[0], other, tmp_path)


def test_equal_comparisons_give_equal_bytes(runs: tuple[Path, Path], tmp_path: Path) -> None:
    write_report(runs[0])
    one = write_comparison(*runs, tmp_path / "one.html").read_bytes()
    two = write_comparison(*runs, tmp_path / "two.html").read_bytes()

    assert one == two
    assert one.count(b"report.html") == 1


def test_the_pictures_of_a_comparison_are_bounded(
    runs: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sentinelqa.report.pairs.MOST_REQUESTS", 5)
    found = compare(*runs, runs[1])

    assert len(found.payload["pairs"]) == 5
    assert found.payload["more"] == 7
