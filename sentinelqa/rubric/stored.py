"""The stored measurements of a run, as columns: from ``candidates.parquet`` and the ledger."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from sentinelqa.decide import ImageFacts, request_value
from sentinelqa.errors import JobError
from sentinelqa.ledger.connection import connect_reader, mapped_errors
from sentinelqa.ledger.rows import request_of
from sentinelqa.rundir import RunDir
from sentinelqa.types import Measurement, Metric, Request, Unscored

Bools = NDArray[np.bool_]


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
            self._file = pq.ParquetFile(parquet)
        except pa.ArrowInvalid as error:
            raise JobError(f"not a parquet file: {error}", where=str(parquet)) from error
        self.names = frozenset(self._file.schema_arrow.names)
        self.rows = int(self._file.metadata.num_rows)
        self._cache: dict[str, NDArray[Any]] = {}

    def column(self, name: str) -> NDArray[Any]:
        """A column of the table; numbers with NaN, texts as objects with ``None``."""
        if name not in self._cache:
            column = self._file.read(columns=[name]).column(name)
            if pa.types.is_boolean(column.type):
                column = column.cast(pa.float64())
            values = column.to_numpy(zero_copy_only=False)
            self._cache[name] = (
                values if values.dtype == object else values.astype(np.float64, copy=False)
            )
        return self._cache[name]

    def value(self, dimension: str, metric: str) -> NDArray[Any]:
        name = f"metric.{dimension}.{metric}" if metric else f"score.{dimension}"
        if name not in self.names:
            return self._cache.setdefault(name, np.full(self.rows, np.nan))
        return self.column(name)

    def measured(self, dimension: str) -> Bools:
        scored = ~np.isnan(np.asarray(self.value(dimension, ""), np.float64))
        return np.asarray(scored | pd.notna(self._unscored(dimension)), bool)

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
        """The requests of the run by id, from its ledger."""
        with mapped_errors():
            db = connect_reader(self._run.ledger)
            try:
                found = db.execute("SELECT id, payload, wanted FROM request").fetchall()
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
        if not self._run.facts.is_file():
            return "device-seconds"
        facts = json.loads(self._run.facts.read_text(encoding="utf-8"))
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
