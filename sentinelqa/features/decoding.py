"""Opening image files that strangers made: what is refused before a decoder sees a byte, and why.

Every refusal is a :class:`ScoringError` whose text starts with a stable reason code:
``missing``, ``not_a_file``, ``empty_file``, ``file_too_large``, ``image_too_large``,
``too_much_memory``, ``not_an_image``, ``truncated``, ``damaged``, ``non_finite``.

Four walls stand one behind the other: a list of formats, a cap on bytes, a cap on pixels, and
a limit on the memory that the process may gain while the image is open.
"""

from __future__ import annotations

import os
import stat
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from PIL import Image

from sentinelqa.errors import ScoringError
from sentinelqa.features.memory import limited_memory

FORMATS = ("PNG", "JPEG", "WEBP", "AVIF", "TIFF", "GIF", "BMP")
"""What is decoded. JPEG includes the MPO that phones write; of animations and MPO the first
frame counts. Formats that run programs or nest others (EPS, PDF, SVG, FITS) stay out."""

MAX_BYTES = 64 * 2**20
MAX_PIXELS = 50_000_000
MAX_MEMORY = 480 * 2**20
"""What decoding one image may take. Enough for the pixels that are allowed in every format but one:
the decoder of WebP holds four copies, so its pictures end at about 30 megapixels."""

DECODER_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    AttributeError,
    EOFError,
    MemoryError,
    RuntimeError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)
"""What Pillow's decoders raise on malformed input; its plug-ins do not share a base class."""


def unreadable(code: str, path: str, detail: str) -> ScoringError:
    """The error for an image that cannot be read: reason code, sentence, path."""
    return ScoringError(f"{code}: {detail}: {path}")


@contextmanager
def open_regular(path: str, max_bytes: int = MAX_BYTES) -> Iterator[BinaryIO]:
    """Open a regular file for reading, never following a link and never waiting on a FIFO.

    Raises:
        ScoringError: ``missing``, ``not_a_file``, ``empty_file`` or ``file_too_large``.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError as error:
        odd = ", and no name that is not UTF-8 can be read: rename it" if "\\x" in path else ""
        raise unreadable("missing", path, f"there is no such file{odd}") from error
    except (OSError, ValueError) as error:
        raise unreadable("not_a_file", path, "it cannot be opened as a plain file") from error
    try:
        _check_status(os.fstat(descriptor), path, max_bytes)
    except ScoringError:
        os.close(descriptor)
        raise
    with os.fdopen(descriptor, "rb") as file:
        yield file


def _check_status(status: os.stat_result, path: str, max_bytes: int) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise unreadable("not_a_file", path, "it is a folder, link, pipe or device")
    if status.st_size == 0:
        raise unreadable("empty_file", path, "the file has 0 bytes")
    if status.st_size > max_bytes:
        raise unreadable(
            "file_too_large", path, f"{status.st_size} bytes, at most {max_bytes} are read"
        )


@contextmanager
def open_image(path: str, max_pixels: int = MAX_PIXELS) -> Iterator[Image.Image]:
    """Open an image whose header was checked; pixels are decoded when the caller asks.

    Raises:
        ScoringError: what :func:`open_regular` and :func:`open_content` raise.
    """
    with open_regular(path) as file, open_content(file, path, max_pixels) as image:
        yield image


@contextmanager
def open_content(file: BinaryIO, path: str, max_pixels: int = MAX_PIXELS) -> Iterator[Image.Image]:
    """The same of what was opened, or read, already.

    Args:
        path: where it comes from, for errors.

    Raises:
        ScoringError: ``not_an_image``, ``image_too_large``; and ``too_much_memory``, ``truncated``
            or ``damaged`` for whatever goes wrong inside the ``with`` block.
    """
    with warnings.catch_warnings(), limited_memory(MAX_MEMORY):
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        with _header(file, path) as image:
            width, height = image.size
            if width * height > max_pixels:
                raise unreadable(
                    "image_too_large", path, f"{width}x{height} pixels, at most {max_pixels}"
                )
            try:
                yield image
            except DECODER_ERRORS as error:
                raise damage(error, path) from error


def probe(path: str, max_pixels: int = MAX_PIXELS) -> tuple[str, int, int]:
    """Format, width and height from the header alone; EXIF rotation is not applied.

    Raises:
        ScoringError: as :func:`open_image` does.
    """
    with open_image(path, max_pixels) as image:
        return str(image.format), image.width, image.height


def _header(file: BinaryIO, path: str) -> Image.Image:
    try:
        return Image.open(file, formats=FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise unreadable("image_too_large", path, str(error)) from error
    except MemoryError as error:
        raise damage(error, path) from error
    except DECODER_ERRORS as error:
        detail = f"not one of {', '.join(FORMATS)}, or its header is damaged"
        raise unreadable("not_an_image", path, detail) from error


def damage(error: BaseException, path: str) -> ScoringError:
    """The error for what a decoder raised: ``image_too_large``, ``too_much_memory``,
    ``truncated`` or ``damaged``."""
    if isinstance(error, (Image.DecompressionBombError, Image.DecompressionBombWarning)):
        return unreadable("image_too_large", path, str(error))
    text = str(error).lower()
    if isinstance(error, MemoryError) or "out of memory" in text:
        limit = f"decoding it takes more than {MAX_MEMORY // 2**20} MB"
        return unreadable("too_much_memory", path, limit)
    if isinstance(error, EOFError) or "truncated" in text or "end of file" in text:
        return unreadable("truncated", path, "the file ends before the picture does")
    return unreadable(
        "damaged", path, f"the decoder gave up ({str(error) or type(error).__name__})"
    )
