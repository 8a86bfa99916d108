"""The report of a run: a data pass makes plain values, a render pass writes HTML."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sentinelqa.scorecache import CachePlan


def write_report(run_dir: Path, *, cache: CachePlan | None = None) -> Path:
    """Write ``report.html`` from a run's tables and ledger, with further pages for large runs.

    Args:
        cache: where thumbnails and overlays of existing images are kept; ``None`` makes them.

    Returns:
        The first page.

    Raises:
        JobError: the run has no tables.
        RubricError: the run's rubric cannot be read.
    """
    from sentinelqa.picturecache import PictureCache
    from sentinelqa.report.building import build_report
    from sentinelqa.report.pages import write_pages

    with ExitStack() as stack:
        known = stack.enter_context(PictureCache(cache)) if cache is not None else None
        return write_pages(run_dir, build_report(run_dir, known))


def write_comparison(first: Path, second: Path, out: Path | None = None) -> Path:
    """Write one page that compares two runs, its pictures inside.

    Args:
        out: by default ``comparison.html`` in the second run's directory.

    Returns:
        The page.

    Raises:
        JobError: a run has no tables, or the two cannot be compared.
        RubricError: a rubric cannot be read, or the two have no check in common.
    """
    from sentinelqa.files import write_atomically
    from sentinelqa.report.comparing import compare
    from sentinelqa.report.render import render_comparison

    path = out if out is not None else second / "comparison.html"
    write_atomically(path, render_comparison(compare(first, second, path.parent)))
    return path


def write_labelling_sheet(run_dir: Path, size: int) -> Path:
    """Write ``labelling.html``: a sample of the run for people to label.

    Returns:
        The page.

    Raises:
        JobError: the run has no tables, or nothing that can be labelled.
    """
    from sentinelqa.files import write_atomically
    from sentinelqa.report.labelling import labelling_sheet
    from sentinelqa.report.render import render_sheet

    path = run_dir / "labelling.html"
    write_atomically(path, render_sheet(labelling_sheet(run_dir, size)))
    return path
