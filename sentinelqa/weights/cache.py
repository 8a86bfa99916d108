"""Where fetched models lie on this machine, and whether the network may be used."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

_FALSE = ("", "0", "false", "no", "off")


def cache_root() -> Path:
    """``SENTINELQA_CACHE``, else the platform's folder for caches with ``sentinelqa`` in it."""
    if own := os.environ.get("SENTINELQA_CACHE"):
        return Path(own).expanduser()
    if base := os.environ.get("XDG_CACHE_HOME"):
        return Path(base) / "sentinelqa"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "sentinelqa"
    if local := os.environ.get("LOCALAPPDATA"):
        return Path(local) / "sentinelqa" / "Cache"
    return Path.home() / ".cache" / "sentinelqa"


def model_folder(model_id: str, manifest: str) -> Path:
    """Where the files of a registered model are kept; another pin is another folder."""
    return cache_root() / "models" / f"{model_id}-{manifest[:16]}"


def offline() -> str:
    """The name of the environment variable that forbids the network; empty when none does."""
    for name in ("SENTINELQA_OFFLINE", "HF_HUB_OFFLINE"):
        if os.environ.get(name, "").lower() not in _FALSE:
            return name
    return ""


def replace_text(path: Path, text: str) -> None:
    """Write a small file so that it is never seen half-written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
