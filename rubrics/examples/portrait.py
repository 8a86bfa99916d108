"""Makes the example pictures of the headshot rubric beside this file, from one photograph.

    python rubrics/examples/portrait.py

The photograph is NASA's portrait of Eileen Collins (public domain), as scikit-image ships it. Needs
``sentinelqa[faces]``, scikit-image and ``sentinelqa models pull --for headshot``.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import skimage.data
from numpy.typing import NDArray
from PIL import Image

from sentinelqa.features.base import FeatureInput
from sentinelqa.features.person import MODEL, PersonFinder
from sentinelqa.features.pixels import Picture
from sentinelqa.types import Request

HERE = Path(__file__).resolve().parent
RGB = NDArray[np.uint8]
WALL = (168, 176, 184)


def photograph() -> RGB:
    """Head and shoulders, 360 pixels square."""
    return np.ascontiguousarray(skimage.data.astronaut()[0:360, 40:400])


def before(rgb: RGB, wall: RGB) -> RGB:
    """The person of a picture before a wall."""
    finder = PersonFinder(MODEL)
    finder.load("cpu")
    (person,) = finder.compute([FeatureInput("", Request(id="x"), {"pixels": Picture(rgb)})])
    if person.mask is None:
        raise SystemExit(person.reason)
    soft = cv2.GaussianBlur(person.mask.astype(np.float32), (0, 0), 1.5)[..., None]
    return np.rint(rgb * soft + wall * (1 - soft)).astype(np.uint8)


def even(rgb: RGB) -> RGB:
    """A grey wall of the picture's size."""
    return np.full_like(rgb, WALL)


def tiles(rgb: RGB) -> RGB:
    """A wall of small tiles."""
    wall = even(rgb)
    wall[::14] = wall[1::14] = wall[:, ::14] = wall[:, 1::14] = 70
    return wall


def darker(rgb: RGB, stops: float) -> RGB:
    """Exposed by so many stops less, in linear light."""
    light = (rgb / 255.0) ** 2.2 / 2**stops
    return np.rint(light ** (1 / 2.2) * 255).astype(np.uint8)


def main() -> None:
    """Write the pictures."""
    original = photograph()
    plain = before(original, even(original))
    pictures = {
        "portrait-reference.jpg": original,
        "portrait.jpg": plain,
        "portrait-dark.jpg": darker(plain, 2.6),
        "portrait-blurred.jpg": cv2.GaussianBlur(plain, (0, 0), 4),
        "portrait-cut-off.jpg": plain[:, 175:],
        "portrait-twice.jpg": np.hstack([plain, plain[:, ::-1]]),
        "portrait-tiles.jpg": before(original, tiles(original)),
    }
    for name, rgb in pictures.items():
        Image.fromarray(np.ascontiguousarray(rgb)).save(HERE / name, quality=92)


if __name__ == "__main__":
    main()
