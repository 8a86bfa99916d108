"""The stored measurements of a run, as columns: from ``candidates.parquet`` and the ledger."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from copy import copy
from functools import cached_property
from itertools import accumulate, groupby
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from sentinelqa.arrow import array_of, open_parquet, values_of
from sentinelqa.decide import ImageFacts, request_value
from sentinelqa.errors import JobError
from sentinelqa.files import read_json
from sentinelqa.ledger.connection import connect_reader, mapped_errors
from sentinelqa.ledger.rows import request_of
from sentinelqa.rundir import RunDir
from sentinelqa.types import Measurement, Metric, Request, Unscored

Bools = NDArray[np.bool_]

AT_ONCE = 4096
"""Rows of one column that are read together where a whole table is looked through."""

_REQUESTS = """
    SELECT id, payload, wanted FROM request WHERE position BETWEEN
    (SELECT position FROM request WHERE id = ?) AND (SELECT position FROM request WHERE id = ?)
"""
"""Those of some rows that stand together; the table and the ledger have one order."""


class StoredRun:
    """A run's candidates, in the order of their table. See
    :class:`sentinelqa.rubric.columns.Columns`.

    Raises:
        JobError: no tables there.
    """

    def __init__(self, path: Path) -> None:
        self._run = RunDir(path)
        parquet = self._run.table("candidates").with_suffix(".parquet")
        if not parquet.is_file():
            raise JobError(
                f"{str(path)!r} holds no {parquet.name}",
                remedy=f"sentinelqa report {path} makes the tables again from the ledger",
            )
        try:
            self._file = open_parquet(parquet)
        except pa.ArrowInvalid as error:
            raise JobError(f"not a parquet file: {error}", where=str(parquet)) from error
        self.names = frozenset(self._file.schema_arrow.names)
        self.rows = int(self._file.metadata.num_rows)
        self._first = 0
        self._starts = row_group_starts(self._file)
        self._cache: dict[str, NDArray[Any]] = {}

    def part(self, first: int, last: int) -> StoredRun:
        """The same run, seen through the rows from ``first`` up to ``last``."""
        found = copy(self)
        found._first, found.rows, found._cache = self._first + first, last - first, {}
        for name in ("requests", "hashes"):
            found.__dict__.pop(name, None)
        return found

    def arrow(self, name: str) -> pa.ChunkedArray:
        """A column of the table as it is stored."""
        return read_rows(self._file, self._starts, self._first, self.rows, [name]).column(name)

    def take(self, rows: Sequence[int], names: Sequence[str]) -> list[dict[str, Any]]:
        """Some columns of some rows of the whole table, in the order in which they are given."""
        found: dict[int, dict[str, Any]] = {}
        for group, some in groupby(sorted(set(rows)), lambda r: bisect_right(self._starts, r) - 1):
            own = list(some)
            table = self._file.read_row_group(group, columns=list(names), use_threads=False)
            places = array_of([row - self._starts[group] for row in own], pa.int64())
            found |= zip(own, table.take(places).to_pylist(), strict=True)
        return [found[row] for row in rows]

    def values_of(self, dimension: str, metric: str) -> Iterator[NDArray[Any]]:
        """A score or metric of the whole table, piece by piece; nothing where there is none."""
        name = _column_name(dimension, metric)
        if name in self.names:
            yield from map(values_of, self.stream(name))

    def stream(self, name: str) -> Iterator[pa.Array]:
        """A column of the whole table, piece by piece."""
        for piece in self._file.iter_batches(AT_ONCE, columns=[name], use_threads=False):
            yield piece.column(0)

    def column(self, name: str) -> NDArray[Any]:
        """A column of the table; numbers with NaN, texts as objects with ``None``."""
        if name not in self._cache:
            self._cache[name] = values_of(self.arrow(name))
        return self._cache[name]

    def value(self, dimension: str, metric: str) -> NDArray[Any]:
        name = _column_name(dimension, metric)
        if name not in self.names:
            return self._cache.setdefault(name, np.full(self.rows, np.nan))
        return self.column(name)

    def measured(self, dimension: str) -> Bools:
        scored = ~np.isnan(np.asarray(self.value(dimension, ""), np.float64))
        return np.asarray(scored | _there(self._unscored(dimension)), bool)

    def outage(self, dimension: str) -> Bools:
        why = self._unscored(dimension)
        outages = [reason for reason in Unscored if reason.is_outage]
        return np.asarray(np.logical_or.reduce([why == reason.value for reason in outages]), bool)

    def image(self, name: str) -> NDArray[np.float64]:
        width, height = self.column("width"), self.column("height")
        facts = {
            "width": width,
            "height": height,
            "shorter": np.minimum(width, height),
            "longer": np.maximum(width, height),
            "aspect": width / np.where(height == 0, np.nan, height),
            "megapixels": width * height / 1e6,
        }
        return np.asarray(facts[name], np.float64)

    def request(self, name: str) -> Sequence[Any]:
        values = {key: request_value(r, name) for key, r in self.requests.items()}
        return [values.get(key) for key in self.column("request_id")]

    @cached_property
    def requests(self) -> dict[str, Request]:
        """The requests of these rows by id, from the ledger."""
        if not self.rows:
            return {}
        ids = self.arrow("request_id")
        with mapped_errors():
            db = connect_reader(self._run.ledger)
            try:
                found = db.execute(_REQUESTS, (str(ids[0]), str(ids[-1]))).fetchall()
            finally:
                db.close()
        return {key: request_of(key, payload, wanted) for key, payload, wanted in found}

    @cached_property
    def hashes(self) -> NDArray[Any]:
        """64-bit perceptual hashes per row, ``None`` where there is none."""
        with mapped_errors():
            db = connect_reader(self._run.ledger)
            try:
                found = db.execute("SELECT id, phash FROM candidate").fetchall()
            finally:
                db.close()
        mask = (1 << 64) - 1
        known = {key: value & mask for key, value in found if value is not None}
        return np.array([known.get(key) for key in self.column("candidate_id")], object)

    @cached_property
    def wanted(self) -> dict[str, int]:
        """How many images each request wants."""
        path = self._run.table("requests").with_suffix(".parquet")
        table = pq.read_table(path, columns=["request_id", "wanted"])
        keys, numbers = table.column(0).to_pylist(), table.column(1).to_pylist()
        return dict(zip(keys, numbers, strict=True))

    @property
    def has_ledger(self) -> bool:
        return self._run.ledger.is_file()

    @cached_property
    def currency(self) -> str:
        """What costs are counted in."""
        facts = read_json(self._run.facts) or {}
        return str(facts.get("currency", "device-seconds"))

    def measurements(self, row: int, dimensions: Sequence[str]) -> dict[str, Measurement]:
        """The measurements of one row again, for its reasons. Notes are not in the table."""
        found: dict[str, Measurement] = {}
        for name in dimensions:
            why = self._unscored(name)[row]
            score = float(self.value(name, "")[row])
            if why is None and np.isnan(score):
                continue
            metrics = self._metrics(row, name)
            found[name] = (
                Measurement(dimension=name, score=score, metrics=metrics)
                if why is None
                else Measurement.without_score(
                    name, Unscored(why), str(why).replace("_", " "), metrics=metrics
                )
            )
        return found

    def _metrics(self, row: int, dimension: str) -> dict[str, Metric]:
        metrics: dict[str, Metric] = {}
        for name, column, is_bool in self._declared.get(dimension, ()):
            value = self.column(column)[row]
            if value is None or (isinstance(value, float) and np.isnan(value)):
                continue
            metrics[name] = bool(value) if is_bool else value
        return metrics

    @cached_property
    def _declared(self) -> dict[str, list[tuple[str, str, bool]]]:
        """Dimension -> its metrics: name, column, whether they are true or false."""
        declared: dict[str, list[tuple[str, str, bool]]] = {}
        for field in self._file.schema_arrow:
            if field.name.startswith("metric."):
                dimension, _, metric = field.name.removeprefix("metric.").rpartition(".")
                is_bool = bool(pa.types.is_boolean(field.type))
                declared.setdefault(dimension, []).append((metric, field.name, is_bool))
        return declared

    def facts(self, row: int) -> ImageFacts:
        """What is known of one row's image file."""
        width, height = self.column("width")[row], self.column("height")[row]
        return ImageFacts() if np.isnan(height) else ImageFacts(int(width), int(height))

    def _unscored(self, dimension: str) -> NDArray[Any]:
        name = f"unscored.{dimension}"
        if name not in self.names:
            return self._cache.setdefault(name, np.full(self.rows, None, object))
        return self.column(name)


def _column_name(dimension: str, metric: str) -> str:
    return f"metric.{dimension}.{metric}" if metric else f"score.{dimension}"


def _there(values: NDArray[Any]) -> Bools:
    """Where there is a value; a column that is empty throughout may be stored as numbers."""
    if values.dtype == object:
        return np.array([value is not None for value in values.tolist()], bool)
    return np.asarray(~np.isnan(values), bool)


def row_group_starts(file: pq.ParquetFile) -> list[int]:
    """The first row of each row group, and the number of rows."""
    metadata = file.metadata
    sizes = (metadata.row_group(n).num_rows for n in range(metadata.num_row_groups))
    return list(accumulate(sizes, initial=0))


def read_rows(
    file: pq.ParquetFile, starts: Sequence[int], first: int, count: int, columns: Sequence[str]
) -> pa.Table:
    """``count`` rows from ``first``, without more of the file than the row groups they lie in."""
    group = max(0, bisect_right(starts, first) - 1)
    groups = range(group, bisect_left(starts, first + count))
    found = file.read_row_groups(list(groups), columns=list(columns), use_threads=False)
    return found.slice(first - starts[group], count)
