"""Requests from csv, jsonl, parquet or yaml.

Rows are streamed, so a catalog of a million requests takes no more memory than one of a hundred.
"""

from __future__ import annotations

import csv
import datetime as dt
import json
import os
import re
import sqlite3
import string
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from sentinelqa.errors import JobError, did_you_mean
from sentinelqa.types import Request

ID_LENGTH = 120
ID_BYTES = 240
"""An id names a folder, and file systems take names of up to 255 bytes."""
OVERRIDES = ("steps", "guidance", "width", "height", "model", "scheduler", "lora")
"""Columns that a request may use to set the generator for itself: ``generator.steps`` and so on."""
BOUNDS = {"steps": (1, 1000), "guidance": (0, 100), "width": (16, 8192), "height": (16, 8192)}
"""Least and most of what a job or a request may say."""
SIDES_IN = 8
"""Widths and heights are multiples of it."""

_LONE_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_BAD_IN_ID = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|\u2028\u2029\u202a-\u202e\u2066-\u2069]')
_RESERVED = re.compile(r"(?i)^(con|prn|aux|nul|com\d|lpt\d)(\..*)?$")


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a requests file, and where it stands."""

    values: Mapping[str, Any]
    where: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestDefaults:
    """What a request takes from its job where its row does not say."""

    prompt: str = ""
    negative_prompt: str = ""
    deliver: int = 1


def read_requests(
    path: Path, defaults: RequestDefaults, *, folder: Path | None = None
) -> Iterator[Request]:
    """Stream the requests of a file.

    Args:
        folder: what relative reference paths are relative to; the file's own folder by default.

    Raises:
        JobError: with file and row: an unreadable file, no rows, a missing or duplicate id, a
            wrong type, a template that names a column which is not there, a missing reference.
    """
    folder = folder or path.parent
    count = 0
    with closing(sqlite3.connect("")) as seen:
        seen.execute("CREATE TABLE seen (id TEXT PRIMARY KEY, location TEXT) WITHOUT ROWID")
        for row in read_rows(path):
            request = _request(row, defaults, folder)
            _claim(seen, request)
            count += 1
            yield request
    if not count:
        raise JobError(
            "there are no requests in the file", where=str(path), remedy="add at least one row"
        )


def read_rows(path: Path, needed: str = "id") -> Iterator[Row]:
    """Stream the rows of a csv, jsonl, parquet or yaml file as mappings.

    Args:
        needed: the column without which a csv is of no use; the caller looks after the rows.
    """
    readers = {
        ".csv": _csv_rows,
        ".jsonl": _jsonl_rows,
        ".ndjson": _jsonl_rows,
        ".parquet": _parquet_rows,
        ".yaml": _yaml_rows,
        ".yml": _yaml_rows,
    }
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise JobError(
            f"a requests file must end in {', '.join(readers)}; got {path.name!r}", where=str(path)
        )
    if not path.is_file():
        raise JobError("the requests file does not exist", where=str(path))
    try:
        yield from reader(path, needed)
    except UnicodeDecodeError as error:
        raise JobError(
            f"the file is not UTF-8 text (byte {error.start})",
            where=str(path),
            remedy="save it as UTF-8",
        ) from error
    except OSError as error:
        raise JobError(
            f"the file cannot be read: {error.strerror or error}", where=str(path)
        ) from error


def row_references(row: Row, folder: Path) -> tuple[str, ...]:
    """The reference images that a row names.

    Raises:
        JobError: one of them does not exist.
    """
    return _references(row.values.get("references"), folder, row.where)


def fill_template(template: str, values: Mapping[str, Any], where: str) -> str:
    """Put columns into ``{name}`` places. Plain names only: no attributes, indexes or formats.

    Raises:
        JobError: a place that names no column, or is more than a plain name.
    """
    parts = []
    for literal, name, spec, conversion in _parse_template(template, where):
        parts.append(literal)
        if name is None:
            continue
        if spec or conversion or not name.isidentifier():
            raise JobError(
                f"the prompt template has {{{name}{'!' + conversion if conversion else ''}"
                f"{':' + spec if spec else ''}}}; only plain column names may stand in braces",
                where=where,
            )
        if name not in values:
            raise JobError(
                f"the prompt template names the column {name!r}, which is not there",
                where=where,
                remedy=did_you_mean(name, [str(k) for k in values]),
            )
        value = values[name]
        parts.append("" if value is None else str(value))
    return "".join(parts)


def _parse_template(
    template: str, where: str
) -> list[tuple[str, str | None, str | None, str | None]]:
    try:
        return list(string.Formatter().parse(template))
    except ValueError as error:
        raise JobError(f"the prompt template cannot be read: {error}", where=where) from error


def _request(row: Row, defaults: RequestDefaults, folder: Path) -> Request:
    values = dict(row.values)
    raw = values.pop("id", None)
    request_id = "" if raw is None else str(raw).strip()
    _check_id(request_id, row.where)
    deliver = _whole(values.pop("deliver", None), "deliver", defaults.deliver, row.where)
    prompt = _text(values, "prompt", row.where)
    if not prompt and defaults.prompt:
        prompt = fill_template(defaults.prompt, {**values, "id": request_id}, row.where)
    if not prompt.strip():
        raise JobError(
            f"request {request_id!r} has no prompt",
            where=row.where,
            remedy="add a column 'prompt', or a prompt template to the job",
        )
    return Request(
        id=request_id,
        prompt=prompt,
        negative_prompt=_text(values, "negative_prompt", row.where) or defaults.negative_prompt,
        deliver=deliver,
        references=_references(values.pop("references", None), folder, row.where),
        overrides=_overrides(values, row.where),
        metadata={k: v for k, v in values.items() if v is not None},
        where=row.where,
    )


def _text(values: dict[str, Any], key: str, where: str) -> str:
    value = values.pop(key, None)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise JobError(f"{key} must be text; got {value!r}", where=where)
    return value


def _whole(value: Any, key: str, default: int, where: str) -> int:
    if value is None or value == "":
        return default
    try:
        number = int(value) if not isinstance(value, float) or value.is_integer() else None
    except (TypeError, ValueError):
        number = None
    if number is None or isinstance(value, bool) or number < 1:
        raise JobError(f"{key} must be a whole number of at least 1; got {value!r}", where=where)
    return number


def _overrides(values: dict[str, Any], where: str) -> dict[str, Any]:
    overrides: dict[str, Any] = {}
    for column in [c for c in values if c.startswith("generator.")]:
        key = column.removeprefix("generator.")
        value = values.pop(column)
        if key not in OVERRIDES:
            raise JobError(
                f"a request cannot set {column!r}", where=where, remedy=did_you_mean(key, OVERRIDES)
            )
        if value is None or value == "":
            continue
        if key in BOUNDS:
            overrides[key] = _bounded(value, key, where)
        else:
            overrides[key] = str(value)
    return overrides


def _bounded(value: Any, key: str, where: str) -> float:
    """What a job may say too, and no more."""
    least, most = BOUNDS[key]
    number = _number(value, key, where) if key == "guidance" else _whole(value, key, 1, where)
    if not least <= number <= most:
        raise JobError(f"{key} must lie from {least} to {most}; got {value!r}", where=where)
    if key in ("width", "height") and number % SIDES_IN:
        raise JobError(f"{key} must be a multiple of {SIDES_IN}; got {value!r}", where=where)
    return number


def _number(value: Any, key: str, where: str) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise JobError(f"{key} must be a number; got {value!r}", where=where) from error


def _references(value: Any, folder: Path, where: str) -> tuple[str, ...]:
    if value is None or value == "":
        return ()
    names = value.split(";") if isinstance(value, str) else value
    if not isinstance(names, list | tuple) or not all(isinstance(n, str) for n in names):
        raise JobError(
            f"references must be paths, separated by semicolons in a csv; got {value!r}",
            where=where,
        )
    paths = [folder / name.strip() for name in names if name.strip()]
    for path in paths:
        if not os.path.isfile(path):  # noqa: PTH113 - a name that is too long must not raise here
            raise JobError(f"the reference image {str(path)!r} does not exist", where=where)
    return tuple(str(p) for p in paths)


def _check_id(request_id: str, where: str) -> None:
    remedy = "an id names a folder of delivered images: letters, digits, spaces, '.', '_' and '-'"
    if not request_id:
        raise JobError("the request has no id", where=where, remedy="fill the column 'id'")
    if len(request_id) > ID_LENGTH:
        raise JobError(
            f"the id is {len(request_id)} characters long; at most {ID_LENGTH}", where=where
        )
    if len(request_id.encode()) > ID_BYTES:
        raise JobError(
            f"the id {request_id!r} takes {len(request_id.encode())} bytes; at most {ID_BYTES}",
            where=where,
            remedy="file systems count bytes: use fewer characters",
        )
    bad = _BAD_IN_ID.search(request_id)
    if bad:
        raise JobError(
            f"the id {request_id!r} contains {bad.group()!r}", where=where, remedy=remedy
        )
    if request_id[0] in ".-" or request_id[-1] == "." or _RESERVED.match(request_id):
        raise JobError(
            f"the id {request_id!r} cannot be a folder's name", where=where, remedy=remedy
        )


def _claim(seen: sqlite3.Connection, request: Request) -> None:
    """Refuse an id that was there before, also where only case or Unicode form differ: the two
    would share a folder on some file systems."""
    key = unicodedata.normalize("NFC", request.id).casefold()
    try:
        seen.execute("INSERT INTO seen VALUES (?, ?)", (key, request.where))
    except sqlite3.IntegrityError as error:
        first = seen.execute("SELECT location FROM seen WHERE id = ?", (key,)).fetchone()[0]
        raise JobError(
            f"the id {request.id!r} was used before, in {first}",
            where=request.where,
            remedy="ids must differ in more than upper and lower case",
        ) from error


def _csv_rows(path: Path, needed: str) -> Iterator[Row]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, strict=True)
        try:
            _check_header(reader.fieldnames, path, needed)
            for values in reader:
                where = f"{path}:{reader.line_num}"
                if None in values:
                    raise JobError("the row has more fields than the header", where=where)
                yield Row({k: (v if v != "" else None) for k, v in values.items()}, where)
        except csv.Error as error:
            # the row that is at fault begins after the last that was read
            where = f"{path}:{reader.line_num + 1}"
            raise JobError(f"not a csv row: {error}", where=where) from error


def _check_header(names: Any, path: Path, needed: str) -> None:
    if not names:
        raise JobError("the file is empty", where=str(path), remedy="a header and rows are needed")
    doubles = sorted({n for n in names if names.count(n) > 1})
    if doubles:
        raise JobError(f"the column {doubles[0]!r} appears twice", where=f"{path}:1")
    if needed not in names:
        raise JobError(
            f"there is no column {needed!r}", where=f"{path}:1", remedy=did_you_mean(needed, names)
        )


def _jsonl_rows(path: Path, _: str) -> Iterator[Row]:
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            where = f"{path}:{number}"
            try:
                values = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise JobError(f"not a JSON object: {error}", where=where) from error
            if _LONE_SURROGATE.search(line):
                _check_text(values, where)
            if not isinstance(values, dict):
                raise JobError(f"expected a JSON object, got {type(values).__name__}", where=where)
            yield Row(values, where)


def _check_text(values: Any, where: str) -> None:
    """JSON can spell halves of characters, which no file and no table can hold."""
    try:
        json.dumps(values, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise JobError(
            "the row holds half a character (a lone surrogate)",
            where=where,
            remedy="write the whole character",
        ) from error


def _parquet_rows(path: Path, _: str) -> Iterator[Row]:
    import pyarrow as pa

    from sentinelqa.arrow import open_parquet

    number = 0
    try:
        with open_parquet(path) as file:
            for batch in file.iter_batches(batch_size=1024):
                for values in batch.to_pylist():
                    number += 1
                    where = f"{path}: row {number}"
                    yield Row({k: _storable(v, k, where) for k, v in values.items()}, where)
    except pa.ArrowException as error:
        what = "damaged" if number else "not a parquet file, or a damaged one"
        where = f"{path}: after row {number}" if number else str(path)
        raise JobError(f"{what}: {error}", where=where) from error


def _storable(value: Any, column: str, where: str) -> Any:
    """A value of a parquet column as JSON has it: dates as text, decimals and durations (in
    seconds) as numbers."""
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, dt.timedelta):
        return value.total_seconds()
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, list):
        return [_storable(v, column, where) for v in value]
    if isinstance(value, dict):
        return {str(k): _storable(v, column, where) for k, v in value.items()}
    raise JobError(
        f"the column {column!r} holds {type(value).__name__}, which no table can show",
        where=where,
        remedy="write text, numbers or dates",
    )


def _yaml_rows(path: Path, _: str) -> Iterator[Row]:
    from sentinelqa.rubric.reading import read_yaml

    data, marks = read_yaml(path, what="requests file", error=JobError)
    if not isinstance(data, list):
        raise JobError("a requests file in YAML is a list of requests", where=str(path))
    for index, values in enumerate(data):
        where = f"{path}:{marks.line((index,))}"
        if not isinstance(values, dict):
            raise JobError(f"expected a mapping, got {values!r}", where=where)
        yield Row(values, where)
