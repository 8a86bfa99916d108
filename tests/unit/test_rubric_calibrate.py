"""Calibration on pictures that are ruined on purpose: what it promises against what it keeps."""

from __future__ import annotations

from pathlib import Path

import pytest
from drawn import blurred, noisy, product, save

from sentinelqa.errors import RubricError, UsageError
from sentinelqa.rubric.calibrate import calibrate, read_folders, read_labels, write_back
from sentinelqa.rubric.calibration import staleness
from sentinelqa.rubric.lint import lint
from sentinelqa.rubric.loading import load_rubric, read_layers

RUBRIC = """\
# what we sell is red
name: mine
tiers:
  generic:
    artifacts: {min: 0.1}      # damage
    sharpness: {min: 0.99, review: 0.98}
  use_case:
    colour: {min: 0.5}         # red, by the prompt
calibration: required
"""
PROMPT = "a red box, studio photo"
RUINS = (
    lambda seed: blurred(product(seed), 3.0),
    lambda seed: noisy(product(seed), 30, seed),
    lambda seed: product(seed, "blue"),
)


def pictures(folder: Path, count: int, start: int) -> tuple[Path, Path]:
    for seed in range(start, start + count):
        save(product(seed), folder / "good" / f"{seed}.png")
        save(RUINS[seed % 3](seed), folder / "bad" / f"{seed}.png")
    return folder / "good", folder / "bad"


@pytest.fixture
def rubric(tmp_path: Path) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_text(RUBRIC, encoding="utf-8")
    return path


def test_a_calibrated_rubric_keeps_its_promise_on_other_pictures(
    rubric: Path, tmp_path: Path
) -> None:
    with pytest.raises(RubricError, match="asks for a calibration"):
        load_rubric(rubric)
    labelled = read_folders(*pictures(tmp_path / "fit", 15, 0), prompt=PROMPT)
    fitted = calibrate(rubric, labelled, goal=0.05)
    assert fitted.false_pass.rate <= 0.07
    assert fitted.true_pass.rate >= 0.8
    assert fitted.idle == ()
    assert min(fitted.alone["sharpness"], fitted.alone["colour"]) > 0
    text = write_back(rubric, fitted)
    assert "# what we sell is red" in text
    assert "# damage" in text
    assert "review" not in text.split("calibration:")[0]
    loaded = load_rubric(rubric)
    assert loaded.advice == ()

    from sentinelqa.rubric.trials import score_images

    others = read_folders(*pictures(tmp_path / "held", 6, 1000), prompt=PROMPT)
    outcomes = [one.verdict.outcome for one in score_images(loaded, [*others.good, *others.bad])]
    assert "pass" not in outcomes[6:]
    assert outcomes[:6].count("pass") >= 5


def test_a_changed_threshold_makes_a_calibration_stale(rubric: Path, tmp_path: Path) -> None:
    labelled = read_folders(*pictures(tmp_path, 10, 0), prompt=PROMPT)
    write_back(rubric, calibrate(rubric, labelled, goal=0.1))
    text = rubric.read_text(encoding="utf-8")
    fitted = read_layers(rubric)[0].file.calibration
    assert fitted is not None
    value = fitted.dimensions["sharpness"].min
    head, block = text.split("calibration:")
    changed = f"{head.replace(f'min: {value}', 'min: 0.01')}calibration:{block}"
    rubric.write_text(changed, encoding="utf-8")
    with pytest.raises(RubricError, match="no longer the calibrated"):
        load_rubric(rubric)
    assert any("no longer the calibrated" in p.what and not p.advice for p in lint(rubric))
    rubric.write_text(changed.replace("required: true", "required: false"), encoding="utf-8")
    assert "no longer the calibrated" in load_rubric(rubric).advice[0]
    newer = changed.replace("version: '1'", "version: '0'")
    rubric.write_text(newer, encoding="utf-8")
    assert any("version 0" in what for what in staleness(read_layers(rubric)[0].file))


def test_too_few_pictures_are_refused(rubric: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="too few"):
        calibrate(rubric, read_folders(*pictures(tmp_path, 3, 0)), goal=0.1)


def test_labels_from_a_table(tmp_path: Path) -> None:
    save(product(1), tmp_path / "a.png")
    table = tmp_path / "labels.csv"
    table.write_text(
        "image,label,prompt,references,colour\n"
        "a.png,good,a red box,a.png; a.png,red\na.png,BAD,,,\n",
        encoding="utf-8",
    )
    labelled = read_labels(table)
    request = labelled.good[0][1]
    assert (request.prompt, request.metadata) == ("a red box", {"colour": "red"})
    assert request.references == (str(tmp_path / "a.png"),) * 2
    assert len(labelled.bad) == 1
    table.write_text("image,label\na.png,maybe\n", encoding="utf-8")
    with pytest.raises(UsageError, match="'maybe'") as caught:
        read_labels(table)
    assert caught.value.where == f"{table}:2"
    table.write_text("image,label\nb.png,good\n", encoding="utf-8")
    with pytest.raises(UsageError, match="no image"):
        read_labels(table)
