"""A small job that runs in seconds: the fake generator, real scorers that need no model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser import started

RUBRIC = """\
name: plain
version: 1
tiers:
  generic:
    artifacts: {min: 0.3}
    sharpness: {min: 0.955}
rank: {sharpness: 1}
"""

JOB = """\
name: plain
requests: requests.csv
prompt: "a {colour} disc"
generator: {model: fake, width: 64, height: 64, steps: 4}
rubric: rubric.yaml
deliver: 2
candidates: {first: 4, max: 16, batch: 4}
retry: {rounds: 3}
seed: 11
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a job of six requests."""
    (tmp_path / "rubric.yaml").write_text(RUBRIC)
    (tmp_path / "job.yaml").write_text(JOB)
    rows = [f"disc-{i},{colour}" for i, colour in enumerate(("red", "blue", "green") * 2)]
    (tmp_path / "requests.csv").write_text("\n".join(["id,colour", *rows]) + "\n")
    return tmp_path


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium, for the tests of one module."""
    yield from started()
