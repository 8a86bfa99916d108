"""A run in parts: whole requests that stand together, so that no table is held as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import NamedTuple

import pyarrow as pa

from sentinelqa.arrow import open_parquet
from sentinelqa.errors import JobError
from sentinelqa.rubric.stored import AT_ONCE, read_rows, row_group_starts
from sentinelqa.rundir import RunDir

ALONE = 5000
"""Candidates up to which a report is one page."""
PAGE = 2500
"""Candidates on one page of a larger report; a request is never split."""


class Span(NamedTuple):
    """Some requests that stand together, and their candidates: rows of both tables, from the first
    up to the last, which is not one of them any more."""

    first: int
    last: int
    first_request: int
    last_request: int


class Requests:
    """The requests table of a run, read in small pieces.

    Raises:
        JobError: there is none.
    """

    def __init__(self, run: RunDir) -> None:
        self._run = run
        path = run.table("requests").with_suffix(".parquet")
        if not path.is_file():
            raise torn(run)
        self._file = open_parquet(path)
        self._starts = row_group_starts(self._file)
        self.count = int(self._file.metadata.num_rows)

    def rows(self, first: int, last: int) -> pa.Table:
        """Rows of the requests table, from ``first`` up to ``last``."""
        names = self._file.schema_arrow.names
        return read_rows(self._file, self._starts, first, last - first, names)

    def pieces(self, *columns: str) -> Iterator[pa.RecordBatch]:
        """Columns of the whole requests table, piece by piece."""
        yield from self._file.iter_batches(AT_ONCE, columns=columns, use_threads=False)

    def place_of(self, request: str) -> int | None:
        """The row of a request; ``None`` where there is none with this id."""
        known = ids(piece.column(0) for piece in self.pieces("request_id"))
        return next((row for row, key in enumerate(known) if key == request), None)

    def spans(self, keys: Iterable[str], most: int) -> list[Span]:
        """Whole requests with together at most ``most`` candidates, unless one has more.

        Args:
            keys: of each candidate in the order of its table, the id of its request.

        Raises:
            JobError: the tables do not belong together.
        """
        found: list[Span] = []
        start, last, first_request, position = 0, 0, 0, -1
        wishes = enumerate(ids(piece.column(0) for piece in self.pieces("request_id")))
        for key, rows in groupby(keys):
            size = sum(1 for _ in rows)
            before = position
            position = next((at for at, known in wishes if known == key), -1)
            if position < 0:
                raise torn(self._run)
            if last + size - start > most and last > start:
                found.append(Span(start, last, first_request, before + 1))
                start, first_request = last, before + 1
            last += size
        return [*found, Span(start, last, first_request, self.count)]


def is_large(rows: int) -> bool:
    """Whether the report of so many candidates has several pages, and its pictures beside it."""
    return rows > ALONE


def torn(run: RunDir) -> JobError:
    """The two tables are not of one moment, or somebody changed the order of one."""
    return JobError(
        "the tables of candidates and of requests do not belong together",
        where=str(run.path),
        remedy=f"sentinelqa report {run.path} makes them again from the ledger",
    )


def ids(pieces: Iterable[pa.Array]) -> Iterator[str]:
    """The ids in a column that is read piece by piece."""
    for piece in pieces:
        yield from map(str, piece.to_pylist())
