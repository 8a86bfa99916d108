"""SentinelQA: generate, score, select.

>>> import sentinelqa as sq
>>> run = sq.run("job.yaml")                          # doctest: +SKIP
>>> run.candidates, run.requests                      # doctest: +SKIP
>>> sq.score(["a.jpg", "b.jpg"], rubric="headshot")   # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pandas as pd

    from sentinelqa.results import Run

__version__ = "0.1.0"
__all__ = ["load_run", "run", "score"]


def run(job: str | Path, *, out: str | Path | None = None, **options: Any) -> Run:
    """Run a job file, or go on with it. The same engine as ``sentinelqa run``.

    Args:
        out: the run directory; ``runs/<name of the job>`` by default.
        options: those of :func:`sentinelqa.pipeline.run`.

    Raises:
        UsageError: something in the job, its requests, rubric or models that can be mended.
    """
    from sentinelqa.job import load_job
    from sentinelqa.pipeline import run as run_job

    return run_job(load_job(job), out=out, **options)


def score(paths: Sequence[str | Path], rubric: str, **options: Any) -> pd.DataFrame:
    """Score existing images; one row per image with its verdict, reasons, scores and metrics.

    Args:
        paths: images, folders, globs or fsspec URLs.
        rubric: a shipped rubric's name or a path.
        options: those of :func:`sentinelqa.pipeline.score`.
    """
    from sentinelqa.pipeline import score as score_images

    return score_images([str(p) for p in paths], rubric=rubric, **options).candidates


def load_run(path: str | Path) -> Run:
    """Open a finished run directory."""
    from sentinelqa.results import load_run as load

    return load(path)
