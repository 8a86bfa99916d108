from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from photographs import blurred, photograph, spoilt_jpeg
from PIL import Image

from sentinelqa.cli.explain import explain

RUBRIC = """\
name: plain
version: 1
tiers:
  generic:
    artifacts: {min: 0.5}
    sharpness: {min: 0.6}
  use_case:
    framing: {min: 0.1}
"""


@pytest.fixture
def rubric(tmp_path: Path) -> str:
    path = tmp_path / "plain.yaml"
    path.write_text(RUBRIC, encoding="utf-8")
    return str(path)


def test_measurements_checks_and_picture(tmp_path: Path, rubric: str) -> None:
    image, target = tmp_path / "cup.png", tmp_path / "a new folder" / "seen.png"
    Image.fromarray(blurred(photograph("coffee"), 4)).save(image)
    arguments = [str(image), "--rubric", rubric, "--overlay", str(target)]
    done = CliRunner().invoke(explain, arguments, standalone_mode=False)
    assert done.return_value == 1
    assert "sharpness" in done.output
    assert "is below 0.6" in done.output
    assert str(target) in done.output
    with Image.open(target) as picture:
        assert picture.width > 1200


def test_json_holds_every_metric(tmp_path: Path, rubric: str) -> None:
    image = tmp_path / "cup.png"
    Image.fromarray(photograph("coffee")).save(image)
    arguments = [str(image), "--rubric", rubric, "--json", "--overlay", str(tmp_path / "o.png")]
    found = json.loads(CliRunner().invoke(explain, arguments, standalone_mode=False).output)
    assert found["measurements"]["sharpness"]["metrics"]["reblur"] > 0.4
    assert found["measurements"]["framing"]["unscored"] == "undecidable"


def no_image(path: Path) -> None:
    path.write_bytes(b"\x89PNG\r\n")


@pytest.mark.parametrize(("write", "why"), [(no_image, "not_an_image"), (spoilt_jpeg, "damaged")])
def test_an_image_that_cannot_be_read_is_an_error_with_its_reason(
    write: Callable[[Path], object], why: str, tmp_path: Path, rubric: str
) -> None:
    image = tmp_path / "cup.png"
    write(image)
    arguments = [str(image), "--rubric", rubric, "--json", "--overlay", str(tmp_path / "o.png")]
    found = json.loads(CliRunner().invoke(explain, arguments, standalone_mode=False).output)
    assert (found["outcome"], found["overlay"]) == ("error", None)
    assert why in found["measurements"]["sharpness"]["note"]
    assert not (tmp_path / "o.png").exists()
