"""Between Arrow and Python without pandas, which pyarrow imports with the first value that it
converts itself: that takes 36 MB and a third of a second."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray


def open_parquet(path: Path) -> pq.ParquetFile:
    """A parquet file to be read in pieces. Reading ahead, the default, would hold whole columns,
    however small the pieces that are asked for."""
    return pq.ParquetFile(path, pre_buffer=False)


def array_of(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """Texts, numbers or truth values as a column; ``None`` where there is nothing.

    Raises:
        TypeError: a value is of another kind, or no whole number where one must be.
    """
    there = np.array([value is not None for value in values], bool)
    known = None if there.all() else _bits(there)
    if pa.types.is_string(kind):
        buffers = _texts(values)
    else:
        buffers = [_numbers([0 if value is None else value for value in values], there, kind)]
    return pa.Array.from_buffers(kind, len(values), [known, *buffers])


def values_of(column: pa.Array | pa.ChunkedArray) -> NDArray[Any]:
    """Numbers as float64 with NaN, also those of truth values; texts as objects with ``None``."""
    kind, types = column.type, pa.types
    if not (types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind)):
        values = np.empty(len(column), object)
        values[:] = column.to_pylist()
        return values
    column = column.cast(pa.float64(), safe=False)
    pieces = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    found = [_floats(piece) for piece in pieces]
    return found[0] if len(found) == 1 else np.concatenate([np.empty(0), *found])


def _texts(values: Sequence[str | None]) -> list[pa.Buffer]:
    """Where each ends, and all of them."""
    texts = [b"" if value is None else str.encode(value) for value in values]
    ends = np.zeros(len(texts) + 1, np.int32)
    np.cumsum([len(text) for text in texts], out=ends[1:])
    return [pa.py_buffer(ends), pa.py_buffer(b"".join(texts))]


def _numbers(values: Sequence[Any], there: NDArray[np.bool_], kind: pa.DataType) -> pa.Buffer:
    found = np.array(values) if values else np.zeros(0)
    content = found.astype(_DTYPES[kind]) if found.dtype.kind in "biuf" else None
    if content is None or not _equal(content[there], found[there]):
        raise TypeError(f"a column of {kind} cannot hold all of {values}")
    return _bits(content) if content.dtype == bool else pa.py_buffer(content)


def _equal(found: NDArray[Any], given: NDArray[Any]) -> bool:
    return found.dtype.kind == "f" or bool((found == given).all())


def _floats(piece: pa.Array) -> NDArray[np.float64]:
    if not len(piece):
        return np.empty(0)
    found = _content(piece, np.float64)
    if not piece.null_count:
        return found
    return np.where(_content(piece.is_valid().cast(pa.uint8()), np.uint8), found, np.nan)


def _content(piece: pa.Array, dtype: type[Any]) -> NDArray[Any]:
    """The numbers of a column, also where there are none."""
    return np.frombuffer(piece.buffers()[1], dtype)[piece.offset : piece.offset + len(piece)]


def _bits(values: NDArray[np.bool_]) -> pa.Buffer:
    return pa.py_buffer(np.packbits(values, bitorder="little"))


_DTYPES: dict[pa.DataType, type[Any]] = {
    pa.bool_(): np.bool_,
    pa.int32(): np.int32,
    pa.int64(): np.int64,
    pa.float64(): np.float64,
}
