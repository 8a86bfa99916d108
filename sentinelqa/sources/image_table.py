"""A table that says of existing images what they are meant to show."""

from __future__ import annotations

import hashlib
from pathlib import Path

from sentinelqa.errors import JobError
from sentinelqa.sources.requests import Row, read_rows, row_references


class ImageTable:
    """The rows of a table by the file name in their column ``image``.

    Raises:
        JobError: no column ``image``, or two rows for one file.
    """

    def __init__(self, path: Path) -> None:
        self._rows: dict[str, Row] = {}
        self._folder = path.parent
        for row in read_rows(path, "image"):
            name = row.values.get("image")
            if not isinstance(name, str) or not name:
                raise JobError("the row names no image", where=row.where, remedy="fill 'image'")
            if name in self._rows:
                raise JobError(
                    f"the image {name!r} was named before, in {self._rows[name].where}",
                    where=row.where,
                )
            self._rows[name] = row
        self.digest = hashlib.sha256(path.read_bytes()).hexdigest()

    def find(self, path: str) -> Row | None:
        """The row whose ``image`` is the path, or the longest end of it."""
        parts = path.replace("\\", "/").split("/")
        return next(
            (
                self._rows[tail]
                for start in range(len(parts))
                if (tail := "/".join(parts[start:])) in self._rows
            ),
            None,
        )

    def references(self, row: Row) -> tuple[str, ...]:
        """The reference images that a row names, relative to the table."""
        return row_references(row, self._folder)
