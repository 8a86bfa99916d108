"""A table that says of existing images what they are meant to show."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from sentinelqa.errors import JobError
from sentinelqa.sources.requests import Row, read_rows, row_references

NAMED = 3
"""Rows that a warning names."""


class ImageTable:
    """The rows of a table by the file name in their column ``image``.

    Raises:
        JobError: no column ``image``, or two rows for one file.
    """

    def __init__(self, path: Path) -> None:
        self._rows: dict[str, Row] = {}
        self._found: set[str] = set()
        self._path = path
        for row in read_rows(path, "image"):
            name = row.values.get("image")
            if not isinstance(name, str) or not name:
                raise JobError("the row names no image", where=row.where, remedy="fill 'image'")
            key = _with_slashes(name)
            if key in self._rows:
                raise JobError(
                    f"the image {name!r} was named before, in {self._rows[key].where}",
                    where=row.where,
                )
            self._rows[key] = row
        self.digest = hashlib.sha256(path.read_bytes()).hexdigest()

    def find(self, path: str) -> Row | None:
        """The row whose ``image`` is the path, or the longest end of it."""
        parts = _with_slashes(path).split("/")
        tails = ("/".join(parts[start:]) for start in range(len(parts)))
        name = next((tail for tail in tails if tail in self._rows), None)
        if name is None:
            return None
        self._found.add(name)
        return self._rows[name]

    def warnings(self) -> Iterator[str]:
        """What is amiss once every image was looked for: rows that match none."""
        idle = [row for key, row in self._rows.items() if key not in self._found]
        if not idle:
            return
        named = [f"{row.values['image']!r} ({Path(row.where).name})" for row in idle[:NAMED]]
        more = f" and {len(idle) - NAMED:,} more" if len(idle) > NAMED else ""
        yield (
            f"{len(idle):,} of {len(self._rows):,} rows of {self._path.name} match no image: "
            f"{', '.join(named)}{more}; 'image' takes a file's name or the end of its path"
        )

    def references(self, row: Row) -> tuple[str, ...]:
        """The reference images that a row names, relative to the table."""
        return row_references(row, self._path.parent)


def _with_slashes(path: str) -> str:
    """A path as it may have been written on another system."""
    return path.replace("\\", "/")
