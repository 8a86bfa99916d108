"""Files that are whole or not there: written beside their place, synced, then renamed into it.

A rename replaces a file in one step, so a reader never sees half of one. What is written survives
a power loss once the call returns: the bytes are synced before the rename, the folder after it.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from sentinelqa.errors import StorageError

PART = ".part"
"""Ending of files that are being written. One that is left behind by a crash is worthless."""


@contextmanager
def storing() -> Iterator[None]:
    """Around writes that a run cannot go on without: errors of the disk as ``StorageError``.

    Raises:
        StorageError: the disk refused something.
    """
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"the disk refused a file of the run: {error}; free some space, or mend the disk, and "
            "run the same command again"
        ) from error


@contextmanager
def placing(path: Path) -> Iterator[Path]:
    """As ``replacing``, in a folder that is there and with nothing synced: whole after the death of
    any process, and after a power loss perhaps empty. For what can be made again."""
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}{PART}")
    try:
        yield part
        part.rename(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path to write to; what lies there when the block ends takes the place of ``path``.

    When the block raises, ``path`` stays as it was.
    """
    with _taking_the_place_of(path) as part:
        yield part
        sync(part)


def write_atomically(path: Path, content: bytes) -> None:
    """Make ``path`` hold ``content``, durably and in one step."""
    with _taking_the_place_of(path) as part:
        write_new(part, content)


def write_json(
    path: Path, value: Any, *, ensure_ascii: bool = True, sort_keys: bool = False
) -> None:
    """Make ``path`` hold a value as JSON that people can read, durably and in one step."""
    text = json.dumps(value, indent=2, ensure_ascii=ensure_ascii, sort_keys=sort_keys)
    write_atomically(path, f"{text}\n".encode())


def read_json(path: Path) -> dict[str, Any] | None:
    """The JSON object in a file that may have been written; ``None`` where it was not."""
    if not path.is_file():
        return None
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def write_new(path: Path, content: bytes) -> None:
    """Write a file that must not exist yet, and sync its bytes.

    Raises:
        FileExistsError: there is a file already; it is left alone.
        OSError: the disk is full or failing; what was written is removed.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    try:
        try:
            left = memoryview(content)
            while left:
                left = left[os.write(descriptor, left) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError:
        path.unlink(missing_ok=True)
        raise


def make_folder(folder: Path) -> None:
    """Make a folder and those above it; their names survive a power loss."""
    if folder.is_dir():
        _sync_names(folder)
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    sync(folder.parent)


def leftovers(root: Path) -> Iterator[Path]:
    """The unfinished files under ``root`` that a crash left behind."""
    yield from root.rglob(f".*{PART}")


@contextmanager
def _taking_the_place_of(path: Path) -> Iterator[Path]:
    make_folder(path.parent)
    with placing(path) as part:
        yield part
    sync(path.parent)


@lru_cache(maxsize=4096)
def _sync_names(folder: Path) -> None:
    """Make the name of a folder that was there already durable, once per process: whoever made it
    may have died before syncing."""
    for above in (folder.parent, folder.parent.parent):
        sync(above)


def sync(path: Path) -> None:
    """Make the bytes of a file, or the names in a folder, durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
