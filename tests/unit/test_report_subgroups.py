"""The audit by skin tone, on drawn tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sentinelqa.report import write_report
from sentinelqa.report.evidence import Evidence
from sentinelqa.report.intervals import wilson
from sentinelqa.report.model import Subgroups
from sentinelqa.report.subgroups import SMALLEST, ToneCount
from tests.report_run import write_run


def _counted(run: Path) -> Subgroups | None:
    counted = ToneCount()
    counted.add(Evidence(run))
    return counted.audit()


def _audit(run: Path, tones: list[float], outcomes: list[str] | None = None) -> Subgroups | None:
    table = pd.read_parquet(run / "candidates.parquet")
    size = len(table)
    table["score.skin_tone"] = np.resize(np.array([0.8, np.nan]), size)
    table["unscored.skin_tone"] = [None if i % 2 == 0 else "no_reference" for i in range(size)]
    table["metric.skin_tone.monk"] = np.resize(np.array(tones, float), size)
    if outcomes is not None:
        table["outcome"] = np.resize(np.array(outcomes, object), size)
    table.to_parquet(run / "candidates.parquet")
    return _counted(run)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write_run(tmp_path / "run", requests=20, per_request=8, pictures=False)


def test_without_faces_there_is_no_audit(run: Path) -> None:
    assert _counted(run) is None
    assert _audit(run, [np.nan]) is None
    write_report(run)
    assert "Monk" not in (run / "report.html").read_text()


def test_groups_count_what_the_table_holds(run: Path) -> None:
    audit = _audit(run, [2, 2, 5, np.nan])
    table = pd.read_parquet(run / "candidates.parquet")

    assert audit is not None
    assert [group.tone for group in audit.groups] == [2, 5, 0]
    for group in audit.groups:
        tone = table["metric.skin_tone.monk"].fillna(0)
        own = table[tone == group.tone]
        assert group.candidates == len(own)
        assert group.passed.hits == (own["outcome"] == "pass").sum()
        rate = group.passed.hits / len(own)
        assert (group.passed.low, group.passed.high) == wilson(rate, len(own))
        unscored = own[["score.skin_tone"]].isna().sum().sum()
        assert group.unscored.hits >= unscored


def test_a_tone_that_fails_more_is_named(run: Path) -> None:
    audit = _audit(run, [3, 8], ["pass", "fail", "pass", "fail", "pass", "pass", "pass", "fail"])

    assert audit is not None
    assert audit.apart == ((3, 8),)
    text = write_report(run).read_text()
    assert "Pass rates differ by more than chance between Monk tones 3 and 8" in text


def test_equal_tones_and_small_groups_are_not_named(run: Path) -> None:
    even = _audit(run, [3, 3, 8, 8], ["pass", "fail"])
    assert even is not None
    assert even.apart == ()

    table = pd.read_parquet(run / "candidates.parquet")
    few = [3.0] * (len(table) - SMALLEST + 1) + [8.0] * (SMALLEST - 1)
    outcomes = ["pass" if tone == 3 else "fail" for tone in few]
    small = _audit(run, few, outcomes)
    assert small is not None
    assert small.groups[1].passed.rate == 0
    assert small.apart == ()
    assert "too few pictures of different tones" in write_report(run).read_text()


def test_what_fails_a_group_is_named_with_its_share(run: Path) -> None:
    audit = _audit(run, [4])
    table = pd.read_parquet(run / "candidates.parquet")

    assert audit is not None
    (group,) = audit.groups
    failed = dict(group.failed)
    sharpness = table["score.sharpness"].round(4)
    assert failed["sharpness"].hits == (sharpness < 0.40).sum()
