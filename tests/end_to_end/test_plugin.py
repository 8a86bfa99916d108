"""The example plug-in, built and installed as a user would, and the page that explains it."""

from __future__ import annotations

import csv
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
PLUGIN = ROOT / "tests" / "plugin"
RUBRIC = """\
name: golden
version: 1
tiers:
  use_case:
    golden_ratio: {min: 0.95}
  custom:
    - name: landscape
      require: golden_ratio.ratio < 2.0
"""
SCORE = "import sys; from sentinelqa.cli import main; sys.exit(main(sys.argv[1:]))"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the plug-in is installed into, to be put on the path."""
    target = tmp_path_factory.mktemp("site")
    source = shutil.copytree(PLUGIN, target / "source")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
    command += ["--no-build-isolation", "--no-index", "--target", str(target / "site"), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return target / "site"


def run(site: Path, code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(site), str(ROOT)])}
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def test_the_plug_in_is_found_through_its_entry_point(site: Path) -> None:
    code = (
        "from sentinelqa import registry\n"
        "print('golden_ratio' in registry.dimensions)\n"
        "print(registry.dimensions.entry('golden_ratio').summary)"
    )
    assert run(site, code).stdout.splitlines() == ["True", "from sentinelqa-golden-ratio"]


def test_pictures_are_scored_with_it(site: Path, tmp_path: Path) -> None:
    for name, size in (("golden.png", (162, 100)), ("square.png", (100, 100))):
        Image.effect_noise(size, 60).convert("RGB").save(tmp_path / name)
    rubric = tmp_path / "golden.yaml"
    rubric.write_text(RUBRIC, encoding="utf-8")
    out = tmp_path / "run"
    done = run(
        site, SCORE, "score", str(tmp_path), "--rubric", str(rubric), "--out", str(out), "--json"
    )
    assert done.returncode == 1, done.stderr
    with (out / "candidates.csv").open(encoding="utf-8", newline="") as table:
        rows = {Path(row["path"]).name: row for row in csv.DictReader(table)}
    assert {name: row["outcome"] for name, row in rows.items()} == {
        "golden.png": "pass",
        "square.png": "fail",
    }
    assert float(rows["golden.png"]["metric.golden_ratio.ratio"]) == pytest.approx(1.62)


def test_the_page_shows_the_plug_in_as_it_is() -> None:
    page = (ROOT / "docs" / "write-a-scorer.md").read_text(encoding="utf-8")
    shown = re.search(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    source = (PLUGIN / "sentinelqa_golden_ratio" / "__init__.py").read_text(encoding="utf-8")
    assert shown is not None
    assert source.partition('"""\n\n')[2].strip() == shown[1].strip()
    assert 'golden_ratio = "sentinelqa_golden_ratio:GoldenRatio"' in page
    body = source.partition("@dataclass")[2]
    assert sum(bool(line.strip()) for line in body.splitlines()) <= 20
