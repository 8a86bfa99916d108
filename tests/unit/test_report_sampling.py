"""The labelling sheet: who is drawn, what the page is given, and what is refused."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sentinelqa.errors import JobError
from sentinelqa.report import write_labelling_sheet
from sentinelqa.report.evidence import Evidence
from sentinelqa.report.labelling import labelling_sheet
from sentinelqa.report.sampling import STRATA, draw
from tests.report_run import write_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("sampling") / "run", requests=16, size=24)


def test_most_of_the_sample_lies_close_to_a_threshold(run: Path) -> None:
    drawn = draw(Evidence(run), 40)
    counts = Counter(one.stratum for one in drawn)
    scores = pd.read_parquet(run / "candidates.parquet")
    nearest = np.minimum.reduce(
        [
            (scores[f"score.{name}"] - bound).abs().fillna(9)
            for name, bound in (("artifacts", 0.6), ("sharpness", 0.45), ("framing", 0.5))
        ]
    )
    near = [nearest[one.row] for one in drawn if one.stratum.startswith("just")]
    far = [nearest[one.row] for one in drawn if one.stratum == "clearly passed"]

    assert {name: counts[name] for name in STRATA} == {
        name: round(40 * share) for name, share in STRATA.items()
    }
    assert np.median(near) < 0.5 * np.median(far)
    assert len({one.row for one in drawn}) == 40


def test_strata_agree_with_what_the_scores_say(run: Path) -> None:
    evidence = Evidence(run)
    for one in draw(evidence, 60):
        passed = all(
            evidence.values(check)[one.row] >= check.low
            or np.isnan(evidence.values(check)[one.row])
            for check in evidence.rubric.thresholds
            if not check.metric and check.severity != "warn" and check.low is not None
        )
        assert one.stratum.endswith("passed") == passed


def test_weights_add_up_to_the_run(run: Path) -> None:
    evidence = Evidence(run)
    everyone = draw(evidence, 10_000)

    assert all(one.weight == 1 for one in everyone)
    assert sum(one.weight for one in draw(evidence, 60)) == pytest.approx(len(everyone), abs=0.1)


def test_every_threshold_gets_its_turn(run: Path) -> None:
    checks = Counter(one.check for one in draw(Evidence(run), 60) if "just" in one.stratum)

    assert set(checks) == {"artifacts", "sharpness", "framing"}


def test_the_same_run_gives_the_same_sheet(run: Path) -> None:
    first = write_labelling_sheet(run, 20).read_bytes()

    assert write_labelling_sheet(run, 20).read_bytes() == first


def test_the_sheet_does_not_tell_what_the_rubric_decided(run: Path) -> None:
    sheet = labelling_sheet(run, 12)
    ids = pd.read_parquet(run / "candidates.parquet").set_index("candidate_id")

    for item in sheet.payload["items"]:
        assert (run / item["image"]).is_file()
        assert ids.loc[item["id"], "path"] == item["image"].removeprefix("./")
        assert not {"outcome", "reasons", "rank", "scores"} & set(item)


def test_candidates_whose_pixels_are_gone_are_not_drawn(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", requests=3, size=24)
    table = pd.read_parquet(run / "candidates.parquet")
    for path in table["path"][:20]:
        (run / path).unlink(missing_ok=True)

    drawn = draw(Evidence(run), 100)

    assert drawn
    assert all((run / table["path"][one.row]).is_file() for one in drawn)

    shutil.rmtree(run / "images")
    with pytest.raises(JobError, match="no candidate has both"):
        draw(Evidence(run), 5)


def test_a_rubric_without_scores_cannot_be_sampled(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", requests=1, size=24)
    (run / "rubric.yaml").write_text(
        "name: rules\nversion: 1\ntiers:\n  custom:\n"
        "    - {name: large, require: image.width >= 8}\n"
    )

    with pytest.raises(JobError, match="score with a threshold"):
        draw(Evidence(run), 5)
