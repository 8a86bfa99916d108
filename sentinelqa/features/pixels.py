"""The picture: 8-bit sRGB the right way up, shared by all measures.

Most files are decoded at once and as a whole. A plain JPEG is decoded when a measure asks, and into
what it asks for: the luma, an overview at reduced size, or all of it. What each of these holds
depends on the file alone, never on which others were asked for, so an image's evidence is the same
whatever else a rubric looks at.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from sentinelqa.errors import ScoringError
from sentinelqa.features import colour
from sentinelqa.features.base import FeatureInput
from sentinelqa.features.decoding import MAX_PIXELS, open_image, probe
from sentinelqa.features.jpeg import JpegFile, Plane, essentials
from sentinelqa.features.srgb import RGB, flatten, orientation_of, upright
from sentinelqa.types import ModelUse

__all__ = ["Picture", "Pixels", "decode", "probe", "undecoded"]

T = TypeVar("T")


OVERVIEW = 512
"""The longer side, in pixels, that an overview has at least where the file has as many."""


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """One image. What is derived from its file is derived once and kept with it.

    Attributes:
        source: the decoded pixels, or a JPEG file that is decoded when it is looked at.
        format: Pillow's name of the file format.
        mode: Pillow's mode before conversion: ``RGB``, ``P``, ``CMYK``, ``I;16`` ...
        bits: bits per channel in the file.
        icc: ``none``, ``converted`` (to sRGB) or ``unreadable`` (ignored).
        had_alpha: the file had transparency.
        orientation: the EXIF orientation that was undone; 1 is upright.
        animated: the file holds several frames; the first is used.

    Raises:
        ScoringError: from whatever looks at the pixels of a JPEG file that cannot be decoded.
    """

    source: RGB | JpegFile
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
        return self._size[0]

    @property
    def height(self) -> int:
        return self._size[1]

    @property
    def _size(self) -> tuple[int, int]:
        if isinstance(self.source, JpegFile):
            return self.source.upright_size
        return int(self.source.shape[1]), int(self.source.shape[0])

    @property
    def rgb(self) -> RGB:
        """``height x width x 3``, sRGB, alpha laid over white, EXIF rotation applied."""
        if not isinstance(self.source, JpegFile):
            return self.source
        return self._once("rgb", self.source.rgb)

    @property
    def luma(self) -> Plane:
        """``height x width``, gamma-coded luma (BT.601), 0 to 255; a JPEG's own."""
        if isinstance(self.source, JpegFile):
            return self._once("luma", self.source.luma)
        return self._once("luma", lambda: _luma(self.rgb))

    @property
    def overview(self) -> RGB:
        """The whole picture: ``rgb``, or of a large JPEG file what its decoder gives at an eighth,
        a quarter or half of its size, the longer side at least 512 pixels."""
        if isinstance(self.source, JpegFile) and self._reduction > 1:
            return self._once("overview", partial(self.source.reduced, self._reduction))
        return self.rgb

    def overview_of(self, shorter: int) -> RGB:
        """:attr:`overview` where its shorter side has ``shorter`` pixels at least, else ``rgb``."""
        least = -(-min(self._size) // self._reduction)
        return self.overview if least >= shorter else self.rgb

    @property
    def _reduction(self) -> int:
        return self.source.scale_for(OVERVIEW) if isinstance(self.source, JpegFile) else 1

    @property
    def luminance(self) -> NDArray[np.float32]:
        """``height x width`` relative luminance in linear light, 0 to 1."""
        return self._once("luminance", lambda: colour.luminance(self.rgb))

    @property
    def is_grey(self) -> bool:
        """Whether no pixel has a colour beyond rounding."""
        return self._once("is_grey", lambda: _is_grey(self.within(OVERVIEW)))

    def within(self, longest: int) -> RGB:
        """``rgb`` shrunk (area average) so that its longer side is at most ``longest`` pixels; from
        :attr:`overview` where that is large enough."""
        whole = longest >= max(self.width, self.height)
        if whole or longest > OVERVIEW:
            return self.rgb if whole else self._shrunk("within", longest, self.rgb)
        return self._shrunk("within", longest, self.overview)

    def luma_within(self, longest: int) -> Plane:
        """:attr:`luma` shrunk as :meth:`within` does it; of :meth:`within` up to 512 pixels."""
        if longest >= max(self.width, self.height):
            return self.luma
        if longest > OVERVIEW and isinstance(self.source, JpegFile):
            return self._shrunk("luma", longest, self.luma)
        return self._once(("luma", longest), lambda: _luma(self.within(longest)))

    def grey_within(self, longest: int) -> NDArray[np.float32]:
        """:meth:`luma_within` in floating point, 0 to 255."""
        key = ("grey", min(longest, max(self.width, self.height)))
        return self._once(key, lambda: self.luma_within(longest).astype(np.float32))

    def lab_within(self, longest: int) -> NDArray[np.float32]:
        """CIE L*a*b* of :meth:`within`."""
        key = ("lab", min(longest, max(self.width, self.height)))
        return self._once(key, lambda: colour.lab(self.within(longest)))

    def _shrunk(self, name: str, longest: int, whole: NDArray[np.uint8]) -> NDArray[np.uint8]:
        scale = longest / max(self.width, self.height)
        size = (max(1, round(self.width * scale)), max(1, round(self.height * scale)))
        if whole.shape[1::-1] == size:
            return whole
        return self._once(
            (name, longest), lambda: cv2.resize(whole, size, interpolation=cv2.INTER_AREA)
        )

    def _once(self, key: Any, make: Callable[[], T]) -> T:
        if key not in self._derived:
            self._derived[key] = make()
        return self._derived[key]  # type: ignore[no-any-return]


def _luma(rgb: RGB) -> Plane:
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.uint8)


