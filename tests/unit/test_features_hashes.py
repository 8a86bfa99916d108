from __future__ import annotations

import io

import imagehash
import numpy as np
import pytest
from PIL import Image

from sentinelqa.features.base import FeatureInput
from sentinelqa.features.hashes import Hashes, distance, hash_picture
from sentinelqa.features.pixels import Picture
from sentinelqa.types import Request


def texture(seed: int, width: int = 200, height: int = 150) -> np.ndarray:
    noise = np.random.default_rng(seed).integers(0, 255, (9, 12, 3), np.uint8)
    return np.asarray(Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC))


@pytest.mark.parametrize("seed", range(8))
def test_agrees_bit_for_bit_with_imagehash(seed: int) -> None:
    rgb = texture(seed)
    expected = int(str(imagehash.phash(Image.fromarray(rgb))), 16)
    assert hash_picture(Picture(rgb)).phash == expected


def test_mirrored_hash_recognises_a_mirror_image() -> None:
    one = hash_picture(Picture(texture(1)))
    other = hash_picture(Picture(np.ascontiguousarray(texture(1)[:, ::-1])))
    assert distance(one.mirrored, other.phash) <= 2
    assert distance(one.phash, other.phash) > 10


def test_survives_recompression_and_resizing_but_tells_pictures_apart() -> None:
    rgb = texture(2)
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "JPEG", quality=60)
    jpeg = np.asarray(Image.open(buffer))
    half = np.asarray(Image.fromarray(rgb).resize((100, 75)))
    batch = [
        FeatureInput("", Request(id="r"), {"pixels": Picture(pixels)})
        for pixels in (rgb, jpeg, half, texture(3))
    ]
    base, compressed, smaller, other = (value.phash for value in Hashes().compute(batch))
    assert distance(base, compressed) <= 6
    assert distance(base, smaller) <= 6
    assert distance(base, other) > 12
