"""Rubrics from files: names, metrics, extends, hashes, and what is said of mistakes."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from sentinelqa.errors import RubricError
from sentinelqa.rubric.loading import load_rubric, shipped_rubrics

BASE = """\
name: base
version: 1.10
models: {clip: starter-clip}
tiers:
  generic:
    sharpness: {min: 0.4, review: 0.3}
    artifacts:
      - {min: 0.5}
      - {metric: noise, max: 8, review: 10, severity: review}
  custom:
    - name: large_enough
      require: image.shorter >= 64
      message: The shorter side must have 64 pixels.
    - name: not_noisy
      require: artifacts.noise < 5 || sharpness.score > 0.9
rank: {sharpness: 3, artifacts: 1}
diversity: {min_distance: 0.1}
"""


def write(folder: Path, text: str, name: str = "mine.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def refused(folder: Path, text: str) -> RubricError:
    with pytest.raises(RubricError) as caught:
        load_rubric(write(folder, text))
    return caught.value


def test_a_rubric_is_compiled(tmp_path: Path) -> None:
    rubric = load_rubric(write(tmp_path, BASE))
    assert rubric.version == "1.10"
    assert [c.name for c in rubric.checks] == [
        "sharpness", "artifacts", "artifacts.noise", "large_enough", "not_noisy",
    ]  # fmt: skip
    noise = rubric.thresholds[2]
    assert (noise.high, noise.review_high, noise.unit) == (8, 10, "levels")
    assert rubric.dimensions == ("sharpness", "artifacts")
    assert rubric.rank == {"sharpness": 0.75, "artifacts": 0.25}
    assert rubric.min_distance == 0.1
    assert [rule.name for rule in rubric.rules] == ["large_enough", "not_noisy"]
    assert pickle.loads(pickle.dumps(rubric)).hash == rubric.hash


def test_a_resolved_rubric_reads_back_to_itself(tmp_path: Path) -> None:
    rubric = load_rubric(write(tmp_path, BASE))
    again = load_rubric(write(tmp_path, rubric.resolved, "resolved.yaml"))
    assert again.checks == rubric.checks
    assert again.hash == rubric.hash


def test_the_hash_follows_meaning_and_not_layout(tmp_path: Path) -> None:
    first = load_rubric(write(tmp_path, BASE)).hash
    spaced = BASE.replace("{min: 0.4, review: 0.3}", "{review: 0.30, min: 0.40}  # why")
    assert load_rubric(write(tmp_path, spaced)).hash == first
    assert load_rubric(write(tmp_path, BASE.replace("0.4,", "0.41,"))).hash != first


def test_extending_replaces_removes_and_adds(tmp_path: Path) -> None:
    write(tmp_path, BASE, "base.yaml")
    child = """\
name: child
extends: base.yaml
tiers:
  generic:
    artifacts: null
  use_case:
    resolution: {min: 0.5}
  custom:
    - name: not_noisy
      require: sharpness.score > 0.2
"""
    rubric = load_rubric(write(tmp_path, child))
    assert [c.name for c in rubric.checks] == [
        "sharpness", "resolution", "large_enough", "not_noisy",
    ]  # fmt: skip
    assert rubric.name == "child"
    assert rubric.rank == {"sharpness": 0.75, "artifacts": 0.25}
    assert "extends" not in rubric.resolved


def test_an_error_in_what_is_extended_points_there(tmp_path: Path) -> None:
    base = write(tmp_path, BASE.replace("sharpness: {", "sharpnes: {"), "base.yaml")
    error = refused(tmp_path, "name: child\nextends: base.yaml\n")
    assert error.where == f"{base}:6:5"


def test_a_circle_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "name: a\nextends: b.yaml\n", "a.yaml")
    write(tmp_path, "name: b\nextends: a.yaml\n", "b.yaml")
    with pytest.raises(RubricError, match="in turn"):
        load_rubric(tmp_path / "a.yaml")


@pytest.mark.parametrize(
    ("old", "new", "what", "line", "remedy"),
    [
        ("sharpness: {min", "sharpnes: {min", "unknown dimension 'sharpnes'", 6, "'sharpness'"),
        ("metric: noise", "metric: noice", "artifacts has no metric 'noice'", 9, "'noise'"),
        ("metric: noise", "metric: worst", "artifacts.worst is str", 9, "require"),
        ("image.shorter", "image.shortest", "no value 'shortest'", 12, "'shorter'"),
        ("{min: 0.5}", "{min: 0.5, mim: 1}", "unknown key", 8, "'min'"),
        ("{min: 0.5}", "{min: half}", "expected a number, got 'half'", 8, ""),
        ("{min: 0.5}", "{review: 0.5}", "expected a bound", 8, ""),
        ("{min: 0.5}", "{min: 0.5, between: [0, 1]}", "leave out min", 8, ""),
        ("{min: 0.5}", "{between: [1, 0]}", "above the upper", 8, ""),
        ("{min: 0.5}", "{min: true}", "expected a number, got True", 8, ""),
        ("rank: {sharpness", "rank: {sharp", "rank: unknown dimension 'sharp'", 16, "sharpness"),
        ("clip: starter", "clap: starter", "unknown feature 'clap'", 3, "'clip'"),
        ("name: not_noisy", "name: large_enough", "is taken", 14, ""),
        ("name: not_noisy", "name: sharpness", "is taken", 14, ""),
        (
            "      message: The",
            "      require_seen: a cat\n      message: The",
            "exactly one",
            11,
            "",
        ),
        ("name: base", "name: a/b", "name", 1, ""),
    ],
)
def test_mistakes_have_a_line_and_a_remedy(
    tmp_path: Path, old: str, new: str, what: str, line: int, remedy: str
) -> None:
    assert old in BASE
    error = refused(tmp_path, BASE.replace(old, new, 1))
    assert what in error.what
    assert f":{line}:" in error.where
    assert remedy in error.remedy


def test_an_empty_rubric_is_refused(tmp_path: Path) -> None:
    assert "no threshold and no rule" in refused(tmp_path, "name: empty\n").what


def test_an_unknown_shipped_rubric_is_refused() -> None:
    with pytest.raises(RubricError, match="did you mean 'catalog'"):
        load_rubric("catalogue")


@pytest.mark.parametrize("name", sorted(shipped_rubrics()))
def test_every_shipped_rubric_loads(name: str) -> None:
    rubric = load_rubric(name)
    assert rubric.name == name
    assert rubric.description
    first = shipped_rubrics()[name].read_text(encoding="utf-8").splitlines()[0]
    assert first == "# yaml-language-server: $schema=rubric.schema.json"
