"""Existing images from files, folders, globs and fsspec URLs, in a stable order."""

from __future__ import annotations

import glob
import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from sentinelqa.errors import JobError
from sentinelqa.registry import missing_package

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".avif")
PROTOCOLS = {"file": "", "memory": "", "s3": "s3", "s3a": "s3", "gs": "gcsfs", "gcs": "gcsfs"}
"""URL protocols that images are read from, and what each needs. http is left out on purpose: a
URL in somebody's table must not make this machine call whatever address it names."""


def find_images(paths: Iterable[str]) -> Iterator[str]:
    """Stream the images that ``paths`` name; every image once, each argument's in sorted order.

    A folder is searched through all its subfolders, without following links. A file named outright
    is taken whatever its suffix, so that what is not an image is reported rather than skipped.

    Raises:
        JobError: a path that does not exist, a glob that matches nothing, a folder without images,
            a URL of a protocol that is not allowed.
    """
    seen: set[str] = set()
    for path in paths:
        found = False
        for image in _images_of(path):
            found = True
            key = image if "://" in image else os.path.abspath(image)  # noqa: PTH100 - links stay
            if key not in seen:
                seen.add(key)
                yield image
        if not found:
            raise JobError(
                f"there are no images in {path!r}",
                remedy=f"images end in {', '.join(SUFFIXES)}",
            )


def listing_digest(paths: Sequence[str]) -> str:
    """The sha256 of which images there are, with size and time of change where they are files.

    Raises:
        JobError: a path that does not exist, or names no image.
    """
    digest = hashlib.sha256()
    for image in find_images(paths):
        digest.update(f"{image}\x1f".encode())
        if "://" not in image:
            status = os.lstat(image)
            digest.update(f"{status.st_size}\x1f{status.st_mtime_ns}\x1f".encode())
    return digest.hexdigest()


def fetch(url: str, into: Path) -> Path:
    """Copy the image behind an fsspec URL to a local file and return its path."""
    filesystem, name = _filesystem(url)
    target = into / Path(name).name
    filesystem.get_file(name, str(target))
    return target


def _images_of(path: str) -> Iterator[str]:
    if "://" in path:
        return _images_of_url(path)
    if os.path.isdir(path):  # noqa: PTH112 - a name with a NUL byte must not raise here
        return _walk(path)
    if os.path.lexists(path):
        return iter([path])
    if glob.has_magic(path):
        return (
            image
            for match in sorted(glob.glob(path, recursive=True))  # noqa: PTH207 - any root
            for image in (_walk(match) if Path(match).is_dir() else _if_image(match))
        )
    raise JobError(f"there is no file or folder {path!r}")


def _walk(folder: str) -> Iterator[str]:
    for entry in sorted(os.scandir(folder), key=lambda e: e.name):
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(entry.path)
        else:
            yield from _if_image(entry.path)


def _if_image(path: str) -> Iterator[str]:
    if path.lower().endswith(SUFFIXES):
        yield path


def _images_of_url(url: str) -> Iterator[str]:
    filesystem, name = _filesystem(url)
    protocol = url.partition("://")[0]
    if glob.has_magic(name):
        names = filesystem.glob(name)
    elif filesystem.isdir(name):
        names = filesystem.find(name)
    elif filesystem.exists(name):
        yield url
        return
    else:
        raise JobError(f"there is nothing at {url!r}")
    for found in sorted(names):
        if found.lower().endswith(SUFFIXES):
            yield f"{protocol}://{found.lstrip('/') if protocol != 'file' else found}"


def _filesystem(url: str) -> tuple[Any, str]:
    import fsspec

    protocol = url.partition("://")[0].lower()
    if protocol not in PROTOCOLS:
        raise JobError(
            f"images are not read from {protocol}:// addresses",
            where=url,
            remedy=f"one of {', '.join(p + '://' for p in PROTOCOLS)}, or a downloaded copy",
        )
    try:
        return fsspec.core.url_to_fs(url)  # type: ignore[no-any-return]
    except ImportError as error:
        raise missing_package(f"reading {protocol}://", "s3fs", PROTOCOLS[protocol]) from error
