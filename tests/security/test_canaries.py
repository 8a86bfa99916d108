"""Keys, addresses with tokens and what providers say: in no file and on no terminal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.security.canaries import figures, violations

LEAK = """\
import sentinelqa.features.judge_client as client
client._quoted = repr
client._why = str
"""


@pytest.mark.slow
def test_secrets_are_written_nowhere(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    found = figures(tmp_path)
    for name, value in found.items():
        record_property(name, round(value, 1))
    assert found["files"] > 20
    assert violations(found) == [], found


@pytest.mark.full
def test_secrets_are_written_nowhere_by_any_command(tmp_path: Path) -> None:
    found = figures(tmp_path, full=True)
    assert found["commands"] >= 8
    assert violations(found) == [], found


@pytest.mark.full
def test_the_harness_notices_answers_that_are_repeated(tmp_path: Path) -> None:
    assert "files with secrets" in violations(figures(tmp_path, weaken=LEAK))
