"""Small pictures for the report: inside the file for small runs, beside it for large ones."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Lock
from typing import TypeVar
from urllib.parse import quote

from sentinelqa.errors import ScoringError
from sentinelqa.features.pixels import decode
from sentinelqa.images import RGB, read, thumbnail, write_atomically
from sentinelqa.rundir import RunDir

T = TypeVar("T")
_DECODING = Lock()

FOLDER = "report-thumbnails"
MOST_EMBEDDED = 5000
BUDGET = 14_000_000
"""Bytes of embedded thumbnails; in base64 they take a third more of the file, and 5,000 portraits
with all their measurements and overlays another 6 MB."""
_SIDES = (320, 224, 144, 112, 80, 64)
_TRIED, _ROOM = 24, 0.9
_BYTES_PER_PIXEL = 0.14
"""Of a busy WebP at the quality of thumbnails; used to choose a size that keeps to the budget."""


def side_for(count: int, budget: int = BUDGET) -> int:
    """The longer side of each of ``count`` embedded thumbnails, in pixels."""
    fitting = (side for side in _SIDES if side * side * _BYTES_PER_PIXEL * count <= budget)
    return next(fitting, _SIDES[-1])


def embedded(
    run: RunDir, ids: list[str], paths: list[str], *, budget: int = BUDGET
) -> tuple[str, ...]:
    """A ``data:`` address per candidate; empty where there is no picture to show.

    Args:
        budget: bytes of all pictures together, before base64.
    """
    make = partial(_webp, run, _fitting_side(run, ids, paths, budget))
    spent = 0
    found = []
    for content in _in_order(make, ids, paths):
        spent += len(content)
        fits = content and spent <= budget
        found.append("data:image/webp;base64," + base64.b64encode(content).decode() if fits else "")
    return tuple(found)


def _fitting_side(run: RunDir, ids: list[str], paths: list[str], budget: int) -> int:
    """The largest side at which some of the pictures, tried out, say that all of them fit."""
    step = max(1, len(ids) // _TRIED)
    some = list(zip(ids[::step], paths[::step], strict=True))
    # one size more than the rule of thumb: most pictures take less than busy ones
    start = max(0, _SIDES.index(side_for(len(ids), budget)) - 1)
    for side in _SIDES[start:-1]:
        made = [len(_webp(run, side, *one)) for one in some]
        if sum(made) / max(1, len(made)) * len(ids) <= budget * _ROOM:
            return side
    return _SIDES[-1]


def beside(run: RunDir, ids: list[str], paths: list[str]) -> tuple[str, ...]:
    """A relative address per candidate; thumbnails that are there already are kept."""
    make = partial(_write, run, _SIDES[1])
    return tuple(_in_order(make, ids, paths))


def address_of(run: RunDir, path: str) -> str:
    """Where a page in the run directory finds the full picture; empty where it is gone.

    Every part is percent-encoded, so that no file name turns into another kind of address.
    """
    full = locate(run, path)
    if full is None:
        return ""
    return address_between(run.path, full)


def address_between(folder: Path, file: Path) -> str:
    """Where a page in ``folder`` finds a file; empty where there is none."""
    if not file.is_file():
        return ""
    relative = os.path.relpath(file.resolve(), folder.resolve())
    return "./" + "/".join(quote(part, safe="") for part in Path(relative).parts)


def locate(run: RunDir, path: str) -> Path | None:
    """The file of a candidate: in the run directory, or as the user named it."""
    if not path:
        return None
    for place in (run.path / path, Path(path)):
        try:
            if place.is_file():
                return place
        except OSError:  # an address whose parts are longer than a file name can be
            continue
    return None


def _in_order(
    make: Callable[[str, str], T], ids: Sequence[str], paths: Sequence[str]
) -> Iterator[T]:
    with ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1)) as pool:
        yield from pool.map(make, ids, paths)


def _webp(run: RunDir, side: int, candidate: str, path: str) -> bytes:
    full = locate(run, path)
    if full is not None:
        try:
            own = full.parent.parent.parent == run.path
            return thumbnail(read(full) if own else _foreign(full), side)
        except (ScoringError, OSError):
            return b""
    kept = run.thumbnails / candidate[:2] / f"{candidate}.webp"
    return kept.read_bytes() if kept.is_file() else b""


def _foreign(path: Path) -> RGB:
    """The pixels of somebody else's file, one at a time: the careful decoder sets warning filters,
    which belong to the whole process."""
    with _DECODING:
        return decode(str(path)).rgb


def _write(run: RunDir, side: int, candidate: str, path: str) -> str:
    relative = f"{FOLDER}/{candidate[:2]}/{candidate}.webp"
    place = run.path / relative
    if place.is_file():
        return relative
    content = _webp(run, side, candidate, path)
    if not content:
        return ""
    place.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(place, content)
    return relative
