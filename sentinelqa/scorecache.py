"""Measurements of images that were scored before, so that scoring a folder again costs little.

A measurement is kept under the sha256 of the image file and a context: the dimension with its
version and parameters, each feature that it needs with its version and the sha256 of its weights,
the libraries' versions, and what the request says (prompt, metadata, contents of its references).
Whatever changes, nothing old is found. Outages are not kept, and neither is what depends on more
than that: answers of judges, an index of known pictures, features from elsewhere that do not say
``cacheable = True``. The cache is one SQLite file that several processes use; any trouble with it
is logged, and scoring goes on without it. What reports show of the images lies in the same file
(:mod:`sentinelqa.picturecache`).
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import sqlite3
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, is_dataclass
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from sentinelqa import __version__
from sentinelqa.dimensions.base import Dimension
from sentinelqa.features.base import Feature
from sentinelqa.types import Measurement, ModelUse, Request, Unscored

log = logging.getLogger(__name__)

MAX_BYTES = 1 << 30
"""What the file may take; the entries that were not used for longest go first."""
MAX_PICTURE_BYTES = MAX_BYTES // 4
"""What a report's small pictures may take of it: they are cheaper to make than measurements."""
HASH = "hashes"
"""The name under which perceptual hashes are kept, beside the dimensions."""
SIZE = "size"
"""The same for width and height, so that a known file need not be opened as an image."""

Kept = Measurement | int | tuple[int, int]
"""A measurement, a perceptual hash, or width and height."""

_FORMAT = 1
_DAY = 86_400
_LIBRARIES = (
    "numpy",
    "opencv-python-headless",
    "pillow",
    "torch",
    "open-clip-torch",
    "onnxruntime",
    "ai-edge-litert",
    "dlib-bin",
    "rapidocr",
)
_ARITHMETIC = {"pixels", "hashes", "foreground", "keypoints", "person"}
"""Features that depend on nothing but the image and the models that a rubric names."""
_OUTAGES = (Unscored.ERROR, Unscored.MODEL_MISSING)


@dataclass(frozen=True, slots=True)
class CachePlan:
    """Where the cache is and what may be taken from it. Picklable.

    Attributes:
        contexts: dimension (or :data:`HASH`, :data:`SIZE`) -> what its measurement depends on
            beside image and request.
        features: feature -> what its value depends on beside the image; those that depend on more
            are left out.
    """

    path: str
    contexts: tuple[tuple[str, str], ...]
    features: tuple[tuple[str, str], ...] = ()


def cache_file() -> Path | None:
    """Where the cache lies: ``SENTINELQA_SCORE_CACHE``, nowhere when that is empty, else
    ``scores-1.sqlite`` in the user's cache folder."""
    own = os.environ.get("SENTINELQA_SCORE_CACHE")
    if own is None:
        from sentinelqa.weights.cache import cache_root

        return cache_root() / f"scores-{_FORMAT}.sqlite"
    return Path(own).expanduser() if own else None


def plan_cache(
    dimensions: Sequence[Dimension],
    features: Mapping[str, Feature],
    models: Mapping[str, Sequence[ModelUse]],
) -> CachePlan | None:
    """What can be kept of these dimensions; ``None`` where the user wants no cache.

    Args:
        models: feature -> the models behind it.
    """
    path = cache_file()
    if path is None:
        return None
    told = {name: _feature_identity(f, models.get(name, ())) for name, f in features.items()}
    known = {name for name, f in features.items() if not _unknown(f, models.get(name, ()))}
    contexts = {}
    for dimension in dimensions:
        needed = _all_needed({*dimension.needs, *dimension.reference_needs}, features)
        if needed <= known:
            own = [dimension.name, dimension.version, _parameters(dimension), _source(dimension)]
            contexts[dimension.name] = digest([own, [told[n] for n in sorted(needed)]])
    contexts[HASH] = digest([told[n] for n in sorted(_all_needed({HASH}, features))])
    contexts[SIZE] = digest([SIZE])
    of_features = {
        name: digest([told[n] for n in sorted(needed)])
        for name in features
        if (needed := _all_needed({name}, features)) <= known
    }
    return CachePlan(
        path=str(path), contexts=tuple(contexts.items()), features=tuple(of_features.items())
    )


