"""From what a decoder gives to 8-bit sRGB, strip by strip.

Besides the decoder's own picture only the result stands in memory as a whole, so that the largest
picture keeps to the memory limit of :mod:`sentinelqa.features.decoding`.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from sentinelqa.features.decoding import unreadable

RGB = NDArray[np.uint8]

_WIDE_GREY = ("I", "I;16", "I;16B", "I;16L", "I;16N", "F")
_DIRECT = ("RGB", "L", "CMYK")
_MAX_PROFILE = 4 * 2**20
_STRIP_PIXELS = 2**16
"""Strips of this size come from memory that the process has; larger ones are fetched from the
kernel and given back each time, which takes as long as decoding."""
_WHOLE_PIXELS = 2**24
"""Up to this size a picture that is 8-bit sRGB already is taken as a whole: one more copy fits."""


def flatten(image: Image.Image, path: str) -> tuple[RGB, str]:
    """A loaded picture as ``height x width x 3``, alpha laid over white; EXIF is not looked at.

    Returns:
        The pixels, and ``none``, ``converted`` or ``unreadable`` for the colour profile.

    Raises:
        ScoringError: ``non_finite``.
    """
    full_scale = _full_scale(image, path) if image.mode in _WIDE_GREY else 0.0
    transform, icc = _transform(image)
    plain = image.mode == "RGB" and transform is None and not image.has_transparency_data
    if plain and image.width * image.height <= _WHOLE_PIXELS:
        return np.asarray(image), icc
    rgb = np.empty((image.height, image.width, 3), np.uint8)
    top = 0
    for strip in _strips(image):
        grey = _eight_bits(strip, full_scale) if full_scale else strip
        rgb[top : top + strip.height] = np.asarray(_flat(grey, transform), np.uint8)
        top += strip.height
    return rgb, icc


def orientation_of(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1 where it cannot be read."""
    try:
        value = image.getexif().get(0x0112, 1)
    except (OSError, SyntaxError, ValueError, TypeError, LookupError, struct.error):
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def upright(pixels: RGB, orientation: int) -> RGB:
    """Undo the way in which the camera was held; of ``height x width`` or with colours."""
    if 5 <= orientation <= 8:
        pixels = pixels.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)


def _strips(image: Image.Image) -> Iterator[Image.Image]:
    rows = max(1, _STRIP_PIXELS // max(1, image.width))
    for top in range(0, image.height, rows):
        yield image.crop((0, top, image.width, min(top + rows, image.height)))


def _full_scale(image: Image.Image, path: str) -> float:
    """The value that is white: 65535, or for floating point 1 or 255, whichever fits."""
    if image.mode != "F":
        return 65535.0
    highest = 0.0
    for strip in _strips(image):
        values = np.asarray(strip)
        if not np.isfinite(values).all():
            raise unreadable("non_finite", path, "pixels hold NaN or infinite values")
        highest = max(highest, float(values.max(initial=0.0)))
    return 1.0 if highest <= 1.0 else 255.0


def _eight_bits(strip: Image.Image, full_scale: float) -> Image.Image:
    values = np.asarray(strip, np.float64) * (255 / full_scale)
    return Image.fromarray(np.clip(np.rint(values), 0, 255).astype(np.uint8))


def _transform(image: Image.Image) -> tuple[Any, str]:
    """How the file's own colours become sRGB; ``None`` where they are taken as they are."""
    profile = image.info.get("icc_profile") or b""
    if not profile:
        return None, "none"
    mode = image.mode if image.mode in _DIRECT and not image.has_transparency_data else "RGB"
    if image.mode in _WIDE_GREY:
        mode = "L"
    if len(profile) > _MAX_PROFILE:
        return None, "unreadable"
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None, "unreadable"
    return transform, "converted"


def _flat(strip: Image.Image, transform: Any) -> Image.Image:
    alpha = None
    if strip.has_transparency_data:
        rgba = strip.convert("RGBA")
        alpha, strip = rgba.getchannel("A"), rgba.convert("RGB")
    elif strip.mode not in _DIRECT:
        strip = strip.convert("RGB")
    if transform is not None:
        strip = ImageCms.applyTransform(strip, transform) or strip
    flat = strip if strip.mode == "RGB" else strip.convert("RGB")
    if alpha is None:
        return flat
    return Image.composite(flat, Image.new("RGB", flat.size, (255, 255, 255)), alpha)
