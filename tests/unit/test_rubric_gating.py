"""A calibration that is required and stale stops judging, and never looking back."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from drawn import blurred, product, save

import sentinelqa as sq
from sentinelqa import registry
from sentinelqa.cli.rubric import rubric as group
from sentinelqa.errors import RubricError
from sentinelqa.pipeline.finish import rebuild_tables
from sentinelqa.report import write_report
from sentinelqa.results import Run
from sentinelqa.rubric.lint import lint
from sentinelqa.rubric.loading import load_rubric

RUBRIC = """\
name: mine
tiers:
  generic:
    sharpness: {{min: 0.5}}
calibration:
  required: true
  dimensions:
    sharpness: {{version: '{version}', min: 0.5, auc: 0.9}}
"""
CLIP = """\
name: base
models: {clip: starter-clip}
tiers:
  generic:
    prompt_alignment: {min: 0.3}
"""


@pytest.fixture
def rubric(tmp_path: Path) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_text(RUBRIC.format(version=registry.dimensions.load("sharpness")().version))
    return path


def outdated(path: Path) -> None:
    """As if the measure had changed since the rubric was calibrated."""
    current = registry.dimensions.load("sharpness")().version
    text = path.read_text(encoding="utf-8")
    assert f"version: '{current}'" in text
    path.write_text(text.replace(f"version: '{current}'", "version: '0'"), encoding="utf-8")


@pytest.fixture
def run(rubric: Path, tmp_path: Path) -> Run:
    save(product(1), tmp_path / "photos/sharp.png")
    save(blurred(product(1), 5), tmp_path / "photos/blurred.png")
    sq.score(
        [tmp_path / "photos"], rubric=str(rubric), out=tmp_path / "run", engine="inline", full=True
    )
    outdated(tmp_path / "run" / "rubric.yaml")
    outdated(rubric)
    return sq.load_run(tmp_path / "run")


def test_it_refuses_to_judge(rubric: Path, tmp_path: Path) -> None:
    outdated(rubric)
    save(product(1), tmp_path / "photos/sharp.png")

    with pytest.raises(RubricError, match="calibrated on version 0"):
        sq.score([tmp_path / "photos"], rubric=str(rubric), out=tmp_path / "run", engine="inline")


def test_a_finished_run_is_still_read(run: Run, rubric: Path) -> None:
    run.report.unlink()

    rebuild_tables(run.path)
    write_report(run.path)

    assert run.report.is_file()
    assert sorted(run.candidates["outcome"]) == ["fail", "pass"]
    assert run.what_if(str(rubric)).flips.empty


def test_the_rubric_can_be_explained_and_says_that_it_is_stale(rubric: Path) -> None:
    outdated(rubric)

    said = CliRunner().invoke(group, ["explain", str(rubric)], standalone_mode=False)

    assert "Note: sharpness was calibrated on version 0" in said.output
    assert load_rubric(rubric, gate=False).advice


def test_explain_says_where_its_cost_comes_from(rubric: Path) -> None:
    def cost(*options: str) -> str:
        done = CliRunner().invoke(group, ["explain", str(rubric), *options], standalone_mode=False)
        return " ".join(done.output.partition("Costs ")[2].split())

    assert cost().startswith("roughly ")
    assert "an estimate from another machine" in cost()
    assert "measured on this machine" in cost("--measure")


@pytest.mark.parametrize(
    ("top", "advised"),
    [
        ("{}", False),
        ("models: {clip: starter-clip}", False),
        ("models: {clip: clip-vit-b-32}", True),
        (
            "models: {clip: clip-vit-b-32}\ntiers: {generic: {prompt_alignment: {min: 0.2}}}",
            True,
        ),
        (
            "models: {clip: clip-vit-b-32}\ntiers: {generic: {prompt_alignment: {min: 0.2}}}\n"
            "calibration: {weights: {clip-vit-b-32: abc}}",
            False,
        ),
        ("tiers: {generic: {prompt_alignment: null, sharpness: {min: 0.2}}}", False),
    ],
)
def test_lint_knows_thresholds_that_belong_to_another_model(
    top: str, advised: bool, tmp_path: Path
) -> None:
    (tmp_path / "base.yaml").write_text(CLIP)
    path = tmp_path / "mine.yaml"
    path.write_text(f"name: mine\nextends: base.yaml\n{'' if top == '{}' else top}\n")

    found = [problem for problem in lint(path) if "was not calibrated for" in problem.what]

    assert [problem.advice for problem in found] == [True] * advised
    for problem in found:
        assert "prompt_alignment" in problem.what
        assert "sentinelqa rubric calibrate" in problem.remedy


def test_an_unpinned_model_is_named_only_by_a_rubric_that_accepts_it(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    text = "name: mine\nextends: headshot\nmodels: {face_embedding: auraface}\n"
    path.write_text(text)
    before = load_rubric(path)
    assert any("'auraface' is unpinned" in problem.what for problem in lint(path))
    path.write_text(text + "allow_unpinned: true\n")
    assert not any("unpinned" in problem.what for problem in lint(path))
    assert load_rubric(path).allow_unpinned
    assert load_rubric(path).hash == before.hash
