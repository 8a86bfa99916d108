"""The decoded picture: 8-bit sRGB the right way up, decoded once and shared by all measures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sentinelqa.errors import ScoringError
from sentinelqa.features import colour
from sentinelqa.features.base import FeatureInput
from sentinelqa.features.decoding import MAX_PIXELS, open_image, probe
from sentinelqa.features.srgb import RGB, flatten, orientation_of, upright
from sentinelqa.types import ModelUse

__all__ = ["Picture", "Pixels", "decode", "probe"]


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """One decoded image. Derived sizes and planes are computed once and kept with it.

    Attributes:
        rgb: ``height x width x 3``, sRGB, alpha laid over white, EXIF rotation applied.
        format: Pillow's name of the file format.
        mode: Pillow's mode before conversion: ``RGB``, ``P``, ``CMYK``, ``I;16`` ...
        bits: bits per channel in the file.
        icc: ``none``, ``converted`` (to sRGB) or ``unreadable`` (ignored).
        had_alpha: the file had transparency.
        orientation: the EXIF orientation that was undone; 1 is upright.
        animated: the file holds several frames; the first is used.
    """

    rgb: RGB
    format: str = ""
    mode: str = "RGB"
    bits: int = 8
    icc: str = "none"
    had_alpha: bool = False
    orientation: int = 1
    animated: bool = False
    _derived: dict[Any, Any] = field(default_factory=dict, repr=False)

    @property
    def width(self) -> int:
        return int(self.rgb.shape[1])

    @property
    def height(self) -> int:
        return int(self.rgb.shape[0])

    @property
    def luminance(self) -> NDArray[np.float32]:
        """``height x width`` relative luminance in linear light, 0 to 1."""
        if "luminance" not in self._derived:
            self._derived["luminance"] = colour.luminance(self.rgb)
        return self._derived["luminance"]  # type: ignore[no-any-return]

    @property
    def is_grey(self) -> bool:
        """Whether no pixel has a colour beyond rounding."""
        if "is_grey" not in self._derived:
            red, green, blue = cv2.split(self.within(512))
            most = cv2.max(cv2.max(red, green), blue)
            least = cv2.min(cv2.min(red, green), blue)
            self._derived["is_grey"] = bool(cv2.subtract(most, least).max() <= 2)
        return self._derived["is_grey"]  # type: ignore[no-any-return]

    def within(self, longest: int) -> RGB:
        """``rgb`` shrunk (area average) so that its longer side is at most ``longest`` pixels."""
        scale = longest / max(self.width, self.height)
        if scale >= 1:
            return self.rgb
        key = ("within", longest)
        if key not in self._derived:
            size = (max(1, round(self.width * scale)), max(1, round(self.height * scale)))
            self._derived[key] = cv2.resize(self.rgb, size, interpolation=cv2.INTER_AREA)
        return self._derived[key]  # type: ignore[no-any-return]

    def grey_within(self, longest: int) -> NDArray[np.float32]:
        """Gamma-coded luma (BT.601), 0 to 255, of :meth:`within`."""
        key = ("grey", min(longest, max(self.width, self.height)))
        if key not in self._derived:
            luma = cv2.cvtColor(self.within(longest), cv2.COLOR_RGB2GRAY)
            self._derived[key] = luma.astype(np.float32)
        return self._derived[key]  # type: ignore[no-any-return]

    def lab_within(self, longest: int) -> NDArray[np.float32]:
        """CIE L*a*b* of :meth:`within`."""
        key = ("lab", min(longest, max(self.width, self.height)))
        if key not in self._derived:
            self._derived[key] = colour.lab(self.within(longest))
        return self._derived[key]  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class Pixels:
    """Feature ``pixels``: a :class:`Picture` per file, or the reason why there is none."""

    max_pixels: int = MAX_PIXELS
    name: str = "pixels"
    version: str = "1"
    needs: tuple[str, ...] = ()
    models: tuple[ModelUse, ...] = ()

    def load(self, device: str) -> None:
        """Nothing to load."""

    def compute(self, batch: Sequence[FeatureInput]) -> list[Picture | ScoringError]:
        """Decode every file of the batch."""
        return [self._one(item.path) for item in batch]

    def _one(self, path: str) -> Picture | ScoringError:
        try:
            return decode(path, self.max_pixels)
        except ScoringError as error:
            return error


def decode(path: str, max_pixels: int = MAX_PIXELS) -> Picture:
    """Decode one file to 8-bit sRGB.

    Raises:
        ScoringError: see :mod:`sentinelqa.features.decoding` for the reason codes.
    """
    with open_image(path, max_pixels) as image:
        facts: dict[str, Any] = {
            "format": str(image.format),
            "mode": image.mode,
            "bits": _bits(image),
            "had_alpha": image.has_transparency_data,
            "animated": bool(getattr(image, "is_animated", False)),
        }
        image.load()  # before getexif, which would load too and whose errors are forgiven
        orientation = orientation_of(image)
        rgb, icc = flatten(image, path)
        image.close()  # its pixels go before turning makes others
        return Picture(upright(rgb, orientation), icc=icc, orientation=orientation, **facts)


def _bits(image: Image.Image) -> int:
    if image.format == "TIFF":
        depth = image.tag_v2.get(258, (8,))  # type: ignore[attr-defined]
        return int(depth[0] if isinstance(depth, tuple) else depth)
    tile = image.tile[0] if image.format == "PNG" and image.tile else None  # type: ignore[attr-defined]
    raw = str(tile[3] if tile else "")
    packed = raw.rpartition(";")[2].rstrip("BLN")
    return int(packed) if packed.isdigit() else 8
