"""The scoring stage: what is measured, what is stored, and what an outage does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sentinelqa import measuring
from sentinelqa.generators.fake import draw
from sentinelqa.images import sha256_of_file
from sentinelqa.rubric.loading import load_rubric
from sentinelqa.scorer import ScoreItem, ScorePlan, ScoreStage, settled
from sentinelqa.types import Candidate, Measurement, Outcome, Request, Settings, Unscored

PLAIN = """\
name: plain
version: 1
tiers:
  generic:
    artifacts: {min: 0.3}
    sharpness: {min: 0.5}
"""


@pytest.fixture
def rubric(tmp_path: Path) -> Path:
    path = tmp_path / "rubric.yaml"
    path.write_text(PLAIN)
    return path


def stage(rubric: Path, run_dir: Path, **options: Any) -> ScoreStage:
    (run_dir / "tmp").mkdir(parents=True, exist_ok=True)
    stage = ScoreStage(ScorePlan(rubric=load_rubric(str(rubric)), run_dir=str(run_dir), **options))
    stage.load()
    return stage


def raw(folder: Path, seed: int, *, flat: bool = False) -> ScoreItem:
    settings = Settings(model="fake", width=64, height=64)
    candidate = Candidate(id=f"c{seed}", request_id="r", seed=seed, settings=settings)
    pixels = np.full((64, 64, 3), 200, np.uint8) if flat else draw(candidate)
    path = folder / f"{candidate.id}.npy"
    np.save(path, pixels)
    return ScoreItem(candidate=candidate, request=Request(id="r", prompt="a disc"), path=str(path))


def test_a_generated_image_is_stored_by_its_hash_before_it_is_scored(
    tmp_path: Path, rubric: Path
) -> None:
    (scored,) = stage(rubric, tmp_path / "run").run([raw(tmp_path, 1)])

    assert scored.image is not None
    stored = tmp_path / "run" / scored.image.path
    assert sha256_of_file(stored) == scored.image.sha256
    assert (scored.image.width, scored.image.height) == (64, 64)
    assert scored.verdict.outcome is Outcome.PASS
    assert scored.phash is not None


def test_what_has_failed_is_not_scored_further_unless_asked(tmp_path: Path, rubric: Path) -> None:
    items = [raw(tmp_path, 1), raw(tmp_path, 2, flat=True)]
    early = stage(rubric, tmp_path / "early").run(items)
    full = stage(rubric, tmp_path / "full", full=True).run(items)

    assert [s.verdict.outcome for s in early] == [s.verdict.outcome for s in full]
    assert len(early[1].measurements) < len(full[1].measurements)
    assert early[0].measurements == full[0].measurements


def test_what_a_retry_follows_from_is_measured_of_everything(tmp_path: Path, rubric: Path) -> None:
    items = [raw(tmp_path, seed, flat=seed % 2 == 0) for seed in range(1, 5)]
    always = frozenset({"sharpness"})
    scored = stage(rubric, tmp_path / "run", always=always).run(items)
    full = stage(rubric, tmp_path / "full", full=True).run(items)

    for one, other in zip(scored, full, strict=True):
        assert ("sharpness" in one.verdict.failed) == ("sharpness" in other.verdict.failed)
        assert any(m.dimension == "sharpness" for m in one.measurements)


def test_of_a_look_only_what_is_asked_for_is_measured(tmp_path: Path, rubric: Path) -> None:
    look = replace(raw(tmp_path, 2, flat=True), in_full=True, only=("sharpness",))

    (scored,) = stage(rubric, tmp_path / "run").run([look])

    assert [m.dimension for m in scored.measurements] == ["sharpness"]
    assert scored.phash is None


def test_a_rule_on_the_file_alone_fails_before_anything_is_measured(
    tmp_path: Path, rubric: Path
) -> None:
    rubric.write_text(PLAIN + "  custom:\n    - {name: large, require: image.shorter >= 512}\n")
    (early,) = stage(rubric, tmp_path / "early").run([raw(tmp_path, 1)])
    (full,) = stage(rubric, tmp_path / "full").run([replace(raw(tmp_path, 1), in_full=True)])

    assert early.measurements == ()
    assert len(full.measurements) == 2
    assert early.verdict.outcome is full.verdict.outcome is Outcome.FAIL


def test_an_image_does_not_depend_on_its_neighbours(tmp_path: Path, rubric: Path) -> None:
    items = [raw(tmp_path, seed) for seed in range(5)]
    scorer = stage(rubric, tmp_path / "run", full=True)

    together = scorer.run(items)
    alone = [scorer.run([item])[0] for item in items]

    assert [s.measurements for s in together] == [s.measurements for s in alone]


def test_a_file_that_is_no_image_is_an_error_and_harms_nobody(tmp_path: Path, rubric: Path) -> None:
    bad = tmp_path / "bad.png"
    bad.write_text("not an image")
    broken = ScoreItem(
        candidate=Candidate(id="x", request_id="x", path=str(bad)),
        request=Request(id="x"),
        path=str(bad),
    )

    scored = stage(rubric, tmp_path / "run").run([broken, raw(tmp_path, 1)])

    assert [s.verdict.outcome for s in scored] == [Outcome.ERROR, Outcome.PASS]
    assert all(m.unscored is Unscored.ERROR for m in scored[0].measurements)
    assert scored[0].verdict.reasons


def test_a_model_that_is_not_here_is_an_outage_not_a_fail(tmp_path: Path, rubric: Path) -> None:
    rubric.write_text(
        f"name: plain\nversion: 1\nmodels: {{clip: {tmp_path / 'nowhere'}}}\n"
        "tiers:\n  generic:\n    artifacts: {min: 0.3}\n    prompt_alignment: {min: 0.3}\n"
    )

    (scored,) = stage(rubric, tmp_path / "run").run([raw(tmp_path, 1)])

    (missing,) = (m for m in scored.measurements if m.dimension == "prompt_alignment")
    assert missing.unscored is Unscored.MODEL_MISSING
    assert scored.verdict.outcome is Outcome.ERROR


def test_only_what_the_rubric_needs_is_loaded(tmp_path: Path, rubric: Path) -> None:
    assert set(stage(rubric, tmp_path / "run")._features) == {"pixels", "hashes"}


def test_last_bits_are_dropped() -> None:
    measured = Measurement(
        dimension="d", score=0.12345678901, metrics={"far": 123.456789012, "count": 3, "word": "x"}
    )

    assert settled(measured).score == 0.1235
    assert dict(settled(measured).metrics) == {"far": 123.46, "count": 3, "word": "x"}


def test_a_batch_of_large_pictures_is_measured_in_parts_with_the_same_result(
    tmp_path: Path, rubric: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = [raw(tmp_path, seed, flat=seed == 3) for seed in range(1, 7)]
    whole = stage(rubric, tmp_path / "whole", full=True).run(items)
    held: list[int] = []
    work_through = ScoreStage._work_through

    def counting(self: ScoreStage, part: Sequence[Any]) -> None:
        work_through(self, part)
        held.append(len(part))
        assert not any("pixels" in work.values for work in part)

    monkeypatch.setattr(ScoreStage, "_work_through", counting)
    monkeypatch.setattr(measuring, "PICTURE_BYTES", 2 * 3 * 64 * 64 + 1)
    parts = stage(rubric, tmp_path / "parts", full=True).run(items)
    monkeypatch.setattr(measuring, "PICTURE_BYTES", 1)
    single = stage(rubric, tmp_path / "single", full=True).run(items)

    assert held == [2, 2, 2, 1, 1, 1, 1, 1, 1]
    for other in (parts, single):
        assert [replace(s, seconds=0.0) for s in other] == [replace(s, seconds=0.0) for s in whole]