def _parameters(component: object) -> str:
    """What a rubric gave it, where its fields say so."""
    return repr(component) if is_dataclass(component) else ""


def _all_needed(names: set[str], features: Mapping[str, Feature]) -> set[str]:
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(features[name].needs)
    return found


def _unknown(feature: Feature, models: Sequence[ModelUse]) -> bool:
    """Whether a feature may depend on something that is known only once it is loaded."""
    if getattr(feature, "cacheable", False):
        return False
    return not models and feature.name not in _ARITHMETIC


def _feature_identity(feature: Feature, models: Sequence[ModelUse]) -> list[Any]:
    weights = sorted(f"{m.id} {m.sha256}" for m in models)
    return [feature.name, feature.version, weights, _source(feature)]


def _source(component: Feature | Dimension) -> str:
    """The hash of the file that defines a component, so that one under work is measured again."""
    return file_digest(str(sys.modules[type(component).__module__].__file__))


def file_digest(path: str) -> str:
    """The sha256 of a file, read again when it has changed."""
    status = Path(path).stat()
    return _digest_at(path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=256)
def _digest_at(path: str, _modified: int, _size: int) -> str:
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest(value: Any) -> str:
    """What names a context: the sha256 of ``value`` with the libraries' versions and our own."""
    content = json.dumps([__version__, _versions(), value], default=str)
    return hashlib.sha256(content.encode()).hexdigest()


@lru_cache(maxsize=1)
def _versions() -> tuple[str, ...]:
    found = []
    for library in _LIBRARIES:
        try:
            found.append(f"{library} {version(library)}")
        except PackageNotFoundError:
            continue
    return tuple(found)


class ScoreCache:
    """The cache as one process uses it."""

    def __init__(self, plan: CachePlan) -> None:
        self._contexts = dict(plan.contexts)
        self._today = today()
        self._db: sqlite3.Connection | None = None
        try:
            self._db = connect(Path(plan.path))
        except (OSError, sqlite3.Error) as error:
            self._give_up(error)

    def recall(self, sha256: str, request: Request) -> dict[str, Kept]:
        """What is kept of an image: measurements by dimension, its perceptual hash and size."""
        keys = self._keys(request)
        if self._db is None or not keys:
            return {}
        image = bytes.fromhex(sha256)
        try:
            rows = self._db.execute(
                "SELECT context, content, day FROM entry WHERE image = ?", (image,)
            ).fetchall()
            found = {keys[c]: _decoded(content) for c, content, _ in rows if c in keys}
            if any(day < self._today for c, _, day in rows if c in keys):
                self._db.execute("UPDATE entry SET day = ? WHERE image = ?", (self._today, image))
        except (sqlite3.Error, ValueError, TypeError, KeyError) as error:
            self._give_up(error)
            return {}
        return found

    def keep(self, scored: Sequence[tuple[str, Request, Mapping[str, Kept]]]) -> None:
        """Keep what was measured of images: (sha256, request, values as :meth:`recall` gives)."""
        rows = []
        for sha256, request, values in scored:
            names = {name: key for key, name in self._keys(request).items()}
            rows += [
                (bytes.fromhex(sha256), names[name], _encoded(value), self._today)
                for name, value in values.items()
                if name in names and not _is_outage(value)
            ]
        if self._db is None or not rows:
            return
        try:
            with self._db:
                self._db.executemany("INSERT OR REPLACE INTO entry VALUES (?, ?, ?, ?)", rows)
        except sqlite3.Error as error:
            self._give_up(error)

    def trim(self, most: int = MAX_BYTES) -> None:
        """Forget what was not used for longest, until ``most`` bytes hold the rest, pictures
        :data:`MAX_PICTURE_BYTES` at most."""
        if self._db is None:
            return
        try:
            while _picture_bytes(self._db) > min(most, MAX_PICTURE_BYTES):
                _forget_oldest(self._db, "picture")
            while _bytes(self._db) > most and _holds_any(self._db, "entry"):
                _forget_oldest(self._db, "entry")
        except sqlite3.Error as error:
            self._give_up(error)

    def close(self) -> None:
        """Let go of the file."""
        if self._db is not None:
            self._db.close()
            self._db = None

    def _keys(self, request: Request) -> dict[bytes, str]:
        """Key -> name, for this request; nothing where a reference cannot be read."""
        try:
            about = _about(request)
        except OSError:
            return {}
        return {
            hashlib.sha256(f"{context}\n{about}".encode()).digest()[:16]: name
            for name, context in self._contexts.items()
        }

    def _give_up(self, error: Exception) -> None:
        log.warning("the cache of scores is not used: %s", error)
        self.close()


