"""Product pictures drawn for tests: a patterned box on a plain background, and what ruins it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

COLOURS = {"red": (200, 30, 30), "green": (34, 139, 34), "blue": (30, 90, 200)}


def product(
    seed: int, colour: str = "red", size: int = 128, fill: float = 0.6, paper: int = 255
) -> Image.Image:
    """A box with stripes and dots, its place and pattern drawn from ``seed``."""
    rng = np.random.default_rng(seed)
    image = Image.new("RGB", (size, size), (paper, paper, paper))
    draw = ImageDraw.Draw(image)
    width, height = size * fill, size * fill * rng.uniform(0.6, 0.95)
    left = (size - width) / 2 + rng.uniform(-0.03, 0.03) * size
    top = (size - height) / 2 + rng.uniform(-0.03, 0.03) * size
    base = np.array(COLOURS[colour]) * rng.uniform(0.85, 1.1)
    box = (left, top, left + width, top + height)
    draw.rectangle(box, fill=_rgb(base))
    for at in np.linspace(left + 6, left + width - 10, int(rng.integers(4, 8))):
        draw.rectangle((at, top + 4, at + 3, top + height - 4), fill=_rgb(base * 0.6))
    return image


def blurred(image: Image.Image, pixels: float) -> Image.Image:
    """Out of focus."""
    return image.filter(ImageFilter.GaussianBlur(pixels))


def noisy(image: Image.Image, levels: float, seed: int) -> Image.Image:
    """Grain of so many levels."""
    noise = np.random.default_rng(seed).normal(0, levels, (*image.size[::-1], 3))
    return Image.fromarray(np.clip(np.asarray(image) + noise, 0, 255).astype(np.uint8))


def save(image: Image.Image, path: Path) -> Path:
    """Write a PNG, with its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)
    return path


def _rgb(values: np.ndarray) -> tuple[int, int, int]:  # type: ignore[type-arg]
    red, green, blue = (int(min(255, v)) for v in values)
    return red, green, blue
