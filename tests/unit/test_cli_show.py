"""`sentinelqa show` and `sentinelqa report` on a real run."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from sentinelqa.cli.report import report
from sentinelqa.cli.show import show
from sentinelqa.errors import JobError
from tests.report_run import write_run


def test_show_tells_a_request_in_a_hundred_columns(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", requests=4, pictures=False)

    said = CliRunner().invoke(show, [str(run), "mug-000"], catch_exceptions=False).output

    assert said.startswith("mug-000: ")
    assert "of 3 delivered from 12 candidates in 3 rounds" in said.splitlines()[0]
    assert max(len(line) for line in said.splitlines()) <= 100
    assert "is below" in said


def test_show_suggests_a_request_that_there_is(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", requests=2, pictures=False)

    with pytest.raises(JobError, match="did you mean 'mug-001'"):
        CliRunner().invoke(show, [str(run), "mug-01"], catch_exceptions=False)


def test_report_wants_a_run(tmp_path: Path) -> None:
    with pytest.raises(JobError, match="there is no run"):
        CliRunner().invoke(report, [str(tmp_path)], catch_exceptions=False)
