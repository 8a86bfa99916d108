"""How long the pixels of rejects stay: the job's ``keep``."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

from sentinelqa import images
from sentinelqa.files import storing, write_atomically
from sentinelqa.ledger import Ledger
from sentinelqa.rundir import RunDir

THUMBNAIL = 256
"""Longer side of the thumbnail that stays of a reject, in pixels."""


def drop_old(run: RunDir, ledger: Ledger, days: int) -> None:
    """Drop rejects' pixels whose file is older than ``days``."""
    oldest = time.time() - days * 86_400
    drop(
        run,
        (
            (candidate, path)
            for candidate, path in ledger.disposable_images(None)
            if (run.path / path).is_file() and (run.path / path).stat().st_mtime < oldest
        ),
    )


def thumbnail_path(run: RunDir, candidate_id: str) -> Path:
    """Where a dropped reject's thumbnail lies."""
    return run.thumbnails / candidate_id[:2] / f"{candidate_id}.webp"


def drop(run: RunDir, rejects: Iterable[tuple[str, str]]) -> None:
    """Replace the pixels of rejects, (candidate id, path), by thumbnails.

    What makes a reject again (seed, prompt, settings, model) stays in the ledger.

    Raises:
        StorageError: the disk is full or failing.
    """
    for candidate_id, path in rejects:
        full = run.path / path
        if not full.is_file():
            continue
        with storing():
            small = images.thumbnail(images.read(full), THUMBNAIL)
            write_atomically(thumbnail_path(run, candidate_id), small)
            full.unlink()
