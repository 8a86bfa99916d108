"""``sentinelqa report`` on real runs: again, compared, sampled; and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from sentinelqa.cli.report import report
from sentinelqa.errors import JobError, UsageError
from sentinelqa.job import load_job
from sentinelqa.pipeline import run as run_job

pytestmark = pytest.mark.slow


def _invoke(*arguments: object) -> list[str]:
    done = CliRunner().invoke(report, [str(a) for a in arguments], catch_exceptions=False)
    assert done.exit_code == 0
    return done.output.splitlines()


def test_a_run_is_reported_again_compared_and_sampled(folder: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    run_job(load_job(folder / "job.yaml"), out=first)
    job = (folder / "job.yaml").read_text()
    (folder / "job.yaml").write_text(job.replace("seed: 11", "seed: 12"))
    run_job(load_job(folder / "job.yaml"), out=second)
    before = (first / "report.html").read_bytes()

    assert _invoke(first) == [str(first / "report.html")]
    assert (first / "report.html").read_bytes() == before

    assert _invoke(first, second) == [str(second / "comparison.html")]
    compared = (second / "comparison.html").read_text(encoding="utf-8")
    assert "<bdi>seed</bdi></th><td><bdi>11</bdi></td><td><bdi>12</bdi>" in compared
    assert _invoke(first, second, "--out", tmp_path / "x.html") == [str(tmp_path / "x.html")]

    assert _invoke(first, "--sample", 8) == [str(first / "labelling.html")]
    assert "Would you ship this picture?" in (first / "labelling.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "what"),
    [(["a", "--out", "b.html"], "comparison"), (["a", "b", "--sample", "5"], "one run")],
)
def test_options_that_do_not_go_together_are_refused(arguments: list[str], what: str) -> None:
    with pytest.raises(UsageError, match=what) as refused:
        _invoke(*arguments)
    assert refused.value.remedy


def test_a_second_run_must_be_there(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(JobError, match="there is no run"):
        _invoke(tmp_path / "none", tmp_path / "neither")
