"""Photographs that packages ship, pictures drawn here, and ways to degrade them.

Nothing is committed and nothing is downloaded by itself: scikit-image carries its photographs in
its wheel; ``--samples FOLDER`` adds pictures of your own.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import skimage
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from sentinelqa.features.pixels import decode

RGB = NDArray[np.uint8]
Change = Callable[[RGB], RGB]

SHIPPED = (
    "astronaut.png",
    "camera.png",
    "chelsea.png",
    "coffee.png",
    "coins.png",
    "hubble_deep_field.jpg",
    "motorcycle_left.png",
    "rocket.jpg",
)


def photographs(samples: Path | None = None) -> dict[str, RGB]:
    """Name -> picture: those that scikit-image ships, and those in ``samples``."""
    folder = Path(skimage.__file__).parent / "data"
    paths = [folder / name for name in SHIPPED]
    if samples is not None:
        paths += sorted(p for p in samples.iterdir() if p.suffix.lower() in (".png", ".jpg"))
    return {path.stem: decode(str(path)).rgb for path in paths}


RED = (180, 30, 40)


def label(name: str = "ACME Coffee", scale: float = 1.0, colour: tuple[int, int, int] = RED) -> RGB:
    """A drawn tin with three lines of writing on a white ground, ``scale`` of its usual size."""
    image = Image.new("RGB", (700, 500), (252, 252, 252))
    draw = ImageDraw.Draw(image)
    draw.rectangle((100, 60, 600, 440), fill=colour)
    draw.text((140, 100), name, fill="white", font=ImageFont.load_default(70))
    draw.text((140, 220), "Dark roast beans", (255, 230, 120), font=ImageFont.load_default(40))
    draw.ellipse((160, 300, 260, 400), fill=(20, 80, 40))
    draw.text((300, 330), "Net 250 g", fill="white", font=ImageFont.load_default(36))
    if scale == 1.0:
        return np.asarray(image)
    size = (round(700 * scale), round(500 * scale))
    ground = Image.new("RGB", (700, 500), (252, 252, 252))
    ground.paste(
        image.resize(size, Image.Resampling.LANCZOS), (350 - size[0] // 2, 250 - size[1] // 2)
    )
    return np.asarray(ground)


def blur(sigma: float) -> Change:
    """Gaussian, pixels."""
    return lambda rgb: rgb if sigma == 0 else np.asarray(cv2.GaussianBlur(rgb, (0, 0), sigma))


def noise(sigma: float) -> Change:
    """Gaussian, levels of 255; the same pattern every time."""

    def change(rgb: RGB) -> RGB:
        pattern = np.random.default_rng(0).normal(0, sigma, rgb.shape)
        return np.clip(rgb + pattern, 0, 255).astype(np.uint8)

    return change


def jpeg(quality: float) -> Change:
    """A round trip through JPEG; 100 leaves the picture as it is."""

    def change(rgb: RGB) -> RGB:
        if quality >= 100:
            return rgb
        buffer = io.BytesIO()
        Image.fromarray(rgb).save(buffer, "JPEG", quality=int(quality))
        return np.asarray(Image.open(buffer))

    return change


def exposure(stops: float) -> Change:
    """More light by ``stops``, in linear light."""

    def change(rgb: RGB) -> RGB:
        coded = rgb / 255
        light = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)
        light = np.clip(light * 2.0**stops, 0, 1)
        back = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
        return np.rint(back * 255).astype(np.uint8)

    return change


def posterised(step: float) -> Change:
    """Levels rounded down to multiples of ``step``."""
    return lambda rgb: (rgb // int(step) * int(step)).astype(np.uint8)


def lattice(amplitude: float) -> Change:
    """A checkerboard of single pixels, plus and minus ``amplitude`` levels."""

    def change(rgb: RGB) -> RGB:
        rows, columns = np.indices(rgb.shape[:2])
        sign = np.where((rows + columns) % 2, amplitude, -amplitude)[..., None]
        return np.clip(rgb + sign, 0, 255).astype(np.uint8)

    return change


GROUND = 205


def cut_out(rgb: RGB, mask: NDArray[np.bool_]) -> RGB:
    """What lies in ``mask``, pasted onto a plain grey ground with a soft edge."""
    sized = cv2.resize(mask.astype(np.float32), rgb.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    soft = cv2.GaussianBlur((sized > 0.5).astype(np.float32), (0, 0), 1)[..., None]
    return np.rint(rgb * soft + GROUND * (1 - soft)).astype(np.uint8)


def fringe(levels: float) -> Change:
    """A line of 4 pixels around what is not the grey ground, brighter by ``levels``."""

    def change(rgb: RGB) -> RGB:
        subject = (np.abs(rgb.astype(int) - GROUND).max(axis=2) > 2).astype(np.uint8)
        wide = cv2.dilate(subject, np.ones((9, 9), np.uint8))
        line = cv2.GaussianBlur((wide - subject).astype(np.float32), (0, 0), 0.8)[..., None]
        return np.clip(np.rint(rgb + levels * line), 0, 255).astype(np.uint8)

    return change


def hue(degrees: float) -> Change:
    """The hue turned."""

    def change(rgb: RGB) -> RGB:
        hsv = cv2.cvtColor(rgb, cv2.COLOR_RGB2HSV)
        hsv[..., 0] = (hsv[..., 0].astype(int) + round(degrees / 2)) % 180
        return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB), np.uint8)

    return change


def side_light(stops: float) -> Change:
    """Light that falls off by ``stops`` from the left to the right edge of the middle of the face
    of the astronaut (columns 180 to 270)."""

    def change(rgb: RGB) -> RGB:
        ramp = np.clip((np.arange(rgb.shape[1]) - 180) / 90, 0, 1) * -stops
        shades = [exposure(s)(rgb[:, i : i + 1]) for i, s in enumerate(ramp)]
        return np.concatenate(shades, axis=1)

    return change


def clutter(strength: float) -> Change:
    """Blobs behind the drawn tin, ``strength`` levels strong."""

    def change(rgb: RGB) -> RGB:
        blobs = np.random.default_rng(0).normal(0, 1, (25, 35, 3)).astype(np.float32)
        field = cv2.resize(blobs, rgb.shape[1::-1], interpolation=cv2.INTER_CUBIC) * strength
        behind = (rgb.min(axis=2) > 245)[..., None]
        return np.clip(np.where(behind, rgb - np.abs(field), rgb), 0, 255).astype(np.uint8)

    return change


def resized(share: float) -> Change:
    """Both sides times ``share``."""
    return lambda rgb: np.asarray(
        cv2.resize(rgb, None, fx=share, fy=share, interpolation=cv2.INTER_AREA), np.uint8
    )


def mirrored(rgb: RGB) -> RGB:
    """Left to right."""
    return np.ascontiguousarray(rgb[:, ::-1])
