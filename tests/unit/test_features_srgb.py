"""Strips: how many a picture is converted in changes no pixel."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps

from sentinelqa.features import srgb
from sentinelqa.features.pixels import decode

SIZE = (37, 53)


def pictures() -> dict[str, tuple[Image.Image, dict[str, object]]]:
    rng = np.random.default_rng(3)
    width, height = SIZE
    rgb = Image.fromarray(rng.integers(0, 256, (height, width, 3), np.uint8))
    grey = rgb.getchannel(0)
    alpha = rgb.copy()
    alpha.putalpha(grey)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    wide = Image.fromarray(rng.integers(0, 65536, (height, width)).astype(np.uint16))
    # above 1 in a single place near the end: the scale is that of the whole picture
    real = rng.random((height, width)).astype(np.float32)
    real[-1, -1] = 200.0
    return {
        "plain.jpg": (rgb, {}),
        "rgb.png": (rgb, {"icc_profile": profile}),
        "alpha.png": (alpha, {"icc_profile": profile}),
        "grey-alpha.png": (Image.merge("LA", (grey, grey)), {}),
        "palette.png": (rgb.quantize(32), {"transparency": 3}),
        "key.png": (rgb, {"transparency": (1, 2, 3)}),
        "bits.png": (grey.convert("1"), {}),
        "wide.png": (wide, {}),
        "real.tiff": (Image.fromarray(real), {}),
        "cmyk.jpg": (rgb.convert("CMYK"), {}),
    }


@pytest.mark.parametrize("name", pictures())
def test_strips_change_nothing(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image, options = pictures()[name]
    path = str(tmp_path / name)
    image.save(path, **options)
    whole = decode(path)
    monkeypatch.setattr(srgb, "_STRIP_PIXELS", 5 * SIZE[0])
    monkeypatch.setattr(srgb, "_WHOLE_PIXELS", 0)
    strips = decode(path)
    assert np.array_equal(strips.rgb, whole.rgb)
    assert (strips.icc, strips.mode, strips.bits) == (whole.icc, whole.mode, whole.bits)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turning_is_what_pillow_does(orientation: int) -> None:
    image = pictures()["rgb.png"][0]
    exif = Image.Exif()
    exif[0x0112] = orientation
    image.info["exif"] = exif.tobytes()
    expected = np.asarray(ImageOps.exif_transpose(image))
    assert np.array_equal(srgb.upright(np.asarray(image), orientation), expected)
