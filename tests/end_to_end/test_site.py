"""The documentation builds into a site that opens from disk and loads nothing from elsewhere."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOADED = re.compile(r"<(?:script|img|link|iframe)\b[^>]*?(?:src|href)=\"?(https?:[^\s\">]+)")


@pytest.mark.slow
def test_the_site_builds_strictly_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    pytest.importorskip("zensical")
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    shutil.copy(ROOT / "mkdocs.yml", tmp_path)

    built = subprocess.run(
        [sys.executable, "-m", "zensical", "build", "--strict"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert built.returncode == 0, built.stdout + built.stderr
    written = sorted((tmp_path / "site").rglob("*.html"))
    assert len(written) > len(list((ROOT / "docs").rglob("*.md")))
    for page in written:
        outside = [
            url
            for url in LOADED.findall(page.read_text(encoding="utf-8"))
            if "canonical" not in url
        ]
        assert outside == [], page
    assert not list((tmp_path / "site").rglob("*.py"))
