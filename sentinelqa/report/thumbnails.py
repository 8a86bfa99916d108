"""Small pictures for the report: inside the file for small runs, beside it for large ones."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Lock
from urllib.parse import quote

from sentinelqa import images
from sentinelqa.errors import ScoringError
from sentinelqa.features.pixels import decode
from sentinelqa.files import placing
from sentinelqa.images import RGB, read, sha256_of_file, thumbnail
from sentinelqa.picturecache import PictureCache
from sentinelqa.rundir import RunDir
from sentinelqa.scorecache import digest, file_digest

_DECODING = Lock()
_AT_ONCE = 64
"""Pictures that are looked up, made and kept together."""

FOLDER = "report-thumbnails"
BUDGET = 14_000_000
"""Bytes of embedded thumbnails; in base64 they take a third more of the file, and 5,000 portraits
with all their measurements and overlays another 6 MB."""
_OWN = re.compile(r"images/[0-9a-f]{2}/[0-9a-f]{62}\.png")
"""What a run names its pictures; nothing in it has to be encoded."""
_SIDES = (320, 224, 144, 112, 80, 64)
_TRIED, _ROOM = 24, 0.9
_BYTES_PER_PIXEL = 0.14
"""Of a busy WebP at the quality of thumbnails; used to choose a size that keeps to the budget."""


def side_for(count: int, budget: int = BUDGET) -> int:
    """The longer side of each of ``count`` embedded thumbnails, in pixels."""
    fitting = (side for side in _SIDES if side * side * _BYTES_PER_PIXEL * count <= budget)
    return next(fitting, _SIDES[-1])


@dataclass(frozen=True, slots=True)
class Shown:
    """A candidate whose picture is wanted.

    Attributes:
        path: of the picture; empty where it cannot be shown.
        sha256: of the picture's file; empty where it is not known.
    """

    id: str
    path: str
    sha256: str = ""


def embedded(
    run: RunDir,
    shown: Sequence[Shown],
    *,
    budget: int = BUDGET,
    cache: PictureCache | None = None,
) -> Iterator[str]:
    """A ``data:`` address per candidate; empty where there is no picture to show.

    Args:
        budget: bytes of all pictures together, before base64.
        cache: where thumbnails of existing images are kept; ``None`` makes each.
    """
    side = _fitting_side(run, shown, budget, cache)
    spent = 0
    for content in _made(run, side, shown, cache):
        spent += len(content)
        fits = content and spent <= budget
        yield "data:image/webp;base64," + base64.b64encode(content).decode() if fits else ""


def _fitting_side(
    run: RunDir, shown: Sequence[Shown], budget: int, cache: PictureCache | None
) -> int:
    """The largest side at which some of the pictures, tried out, say that all of them fit."""
    some = shown[:: max(1, len(shown) // _TRIED)]
    # one size more than the rule of thumb: most pictures take less than busy ones
    start = max(0, _SIDES.index(side_for(len(shown), budget)) - 1)
    for side in _SIDES[start:-1]:
        made = [len(content) for content in _made(run, side, some, cache)]
        if sum(made) / max(1, len(made)) * len(shown) <= budget * _ROOM:
            return side
    return _SIDES[-1]


def beside(
    run: RunDir, shown: Sequence[Shown], *, cache: PictureCache | None = None
) -> Iterator[str]:
    """A relative address per candidate; thumbnails that are there already are kept.

    Nothing rests on them, so nothing waits for the disk: a power loss may leave some empty, and
    they are made again.
    """
    places = [f"{FOLDER}/{one.id[:2]}/{one.id}.webp" for one in shown]
    there = [_is_whole(run.path / place) for place in places]
    missing = [one for one, known in zip(shown, there, strict=True) if not known]
    contents = _made(run, _SIDES[1], missing, cache)
    for place, known in zip(places, there, strict=True):
        yield place if known or _written(run.path / place, next(contents)) else ""


def _is_whole(place: Path) -> bool:
    try:
        return place.stat().st_size > 0
    except FileNotFoundError:
        return False


def _written(place: Path, content: bytes) -> bool:
    if content:
        try:
            _put(place, content)
        except FileNotFoundError:
            place.parent.mkdir(parents=True)
            _put(place, content)
    return bool(content)


def _put(place: Path, content: bytes) -> None:
    with placing(place) as part:
        part.write_bytes(content)


def address_of(run: RunDir, path: str) -> str:
    """Where a page in the run directory finds the full picture; empty where it is gone.

    Every part is percent-encoded, so that no file name turns into another kind of address.
    """
    full = locate(run, path)
    if full is None:
        return ""
    if _OWN.fullmatch(path) and full.parent.parent.parent == run.path:
        return f"./{path}"
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


def _made(
    run: RunDir, side: int, shown: Sequence[Shown], cache: PictureCache | None
) -> Iterator[bytes]:
    """A WebP for each, in order; empty where there is no picture."""
    context = digest(["thumbnail", side, file_digest(images.__file__)])
    with ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1)) as pool:
        for start in range(0, len(shown), _AT_ONCE):
            some = shown[start : start + _AT_ONCE]
            known = cache.recall(context, {s.sha256 for s in some if s.sha256}) if cache else {}
            missing = [s for s in some if s.sha256 not in known]
            made = dict(zip(missing, pool.map(partial(_webp, run, side), missing), strict=True))
            if cache is not None:
                genuine = {s.sha256: c for s, c in made.items() if c and is_genuine(run, s)}
                cache.keep(context, genuine)
            for one in some:
                yield made[one] if one in made else known[one.sha256]


def is_genuine(run: RunDir, one: Shown) -> bool:
    """Whether the file still is what was scored, so that what was made of it may be kept."""
    full = locate(run, one.path)
    try:
        return full is not None and sha256_of_file(full) == one.sha256
    except OSError:
        return False


def _webp(run: RunDir, side: int, one: Shown) -> bytes:
    full = locate(run, one.path)
    if full is not None:
        try:
            own = full.parent.parent.parent == run.path
            return thumbnail(read(full) if own else _foreign(full), side)
        except (ScoringError, OSError):
            return b""
    kept = run.thumbnails / one.id[:2] / f"{one.id}.webp"
    return kept.read_bytes() if kept.is_file() else b""


def _foreign(path: Path) -> RGB:
    """The pixels of somebody else's file, one at a time: the careful decoder sets warning filters,
    which belong to the whole process."""
    with _DECODING:
        return decode(str(path)).rgb
