"""Existing images from files, folders, globs and fsspec URLs, in a stable order."""

from __future__ import annotations

import glob
import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from sentinelqa.errors import JobError
from sentinelqa.sources.addresses import fetch, filesystem_of, is_address, local_path, shown

__all__ = ["fetch", "find_images", "listing_digest"]

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".avif")


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
            image = _named(image)
            key = image if is_address(image) else os.path.abspath(image)  # noqa: PTH100 - links stay
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
        if not is_address(image) and os.path.lexists(image):
            status = os.lstat(image)
            digest.update(f"{status.st_size}\x1f{status.st_mtime_ns}\x1f".encode())
    return digest.hexdigest()


def _images_of(path: str) -> Iterator[str]:
    if is_address(path):
        local = local_path(path)
        if local is None:
            return _images_of_url(path)
        path = local
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


def _named(image: str) -> str:
    """The path as tables can hold it. Bytes that are not UTF-8 are written ``\\xff``; no such file
    can be opened, so the image is reported as unreadable and the others are scored."""
    return os.fsencode(image).decode(errors="backslashreplace")


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
    filesystem, name = filesystem_of(url)
    protocol = url.partition("://")[0].lower()
    if glob.has_magic(name):
        names = filesystem.glob(name)
    elif filesystem.isdir(name):
        names = filesystem.find(name)
    elif filesystem.exists(name):
        yield url
        return
    else:
        raise JobError(f"there is nothing at {shown(url)!r}")
    for found in sorted(names):
        if found.lower().endswith(SUFFIXES):
            yield f"{protocol}://{found.lstrip('/')}"
