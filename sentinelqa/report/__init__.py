"""The report of a run: a data pass makes plain values, a render pass writes HTML."""

from __future__ import annotations

from pathlib import Path


def write_report(run_dir: Path) -> Path:
    """Write ``report.html`` from a run's tables and ledger, with further pages for large runs.

    Returns:
        The first page.

    Raises:
        JobError: the run has no tables.
        RubricError: the run's rubric cannot be read.
    """
    from sentinelqa.report.building import build_report
    from sentinelqa.report.pages import write_pages

    return write_pages(run_dir, build_report(run_dir))
