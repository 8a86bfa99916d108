"""One warm server of runs, and what an undisturbed run delivers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from harness import Runs, can_trace, outcome, write_job


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    if why := can_trace():
        pytest.skip(why)
    folder = tmp_path_factory.mktemp("reliability")
    with Runs(write_job(folder), folder) as server:
        yield server


@pytest.fixture(scope="session")
def undisturbed(runs: Runs) -> dict[str, Any]:
    out = runs.folder / "undisturbed"
    assert runs.run(out).code == 0
    found = outcome(out)
    assert len(found) > 4, "the job must deliver something"
    return found


def pytest_report_header() -> str:
    return f"reliability: {can_trace() or 'strace works'}, {os.cpu_count()} cores"
