"""The cache of scores: the same evidence as without it, and nothing that is out of date."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sentinelqa.generators.fake import draw
from sentinelqa.images import encode_fast
from sentinelqa.rubric.loading import load_rubric
from sentinelqa.scorecache import HASH, SIZE, CachePlan, ScoreCache, plan_cache
from sentinelqa.scorer import (
    Scored,
    ScoreItem,
    ScorePlan,
    ScoreStage,
    dimensions_of,
    features_of,
)
from sentinelqa.types import Candidate, Measurement, ModelUse, Request, Settings, Unscored

RUBRIC = """\
name: cached
version: 1
tiers:
  generic:
    artifacts: {min: 0.3}
    sharpness: {min: 0.5}
  use_case:
    duplicate: {min: 0.2}
on_unscored: review
"""


@pytest.fixture
def rubric(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SENTINELQA_SCORE_CACHE", str(tmp_path / "cache" / "scores.sqlite"))
    path = tmp_path / "rubric.yaml"
    path.write_text(RUBRIC)
    return path


def items(folder: Path) -> list[ScoreItem]:
    """Five discs and a flat picture, and a file that is none."""
    folder.mkdir(exist_ok=True)
    made = []
    for seed in range(6):
        settings = Settings(model="fake", width=64, height=64)
        candidate = Candidate(id=f"c{seed}", request_id="r", seed=seed, settings=settings)
        pixels = draw(candidate) if seed else np.full((64, 64, 3), 200, np.uint8)
        path = folder / f"{seed}.png"
        path.write_bytes(encode_fast(pixels))
        made.append(
            ScoreItem(candidate=candidate, request=Request(id="r", prompt="x"), path=str(path))
        )
    bad = folder / "bad.png"
    bad.write_text("not an image")
    return [*made, replace(made[0], path=str(bad))]


def plan(rubric: Path) -> CachePlan:
    loaded = load_rubric(str(rubric))
    dimensions = dimensions_of(loaded)
    made = plan_cache(dimensions, features_of(loaded, dimensions), {})
    assert made is not None
    return made


def score(
    rubric: Path, work: Sequence[ScoreItem], *, cached: bool
) -> tuple[ScoreStage, list[Scored]]:
    cache = plan(rubric) if cached else None
    stage = ScoreStage(ScorePlan(rubric=load_rubric(str(rubric)), cache=cache))
    stage.load()
    return stage, [replace(s, seconds=0.0) for s in stage.run(work)]


def test_a_second_run_gives_the_same_evidence_and_loads_nothing(
    tmp_path: Path, rubric: Path
) -> None:
    work = items(tmp_path / "images")
    _, without = score(rubric, work, cached=False)
    first_stage, first = score(rubric, work, cached=True)
    second_stage, second = score(rubric, work, cached=True)

    assert first_stage._loaded
    assert not second_stage._loaded
    assert without == first == second


def test_an_image_is_known_by_its_bytes_wherever_it_lies(tmp_path: Path, rubric: Path) -> None:
    work = items(tmp_path / "images")
    score(rubric, work, cached=True)
    shutil.move(tmp_path / "images", tmp_path / "elsewhere")
    moved = [
        replace(
            i,
            path=str(tmp_path / "elsewhere" / Path(i.path).name),
            request=Request(id="s", prompt="x"),
        )
        for i in work
    ]
    stage, _ = score(rubric, moved, cached=True)
    assert not stage._loaded


def test_an_image_that_changed_is_measured_again(tmp_path: Path, rubric: Path) -> None:
    work = items(tmp_path / "images")
    score(rubric, work, cached=True)
    Path(work[1].path).write_bytes(Path(work[0].path).read_bytes())
    _, after = score(rubric, work, cached=True)
    assert after == score(rubric, work, cached=False)[1]


@pytest.mark.parametrize(
    "changed",
    [
        Request(id="r", prompt="y"),
        Request(id="r", prompt="x", negative_prompt="z"),
        Request(id="r", prompt="x", metadata={"colour": "red"}),
    ],
)
def test_another_request_is_measured_again(tmp_path: Path, rubric: Path, changed: Request) -> None:
    work = items(tmp_path / "images")[:3]
    score(rubric, work, cached=True)
    stage, _ = score(rubric, [replace(i, request=changed) for i in work], cached=True)
    assert stage._loaded


def test_a_reference_that_changed_is_measured_again(tmp_path: Path, rubric: Path) -> None:
    work = items(tmp_path / "images")[:3]
    reference = tmp_path / "reference.png"
    reference.write_bytes(Path(work[1].path).read_bytes())
    request = Request(id="r", prompt="x", references=(str(reference),))
    work = [replace(i, request=request) for i in work]
    score(rubric, work, cached=True)
    assert not score(rubric, work, cached=True)[0]._loaded
    reference.write_bytes(Path(work[2].path).read_bytes())
    stage, after = score(rubric, work, cached=True)
    assert stage._loaded
    assert after == score(rubric, work, cached=False)[1]


def test_other_weights_or_parameters_are_another_context(rubric: Path) -> None:
    loaded = load_rubric(str(rubric))
    dimensions = dimensions_of(loaded)
    features = features_of(loaded, dimensions)

    def contexts(**models: Sequence[ModelUse]) -> dict[str, str]:
        made = plan_cache(dimensions, features, models)
        assert made is not None
        return dict(made.contexts)

    before = contexts()
    after = contexts(hashes=[ModelUse(id="m", sha256="1" * 64)])
    assert {n for n in before if before[n] != after[n]} == {"duplicate", HASH}


def test_what_a_judge_said_and_outages_are_not_kept(tmp_path: Path, rubric: Path) -> None:
    rubric.write_text(
        "name: j\nversion: 1\ntiers:\n  generic:\n    vqa_alignment: {min: 0.5}\n"
        "    seen_before: {min: 0.5}\n    framing: {min: 0.5}\n"
    )
    made = plan(rubric)
    assert set(dict(made.contexts)) == {"framing", HASH, SIZE}

    cache = ScoreCache(replace(made, contexts=(("a", "1"), ("b", "2"))))
    sha, request = "ab" * 32, Request(id="r")
    broken = Measurement.without_score("a", Unscored.ERROR, "the network is down")
    fact = Measurement.without_score("b", Unscored.UNDECIDABLE, "too dark", metrics={"x": 1.5})
    cache.keep([(sha, request, {"a": broken, "b": fact})])
    assert cache.recall(sha, request) == {"b": fact}


def test_the_file_stays_within_its_size(tmp_path: Path) -> None:
    made = CachePlan(path=str(tmp_path / "s.sqlite"), contexts=(("a", "1"),))
    cache = ScoreCache(made)
    measured = Measurement(dimension="a", score=0.5, metrics={"x" * 500: 1.0})
    cache.keep([(f"{n:064x}", Request(id="r"), {"a": measured}) for n in range(2000)])
    cache.trim(200_000)
    kept = sum(bool(cache.recall(f"{n:064x}", Request(id="r"))) for n in range(2000))
    assert 0 < kept < 1000


def test_a_broken_cache_costs_nothing_but_its_use(
    tmp_path: Path, rubric: Path, caplog: pytest.LogCaptureFixture
) -> None:
    work = items(tmp_path / "images")
    made = plan(rubric)
    Path(made.path).parent.mkdir(exist_ok=True)
    Path(made.path).write_bytes(b"no database" * 1000)
    _, found = score(rubric, work, cached=True)
    assert found == score(rubric, work, cached=False)[1]
    assert "is not used" in caplog.text


def test_where_nothing_competes_there_are_no_hashes(tmp_path: Path, rubric: Path) -> None:
    rubric.write_text(RUBRIC.replace("    duplicate: {min: 0.2}\n", "    framing: {min: 0.1}\n"))
    work = items(tmp_path / "images")
    _, competing = score(rubric, work, cached=True)
    stage = ScoreStage(ScorePlan(rubric=load_rubric(str(rubric)), cache=plan(rubric), hashes=False))

    alone = [replace(s, seconds=0.0) for s in stage.run(work)]

    assert any(s.phash is not None for s in competing)
    assert alone == [replace(s, phash=None) for s in competing]


def test_the_cache_answers_for_files_without_opening_them(
    tmp_path: Path, rubric: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = items(tmp_path / "images")
    _, first = score(rubric, work[:4], cached=True)
    stage = ScoreStage(ScorePlan(rubric=load_rubric(str(rubric)), cache=plan(rubric)))
    monkeypatch.setattr("sentinelqa.images.probe", None)

    found = stage.recall([*work, replace(work[0], path=f"file://{work[0].path}")])

    known = [replace(s, seconds=0.0) for s in found if s is not None]
    assert known == first
    assert found[4:] == [None] * 4
