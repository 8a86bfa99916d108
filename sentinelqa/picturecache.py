"""What reports showed of pictures before: thumbnails, and what is laid over them.

They lie beside the measurements, in the file of :mod:`sentinelqa.scorecache`, under the sha256 of
the image and a context that names what made them. Any trouble is logged, and everything is made
again.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Self

from sentinelqa.scorecache import CachePlan, connect, today

log = logging.getLogger(__name__)


class PictureCache:
    """The cache as one process uses it, in one thread. A context manager.

    Attributes:
        features: feature -> what its value depends on beside the image; only what can be kept.
    """

    def __init__(self, plan: CachePlan) -> None:
        self.features = dict(plan.features)
        self._db: sqlite3.Connection | None = None
        try:
            self._db = connect(Path(plan.path))
        except (OSError, sqlite3.Error) as error:
            self._give_up(error)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._close()

    def recall(self, context: str, images: Iterable[str]) -> dict[str, bytes]:
        """What is kept of images, by their sha256."""
        found: dict[str, bytes] = {}
        if self._db is None:
            return found
        now = today()
        try:
            for image in images:
                key = (bytes.fromhex(image), bytes.fromhex(context))
                row = self._db.execute(
                    "SELECT content, day FROM picture WHERE image = ? AND context = ?", key
                ).fetchone()
                if row is None:
                    continue
                found[image] = row[0]
                if row[1] < now:
                    self._db.execute(
                        "UPDATE picture SET day = ? WHERE image = ? AND context = ?", (now, *key)
                    )
        except sqlite3.Error as error:
            self._give_up(error)
            return {}
        return found

    def keep(self, context: str, made: Mapping[str, bytes]) -> None:
        """Keep what was made of images, by their sha256."""
        if self._db is None or not made:
            return
        rows = [
            (bytes.fromhex(image), bytes.fromhex(context), today(), content)
            for image, content in made.items()
        ]
        try:
            self._db.execute("BEGIN")
            self._db.executemany("INSERT OR REPLACE INTO picture VALUES (?, ?, ?, ?)", rows)
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        log.warning("the cache of thumbnails is not used: %s", error)
        self._close()

    def _close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None
