"""Perceptual hashes: 64 bits that stay when a picture is recompressed or resized."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sentinelqa.errors import ScoringError
from sentinelqa.features.base import FeatureInput
from sentinelqa.features.pixels import Picture
from sentinelqa.types import ModelUse

_SIDE = 32
_KEPT = 8
_GAP = 4.0
"""By how many times what is wanted a large picture is averaged down first."""
_n = np.arange(_SIDE)
_DCT = 2 * np.cos(np.pi * np.outer(_n[:_KEPT], 2 * _n + 1) / (2 * _SIDE))


@dataclass(frozen=True, slots=True)
class PerceptualHash:
    """The hash of an image, and of the same image mirrored left to right."""

    phash: int
    mirrored: int


@dataclass(frozen=True, slots=True)
class Hashes:
    """Feature ``hashes``: DCT hashes as in Zauner, "Implementation and benchmarking of perceptual
    image hash functions" (2010), those of the package ``imagehash``: bit for bit but for large
    pictures, which are averaged down first (two bits in one of thirty photographs)."""

    name: str = "hashes"
    version: str = "2"
    needs: tuple[str, ...] = ("pixels",)
    models: tuple[ModelUse, ...] = ()

    def load(self, device: str) -> None:
        """Nothing to load."""

    def compute(self, batch: Sequence[FeatureInput]) -> list[PerceptualHash | ScoringError]:
        """Hash every picture of the batch."""
        return [hash_picture(item.features["pixels"]) for item in batch]


def hash_picture(picture: Picture) -> PerceptualHash:
    """Both hashes of one picture."""
    luma = Image.fromarray(picture.luma)
    resized = luma.resize((_SIDE, _SIDE), Image.Resampling.LANCZOS, reducing_gap=_GAP)
    small = np.asarray(resized, np.float64)
    return PerceptualHash(_bits(small), _bits(small[:, ::-1]))


def distance(first: int, second: int) -> int:
    """How many of the 64 bits differ."""
    return (first ^ second).bit_count()


def _bits(small: NDArray[np.float64]) -> int:
    low = _DCT @ small @ _DCT.T
    bits = (low > np.median(low)).ravel()
    return int.from_bytes(np.packbits(bits).tobytes(), "big")
