"""Image files of a run: named by the hash of their bytes, and written whole or not at all.

PNG without text chunks or times, so that equal pixels give equal bytes on every machine with the
same OpenCV.
"""

from __future__ import annotations

import hashlib
import io
import secrets
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from sentinelqa.features.decoding import open_content, open_regular, probe
from sentinelqa.features.pixels import Picture, undecoded
from sentinelqa.files import PART, make_folder, sync, write_new
from sentinelqa.types import StoredImage

__all__ = [
    "encode_fast",
    "encode_small",
    "identify",
    "inspect",
    "read",
    "sha256",
    "sha256_of_file",
    "store",
    "thumbnail",
]

RGB = NDArray[np.uint8]
"""Height x width x 3, sRGB."""

FOLDER = "images"
SCRATCH = "tmp"
_CHUNK = 1 << 20
_AT_ONCE = 4 << 20
"""Files up to this size are read once, for all that is to be known of them: a scorer may hold a
batch of such."""
_THUMBNAIL_QUALITY = 80


def store(root: Path, encoded: bytes, *, width: int, height: int) -> StoredImage:
    """Keep an encoded image under ``root``, durably. Storing the same bytes again changes nothing.

    Args:
        root: the run directory.
        encoded: a whole PNG file.

    Returns:
        The image, with a path ``images/ab/cdef….png`` relative to ``root``.

    Raises:
        OSError: the disk is full or failing.
    """
    digest = sha256(encoded)
    relative = path_of(digest)
    place = root / relative
    make_folder(place.parent)
    if not (place.is_file() and place.stat().st_size == len(encoded)):
        scratch = root / SCRATCH
        scratch.mkdir(exist_ok=True)
        part = scratch / f".{digest}.{secrets.token_hex(4)}{PART}"
        write_new(part, encoded)
        part.rename(place)
    # also when the file was there: whoever renamed it may have died before this sync
    sync(place.parent)
    return StoredImage(sha256=digest, path=relative, width=width, height=height, size=len(encoded))


def path_of(digest: str) -> str:
    """Where an image with this hash lies in a run directory."""
    return f"{FOLDER}/{digest[:2]}/{digest[2:]}.png"


def encode_fast(rgb: RGB) -> bytes:
    """A lossless PNG, as cheaply as it gets: for candidates, most of which are thrown away.

    One fixed filter and zlib's lowest level: a quarter of the time of the usual level 6, for
    files about a tenth larger.
    """
    return _png(rgb, [cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_FILTER, _UP])


def encode_small(rgb: RGB) -> bytes:
    """A lossless PNG that is well compressed: for deliveries.

    Photographs compress best without looking for repeats, drawings with; the smaller one is taken.
    """
    natural = _png(
        rgb,
        [
            cv2.IMWRITE_PNG_COMPRESSION,
            1,
            cv2.IMWRITE_PNG_STRATEGY,
            cv2.IMWRITE_PNG_STRATEGY_RLE,
            cv2.IMWRITE_PNG_FILTER,
            _ALL,
        ],
    )
    drawn = _png(rgb, [cv2.IMWRITE_PNG_COMPRESSION, 6, cv2.IMWRITE_PNG_FILTER, _ALL])
    return min(natural, drawn, key=len)


def read(path: Path) -> RGB:
    """The pixels of an image file that this package wrote.

    Raises:
        OSError: there is no such file, or it is not a whole image.
    """
    decoded = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR_RGB)
    if decoded is None:
        raise OSError(f"{path} is not a whole image")
    return np.asarray(decoded, np.uint8)


def inspect(path: str, *, shown_as: str = "") -> tuple[StoredImage, Picture | None]:
    """What an existing image file is, from its header and bytes; the pixels are not decoded.

    Args:
        shown_as: the path to report, where it is not the one that is read.

    Returns:
        The image, and its picture where that came of the same reading: a plain JPEG's.

    Raises:
        ScoringError: it cannot be read as an image, with a reason code.
    """
    with open_regular(path) as file:
        content = file.read(_AT_ONCE + 1)
    if len(content) > _AT_ONCE:
        picture, (_, width, height) = None, probe(path)
        digest, size = identify(path)
    else:
        with open_content(io.BytesIO(content), path) as image:
            picture, (width, height) = undecoded(image, content, path), image.size
        digest, size = sha256(content), len(content)
    stored = StoredImage(
        sha256=digest, path=shown_as or path, width=width, height=height, size=size
    )
    return stored, picture


def identify(path: str) -> tuple[str, int]:
    """The sha256 and the size of an existing file; nothing in it is looked at.

    Raises:
        ScoringError: it is no plain file, or too large.
    """
    digest, size = hashlib.sha256(), 0
    with open_regular(path) as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return digest.hexdigest(), size


def thumbnail(rgb: RGB, side: int) -> bytes:
    """A small WebP whose longer side is at most ``side`` pixels."""
    height, width = rgb.shape[:2]
    scale = min(1.0, side / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA) if scale < 1 else rgb
    return _encode(".webp", small, [cv2.IMWRITE_WEBP_QUALITY, _THUMBNAIL_QUALITY])


def sha256(content: bytes) -> str:
    """The hash that names an image."""
    return hashlib.sha256(content).hexdigest()


def sha256_of_file(path: Path) -> str:
    """The hash of a file's bytes, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


_UP = cv2.IMWRITE_PNG_FILTER_UP
_ALL = cv2.IMWRITE_PNG_ALL_FILTERS


def _png(rgb: RGB, options: list[int]) -> bytes:
    return _encode(".png", rgb, options)


def _encode(kind: str, rgb: RGB, options: list[int]) -> bytes:
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3:
        raise ValueError(f"expected uint8 height x width x 3; got {rgb.dtype} {rgb.shape}")
    done, encoded = cv2.imencode(kind, cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), options)
    if not done:
        raise ValueError(f"OpenCV could not encode {rgb.shape} as {kind}")
    return bytes(encoded.tobytes())
