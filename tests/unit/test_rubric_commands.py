"""The rubric commands, as people call them; and what-if on a run that was really scored."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from drawn import blurred, product, save

from sentinelqa.cli.rubric import rubric as group
from sentinelqa.rubric.drafts import schema_text
from sentinelqa.rubric.lint import lint
from sentinelqa.rubric.loading import shipped_rubrics
from sentinelqa.rubric.schema import RubricFile
from sentinelqa.rubric.whatif import what_if

RUBRIC = """\
name: mine
tiers:
  generic:
    sharpness: {min: 0.5, review: 0.2}
  custom:
    - name: wide
      require: image.aspect >= 1
      examples: {pass: [sharp.png], fail: [tall.png]}
examples:
  - {image: sharp.png, expect: pass}
  - {image: blurred.png, expect: fail, because: [sharpness]}
"""


def call(*arguments: str | Path, code: int = 0) -> Result:
    result = CliRunner().invoke(group, [str(a) for a in arguments], standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    assert (result.return_value or 0) == code, result.output
    return result


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    save(product(1), tmp_path / "sharp.png")
    save(blurred(product(1), 5), tmp_path / "blurred.png")
    save(product(1).crop((0, 0, 90, 128)), tmp_path / "tall.png")
    path = tmp_path / "mine.yaml"
    path.write_text(RUBRIC, encoding="utf-8")
    return path


def test_examples_come_out_as_expected(mine: Path) -> None:
    assert "4 as expected, 0 surprises" in call("test", mine).output


def test_a_surprise_is_told_with_its_reason(mine: Path) -> None:
    mine.write_text(RUBRIC.replace("min: 0.5", "min: 0.999"), encoding="utf-8")
    found = json.loads(call("test", mine, "--json", code=1).output)
    assert found["surprises"] == 1
    assert found["examples"][0]["surprise"].startswith("expected pass, got review: sharpness 0.9")


def test_the_expected_reason_counts(mine: Path) -> None:
    mine.write_text(RUBRIC.replace("[sharpness]", "[wide]"), encoding="utf-8")
    assert "wide is not among" in call("test", mine, "--json", code=1).output


def test_a_new_rubric_is_sound_and_builds_on_a_shipped_one(tmp_path: Path) -> None:
    call("new", "plain", "--in", tmp_path)
    call("new", "ours", "--from", "marketplace", "--in", tmp_path)
    call("lint", tmp_path / "plain.yaml", tmp_path / "ours.yaml")
    assert (tmp_path / "rubric.schema.json").is_file()
    assert "extends" not in call("explain", tmp_path / "ours.yaml", "--resolved").output
    with pytest.raises(Exception, match="is there already"):
        call("new", "plain", "--in", tmp_path)


def test_the_shipped_schema_is_current() -> None:
    path = shipped_rubrics()["smoke"].parent / "rubric.schema.json"
    assert path.read_text(encoding="utf-8") == schema_text()
    assert call("schema").output == schema_text()


def test_every_key_of_the_schema_is_described_in_the_reference() -> None:
    text = (Path(__file__).parents[2] / "docs/rubrics/README.md").read_text(encoding="utf-8")
    for name in RubricFile.model_fields:
        assert f"`{name}" in text, name


@pytest.mark.parametrize("name", sorted(shipped_rubrics()))
def test_shipped_rubrics_are_explained_and_without_errors(name: str) -> None:
    shown = call("explain", name).output
    assert shown.startswith(name)
    assert "Costs roughly" in shown
    assert [p for p in lint(name) if not p.advice] == []
    page = Path(__file__).parents[2] / f"docs/rubrics/{name}.md"
    assert page.read_text(encoding="utf-8").startswith(f"# {name}")


ADVICE = {
    "sharpness: {min: 1.2}": ("sharpness can never pass", False, 4),
    "sharpness: {min: 0}": ("can never fail", True, 4),
    "sharpness: {min: 0.5, review: 0.6}": ("review band of sharpness is empty", True, 4),
    "artifacts: {metric: noise, max: 300}": ("can never fail", True, 4),
    "artifacts: {metric: noise, max: -1}": ("can never pass", False, 4),
}


@pytest.mark.parametrize("line", ADVICE)
def test_lint_knows_thresholds_that_do_nothing(line: str, tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(f"name: r\ntiers:\n  generic:\n    {line}\n", encoding="utf-8")
    what, advice, number = ADVICE[line]
    found = next(p for p in lint(path) if what in p.what)
    assert found.advice is advice
    assert f":{number}:" in found.where


@pytest.mark.parametrize(
    ("rule", "what", "advice"),
    [
        ("sharpness.score >= 0", "can never fail", True),
        ("sharpness.score > 1", "can never pass", False),
        ("abs(sharpness.score - 2) < 0.5", "can never pass", False),
        ("1 > 0", "can never fail", True),
        ("sharpness.score < 0.5 || true", "can never fail", True),
    ],
)
def test_lint_knows_rules_that_do_nothing(
    rule: str, what: str, advice: bool, tmp_path: Path
) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(
        f"name: r\ntiers:\n  custom:\n    - name: x\n      require: {rule}\n", encoding="utf-8"
    )
    found = next(p for p in lint(path) if what in p.what)
    assert found.advice is advice
    assert f"{path}:5:7" == found.where


def test_lint_compares_with_the_requests(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(
        "name: r\ntiers:\n  use_case:\n    duplicate: {min: 0.5}\n  custom:\n"
        "    - {name: x, require: request.size > 3}\n",
        encoding="utf-8",
    )
    requests = tmp_path / "requests.csv"
    requests.write_text("id,prompt,colour\na,a mug,red\n", encoding="utf-8")
    output = call("lint", path, "--requests", requests, "--json", code=2).output
    problems = [p["what"] for p in json.loads(output)["problems"]]
    assert any("duplicate needs a reference; 1 of 1" in what for what in problems)
    assert any("needs the column 'size'" in what for what in problems)


def test_what_if_on_a_scored_folder(mine: Path, tmp_path: Path) -> None:
    from sentinelqa.pipeline.score import score

    out = tmp_path / "run"
    images = [str(tmp_path / n) for n in ("sharp.png", "blurred.png", "tall.png")]
    score(images, rubric=str(mine), out=out, engine="inline", full=True)
    stricter = tmp_path / "stricter.yaml"
    stricter.write_text(RUBRIC.replace("min: 0.5", "min: 0.999"), encoding="utf-8")
    same = what_if(out, mine)
    assert len(same.flips) == 0
    assert same.before == same.after
    changed = what_if(out, stricter)
    assert changed.before.outcomes == {"pass": 1, "fail": 2}
    assert changed.after.outcomes == {"review": 1, "fail": 2}
    assert changed.because == {"sharpness": 1}
    assert changed.flips.because[0].startswith("sharpness 0.9")
    shown = call("whatif", out, "--rubric", stricter, "--flips", tmp_path / "flips.csv").output
    assert "1 of 3 candidates flip" in shown
    assert (tmp_path / "flips.csv").read_text(encoding="utf-8").count("\n") == 2
    by_request = tmp_path / "by_request.yaml"
    by_request.write_text(
        "name: r\ntiers:\n  custom:\n    - {name: r, require: 'request.id != \"x\"'}\n",
        encoding="utf-8",
    )
    assert what_if(out, by_request).after.outcomes == {"pass": 3}


def test_calibration_is_written_from_the_command_line(mine: Path, tmp_path: Path) -> None:
    for seed in range(10):
        save(product(seed), tmp_path / "good" / f"{seed}.png")
        save(blurred(product(seed), 4), tmp_path / "bad" / f"{seed}.png")
    given = ("--good", tmp_path / "good", "--bad", tmp_path / "bad")
    assert "nothing was written" in call("calibrate", mine, *given).output
    assert mine.read_text(encoding="utf-8") == RUBRIC
    call("calibrate", mine, *given, "--write", "--json")
    assert "calibration:" in mine.read_text(encoding="utf-8")
    with pytest.raises(Exception, match="shipped rubric"):
        call("calibrate", "smoke", *given, "--write")
