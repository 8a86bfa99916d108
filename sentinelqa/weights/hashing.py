"""Hashes of model files, and the memory of what was verified.

Hashing gigabytes at every start would cost minutes, so a file whose path, size, modification and
change times are those of a verified one counts as verified. A file that changed within the clock's
resolution of being hashed is not remembered, because a later change could go unseen.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Mapping
from pathlib import Path

from sentinelqa.files import write_atomically
from sentinelqa.weights.cache import cache_root

_SETTLED_NS = 2_000_000_000
_log = logging.getLogger(__name__)


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def manifest_of(hashes: Mapping[str, str]) -> str:
    """One SHA-256 for many files: of the lines ``<sha256>  <name>``, sorted by name.

    The lines are what ``sha256sum`` prints, so anybody can compute it with a shell.
    """
    lines = "".join(f"{digest}  {name}\n" for name, digest in sorted(hashes.items()))
    return hashlib.sha256(lines.encode()).hexdigest()


class Verified:
    """Remembers the hashes of files that have not changed since they were computed."""

    def __init__(self) -> None:
        self._path = cache_root() / "verified.json"
        self._known: dict[str, list[object]] = _read(self._path)
        self._new: dict[str, list[object]] = {}

    def sha256_of(self, path: Path, *, fresh: bool = False) -> str:
        """The file's hash, from memory where it cannot have changed; ``fresh`` always reads."""
        stat = path.stat()
        key = str(path.resolve())
        mark = [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns]
        known = self._known.get(key)
        if not fresh and known is not None and known[:3] == mark:
            return str(known[3])
        digest = sha256_of(path)
        if time.time_ns() - max(stat.st_mtime_ns, stat.st_ctime_ns) > _SETTLED_NS:
            self._known[key] = self._new[key] = [*mark, digest]
        return digest

    def save(self) -> None:
        """Keep what was learned. A cache that cannot be written costs time, not the run."""
        if not self._new:
            return
        try:
            merged = {k: v for k, v in _read(self._path).items() if Path(k).exists()} | self._new
            write_atomically(self._path, json.dumps(merged).encode())
        except OSError as error:
            _log.warning("the memory of verified models cannot be written: %s", error)


def _read(path: Path) -> dict[str, list[object]]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(data, dict):
        return {}
    return {k: v for k, v in data.items() if isinstance(v, list) and len(v) == 4}
