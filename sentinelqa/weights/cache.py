"""Where fetched models lie on this machine, and whether the network may be used."""

from __future__ import annotations

import errno
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sentinelqa.errors import RunError
from sentinelqa.files import make_folder, sync

_DAY = 86_400
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


@contextmanager
def workshop() -> Iterator[Path]:
    """A temporary folder in the cache, where a model is put together before it is moved in place.

    What an attempt that was killed has left behind is removed after a day.
    """
    base = cache_root() / "unfinished"
    base.mkdir(parents=True, exist_ok=True)
    for old in base.iterdir():
        if time.time() - old.stat().st_mtime > _DAY:
            shutil.rmtree(old, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=base, ignore_cleanup_errors=True) as name:
        yield Path(name)


def move_into_place(made: Path, target: Path) -> None:
    """Give a finished folder its name; what lay there under that name goes away."""
    make_folder(target.parent)
    for path in made.rglob("*"):
        sync(path)
    if target.exists():
        target.rename(made.parent / f"{target.name}.replaced")
    made.rename(target)
    sync(target.parent)


def need_space(folder: Path, size: int) -> None:
    """Refuse to start what the disk has no room for.

    Raises:
        RunError: too little is free.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if shutil.disk_usage(folder).free < size:
        raise disk_full(folder, size)


def is_disk_full(error: BaseException) -> bool:
    """Whether an operation failed because the disk, or the user's share of it, is full."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def disk_full(folder: Path, needed: int) -> RunError:
    """The error for a full disk, with what is free, what is needed, and what to do."""
    wanted = f", and {needed / 1e6:.0f} MB are needed" if needed else ""
    free = shutil.disk_usage(folder).free / 1e6
    return RunError(
        f"the disk is full: {folder} has {free:.0f} MB free{wanted}; nothing half-written was "
        "kept\n  remedy: free some space, or set SENTINELQA_CACHE to a folder on a larger disk"
    )