def connect(path: Path) -> sqlite3.Connection:
    """Open the file, and make what it lacks.

    Raises:
        OSError: its folder cannot be made.
        sqlite3.Error: it cannot be opened, or is something else.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    db = sqlite3.connect(path, timeout=30, isolation_level=None)
    db.execute("PRAGMA auto_vacuum = INCREMENTAL")
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = OFF")  # what a crash loses is measured again
    db.execute(
        "CREATE TABLE IF NOT EXISTS entry (image BLOB NOT NULL, context BLOB NOT NULL,"
        " content TEXT NOT NULL, day INTEGER NOT NULL, PRIMARY KEY (image, context))"
        " STRICT, WITHOUT ROWID"
    )
    db.execute(
        "CREATE TABLE IF NOT EXISTS picture (image BLOB NOT NULL, context BLOB NOT NULL,"
        " day INTEGER NOT NULL, content BLOB NOT NULL, PRIMARY KEY (image, context)) STRICT"
    )
    return db


def today() -> int:
    """The number of the day on which an entry is used."""
    return int(time.time()) // _DAY


def _forget_oldest(db: sqlite3.Connection, table: str) -> None:
    oldest, newest = db.execute(f"SELECT min(day), max(day) FROM {table}").fetchone()  # noqa: S608
    if oldest == newest:
        db.execute(f"DELETE FROM {table} WHERE abs(random()) % 5 = 0")  # noqa: S608
    else:
        db.execute(f"DELETE FROM {table} WHERE day = ?", (oldest,))  # noqa: S608
    db.execute("PRAGMA incremental_vacuum").fetchall()


def _holds_any(db: sqlite3.Connection, table: str) -> bool:
    return db.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone() is not None  # noqa: S608


def _picture_bytes(db: sqlite3.Connection) -> int:
    return int(db.execute("SELECT total(length(content)) FROM picture").fetchone()[0])


def _bytes(db: sqlite3.Connection) -> int:
    pages, free, size = (
        db.execute(f"PRAGMA {what}").fetchone()[0]
        for what in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * size)


def _about(request: Request) -> str:
    """What a measurement may depend on in a request. Its id is a name and no property."""
    return json.dumps(
        [
            request.prompt,
            request.negative_prompt,
            dict(request.metadata),
            dict(request.overrides),
            [file_digest(path) for path in request.references],
        ],
        default=str,
    )


def _is_outage(value: Kept) -> bool:
    return isinstance(value, Measurement) and value.unscored in _OUTAGES


def _encoded(value: Kept) -> str:
    if isinstance(value, int | tuple):
        return json.dumps(value)
    return json.dumps(asdict(value), default=lambda number: number.item())


def _decoded(content: str) -> Kept:
    value = json.loads(content)
    if isinstance(value, int):
        return value
    if isinstance(value, list):
        width, height = value
        return int(width), int(height)
    unscored = value.pop("unscored")
    models = tuple(ModelUse(**m) for m in value.pop("models"))
    return Measurement(**value, unscored=Unscored(unscored) if unscored else None, models=models)
