"""Real photographs for tests, from scikit-image's package data, and ways to degrade them."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import skimage.data
from numpy.typing import NDArray
from PIL import Image

RGB = NDArray[np.uint8]

NAMES = ("astronaut", "chelsea", "coffee", "rocket")


@cache
def _read(name: str) -> RGB:
    rgb = np.ascontiguousarray(getattr(skimage.data, name)()[..., :3])
    rgb.flags.writeable = False
    return rgb


def photograph(name: str) -> RGB:
    """One of :data:`NAMES` as ``H x W x 3``."""
    return _read(name).copy()


def shrunk(rgb: RGB, longest: int) -> RGB:
    """The picture with its longer side at most ``longest``."""
    scale = min(1.0, longest / max(rgb.shape[:2]))
    size = (round(rgb.shape[1] * scale), round(rgb.shape[0] * scale))
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)


def jpeg(rgb: RGB, quality: int) -> RGB:
    """The picture after a round trip through JPEG."""
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))


def blurred(rgb: RGB, sigma: float) -> RGB:
    """The picture under a Gaussian blur of ``sigma`` pixels."""
    return np.asarray(cv2.GaussianBlur(rgb, (0, 0), sigma), np.uint8)


def noisy(rgb: RGB, sigma: float) -> RGB:
    """The picture with Gaussian noise of ``sigma`` levels."""
    noise = np.random.default_rng(0).normal(0, sigma, rgb.shape)
    return np.clip(rgb + noise, 0, 255).astype(np.uint8)


def exposed(rgb: RGB, stops: float) -> RGB:
    """The picture exposed by ``stops`` more, in linear light."""
    light = np.where(rgb <= 10.31475, rgb / 3294.6, ((rgb / 255 + 0.055) / 1.055) ** 2.4)
    light = np.clip(light * 2.0**stops, 0, 1)
    coded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.rint(coded * 255).astype(np.uint8)


def spoilt_jpeg(path: Path) -> Path:
    """A JPEG file in which all is in its place, with a Huffman code that cannot be: it is found out
    when it is decoded."""
    buffer = io.BytesIO()
    Image.fromarray(photograph("coffee")).save(buffer, "JPEG")
    content = bytearray(buffer.getvalue())
    place = content.index(b"\xff\xc4") + 5
    content[place : place + 16] = b"\xff" * 16
    path.write_bytes(content)
    return path
