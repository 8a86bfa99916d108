"""Dimensions that only rank: measured of contenders alone, and what is delivered is the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import sentinelqa as sq
from sentinelqa.pipeline import ranking
from sentinelqa.rubric.whatif import what_if
from tests import finished
from tests.finished import deliverables

RUBRIC = """\
name: ranked
version: 1
tiers:
  generic:
    sharpness: {min: 0.3}
rank: {sharpness: 3, artifacts: 1}
diversity: {min_distance: 0.05}
"""


@pytest.fixture
def ranked(folder: Path) -> Path:
    """A job whose rubric ranks by something dear that no check needs."""
    (folder / "rubric.yaml").write_text(RUBRIC)
    job = folder / "job.yaml"
    job.write_text(job.read_text().replace("first: 4, max: 16", "first: 8, max: 16"))
    return folder


def table(path: Path, name: str) -> pd.DataFrame:
    found = finished.table(path, name)
    return found.assign(delivered=found["delivered"].astype(float))


def test_what_is_delivered_is_what_ranking_everybody_delivers(ranked: Path) -> None:
    spared = sq.run(ranked / "job.yaml", out=ranked / "spared", engine="inline").candidates
    full = sq.run(ranked / "job.yaml", out=ranked / "full", engine="inline", full=True).candidates

    assert len(deliverables(ranked / "full")) > 0
    assert deliverables(ranked / "spared") == deliverables(ranked / "full")
    assert table(ranked / "spared", "requests").equals(table(ranked / "full", "requests"))
    assert spared["outcome"].equals(full["outcome"])

    passed = spared["outcome"] == "pass"
    measured = spared["score.artifacts"].notna()
    assert 0 < (passed & ~measured).sum() < passed.sum()
    assert (spared["rank"].notna() == (measured | ~passed)).all()
    both = passed & measured
    assert spared.loc[both, "rank"].equals(full.loc[both, "rank"])
    assert spared.loc[spared["delivered"].notna(), "rank"].notna().all()


def test_who_was_not_ranked_is_said(ranked: Path) -> None:
    finished = sq.run(ranked / "job.yaml", out=ranked / "out", engine="inline")

    page = (finished.path / "report.html").read_text()
    candidates = finished.candidates
    missing = int((candidates["outcome"].eq("pass") & candidates["rank"].isna()).sum())
    assert missing
    assert f'"unranked":{json.dumps(_unranked(candidates), separators=(",", ":"))}' in page
    notes = what_if(finished.path, ranked / "rubric.yaml").notes
    assert any(note.startswith(f"{missing} that pass lack a part of their rank") for note in notes)


def _unranked(candidates: pd.DataFrame) -> list[int]:
    return [n for n, rank in enumerate(candidates["rank"]) if pd.isna(rank)]


def test_killed_while_it_ranks_it_ends_the_same(
    ranked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sq.run(ranked / "job.yaml", out=ranked / "unkilled", engine="inline")
    whole = ranking.Ranker.whole
    for deaths in range(3):
        left = [2 + 3 * deaths]

        def dies(self: ranking.Ranker, *arguments: Any, left: list[int] = left) -> Any:
            left[0] -= 1
            if left[0] < 0:
                raise KeyboardInterrupt
            return whole(self, *arguments)

        monkeypatch.setattr(ranking.Ranker, "whole", dies)
        with pytest.raises(KeyboardInterrupt):
            sq.run(ranked / "job.yaml", out=ranked / "killed", engine="inline")
    monkeypatch.undo()
    sq.run(ranked / "job.yaml", out=ranked / "killed", engine="inline")

    assert deliverables(ranked / "killed") == deliverables(ranked / "unkilled")
    for name in ("candidates", "requests"):
        assert table(ranked / "killed", name).equals(table(ranked / "unkilled", name))


@pytest.mark.slow
def test_killed_at_any_moment_it_ends_the_same(ranked: Path) -> None:
    sq.run(ranked / "job.yaml", out=ranked / "unkilled")
    ended = finished.killed(ranked, (1.5, 2.5, 3.5))

    assert ended.returncode in (0, 1), ended.stderr
    assert deliverables(ranked / "killed") == deliverables(ranked / "unkilled")
    for name in ("candidates", "requests"):
        assert table(ranked / "killed", name).equals(table(ranked / "unkilled", name))
