"""The run directory's tables: one row per candidate, one per request; parquet and csv.

Rows are streamed from the ledger in chunks, so a table never stands in memory as a whole, and
parquet's row groups end by their size.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from sentinelqa.arrow import array_of
from sentinelqa.dimensions.base import Dimension
from sentinelqa.files import replacing

CHUNK = 200
"""Rows that stand in memory as Python values."""
ROW_GROUP = 1 << 20
"""Bytes after which a row group ends. Smaller ones make the file's index, which writer and reader
hold as a whole, grow with the run."""
PIECE = 1 << 16
"""Bytes of a page of one column, and of its dictionary: the writer holds one of each column."""

CANDIDATE_COLUMNS: dict[str, pa.DataType] = {
    "request_id": pa.string(),
    "candidate_id": pa.string(),
    "round": pa.int32(),
    "seed": pa.int64(),
    "prompt": pa.string(),
    "model": pa.string(),
    "revision": pa.string(),
    "sha256": pa.string(),
    "path": pa.string(),
    "width": pa.int32(),
    "height": pa.int32(),
    "outcome": pa.string(),
    "reasons": pa.string(),
    "failed": pa.string(),
    "rank": pa.float64(),
    "delivered": pa.int32(),
    "generate_seconds": pa.float64(),
    "score_seconds": pa.float64(),
    "cost": pa.float64(),
}
"""``delivered`` is the place in the delivery, from 1; empty for what was not delivered. ``failed``
names the checks that failed, separated by spaces; ``reasons`` is a JSON list of sentences."""

REQUEST_COLUMNS: dict[str, pa.DataType] = {
    "request_id": pa.string(),
    "prompt": pa.string(),
    "wanted": pa.int32(),
    "delivered": pa.int32(),
    "candidates": pa.int32(),
    "rounds": pa.int32(),
    "outcome": pa.string(),
    "shortfall_reasons": pa.string(),
    "unused": pa.int32(),
    "chance": pa.float64(),
    "cost": pa.float64(),
    "cost_per_delivered": pa.float64(),
}
"""``unused`` are candidates of the budget that a short request was stopped before, and ``chance``
that they would have filled it, as estimated then; both empty elsewhere."""

_ARROW = {"float": pa.float64(), "int": pa.int64(), "bool": pa.bool_(), "str": pa.string()}
_UNSEEN = r"\s\x00-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff"
_FORMULA = re.compile(rf"[{_UNSEEN}]*[=+\-@＝＋－＠]|[\t\r\n]")
"""A sign that starts a formula, also behind characters that nobody sees and some importers drop."""


def release() -> None:
    """Give memory that is not in use any more back to the system. Allocators keep it otherwise,
    tens of megabytes after many small pieces were read or written."""
    pa.default_memory_pool().release_unused()
    pa.system_memory_pool().release_unused()


def candidate_schema(dimensions: Sequence[Dimension]) -> pa.Schema:
    """The columns of the candidates table for the dimensions and rules of a rubric."""
    fields = dict(CANDIDATE_COLUMNS)
    for dimension in sorted(dimensions, key=lambda d: d.name):
        fields[f"score.{dimension.name}"] = pa.float64()
        fields[f"unscored.{dimension.name}"] = pa.string()
        for name, spec in sorted(dimension.metrics.items()):
            fields[f"metric.{dimension.name}.{name}"] = _ARROW[spec.kind]
    return pa.schema(list(fields.items()))


def request_schema() -> pa.Schema:
    """The columns of the requests table."""
    return pa.schema(list(REQUEST_COLUMNS.items()))


def write_tables(stem: Path, schema: pa.Schema, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write ``stem.parquet`` and ``stem.csv``, each whole or not at all.

    Args:
        rows: mappings; a column that a row lacks is empty, one that the schema lacks is left out.
    """
    names = schema.names
    texts = {field.name for field in schema if pa.types.is_string(field.type)}
    with (
        replacing(stem.with_suffix(".parquet")) as parquet_path,
        replacing(stem.with_suffix(".csv")) as csv_path,
        pq.ParquetWriter(
            parquet_path, schema, data_page_size=PIECE, dictionary_pagesize_limit=PIECE
        ) as parquet,
        csv_path.open("w", encoding="utf-8", newline="") as file,
    ):
        writer = csv.writer(file)
        writer.writerow(names)
        for group in _row_groups(_written(writer, texts, rows, schema)):
            parquet.write_table(group, row_group_size=max(1, group.num_rows))
            release()


def _written(
    writer: Any, texts: Collection[str], rows: Iterable[Mapping[str, Any]], schema: pa.Schema
) -> Iterator[pa.RecordBatch]:
    """Each chunk of rows, as a batch for parquet and as lines of the csv."""
    source = iter(rows)
    while chunk := list(islice(source, CHUNK)):
        columns = {name: [row.get(name) for row in chunk] for name in schema.names}
        arrays = [array_of(columns[field.name], field.type) for field in schema]
        yield pa.RecordBatch.from_arrays(arrays, schema=schema)
        for name in texts:
            columns[name] = [safe_cell(value) for value in columns[name]]
        writer.writerows(zip(*columns.values(), strict=True))


def _row_groups(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    group: list[pa.RecordBatch] = []
    size = 0
    for batch in batches:
        group.append(batch)
        size += batch.nbytes
        if size >= ROW_GROUP:
            yield pa.Table.from_batches(group)
            group, size = [], 0
    if group:
        yield pa.Table.from_batches(group)


def measurement_columns(measurements: Iterable[Any]) -> dict[str, Any]:
    """``score.<dimension>`` (or why there is none: ``unscored.<dimension>``) and
    ``metric.<dimension>.<name>`` of one candidate."""
    columns: dict[str, Any] = {}
    for measurement in measurements:
        columns[f"score.{measurement.dimension}"] = measurement.score
        if measurement.unscored is not None:
            columns[f"unscored.{measurement.dimension}"] = measurement.unscored.value
        for name, value in measurement.metrics.items():
            columns[f"metric.{measurement.dimension}.{name}"] = value
    return columns


def reasons_text(reasons: Sequence[str]) -> str:
    """Several sentences in one cell, as a JSON list, so that they can be told apart again."""
    return json.dumps(list(reasons), ensure_ascii=False) if reasons else ""


def safe_cell(value: Any) -> Any:
    """A csv cell that no spreadsheet runs as a formula (OWASP's advice: a leading apostrophe).

    Numbers stay numbers, also negative ones.
    """
    if not isinstance(value, str) or value[:1].isalnum():
        return value
    return f"'{value}" if _FORMULA.match(value) else value