def _is_grey(rgb: RGB) -> bool:
    red, green, blue = cv2.split(rgb)
    most = cv2.max(cv2.max(red, green), blue)
    least = cv2.min(cv2.min(red, green), blue)
    return bool(cv2.subtract(most, least).max() <= 2)


@dataclass(frozen=True, slots=True)
class Pixels:
    """Feature ``pixels``: a :class:`Picture` per file, or the reason why there is none."""

    max_pixels: int = MAX_PIXELS
    name: str = "pixels"
    version: str = "2"
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
        if image.format == "JPEG" and isinstance(image, ImageFile.ImageFile) and image.fp:
            image.fp.seek(0)
            if (picture := undecoded(image, image.fp.read(), path)) is not None:
                return picture
        facts = _facts(image)
        image.load()  # before getexif, which would load too and whose errors are forgiven
        orientation = orientation_of(image)
        rgb, icc = flatten(image, path)
        image.close()  # its pixels go before turning makes others
        return Picture(upright(rgb, orientation), icc=icc, orientation=orientation, **facts)


def undecoded(image: Image.Image, content: bytes, path: str) -> Picture | None:
    """The picture of a file that may wait until it is looked at: a plain JPEG, which takes less
    memory than its pixels then. ``None`` for every other file.

    Args:
        image: the file's header, as Pillow read it.
        content: the whole file.
        path: where it was read, for errors.
    """
    plain = image.format == "JPEG" and image.mode in ("RGB", "L")
    if not plain or image.info.get("icc_profile"):
        return None
    kept = essentials(content, image.size)
    if kept is None or len(kept) > image.width * image.height:
        return None
    jpeg = JpegFile(kept, path, image.size, orientation_of(image))
    return Picture(jpeg, orientation=jpeg.orientation, **_facts(image))


def _facts(image: Image.Image) -> dict[str, Any]:
    return {
        "format": str(image.format),
        "mode": image.mode,
        "bits": _bits(image),
        "had_alpha": image.has_transparency_data,
        "animated": bool(getattr(image, "is_animated", False)),
    }


def _bits(image: Image.Image) -> int:
    if image.format == "TIFF":
        depth = image.tag_v2.get(258, (8,))  # type: ignore[attr-defined]
        return int(depth[0] if isinstance(depth, tuple) else depth)
    tile = image.tile[0] if image.format == "PNG" and image.tile else None  # type: ignore[attr-defined]
    raw = str(tile[3] if tile else "")
    packed = raw.rpartition(";")[2].rstrip("BLN")
    return int(packed) if packed.isdigit() else 8
