"""Ten thousand candidates from a few hundred renders of the starter model.

Generating that many would take hours. So each candidate is a render of its request's prompt seen
anew (mirrored, moved, nearer or farther, lighter or darker, at 128 to 256 pixels), and some are
spoilt in one of the ways in which generated pictures fail. How many differs from request to
request, as pass rates of prompts do: many requests pass hardly ever, a few nearly always. About a
quarter of all passes. A candidate is the same in every run on a machine.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.material import photographs
from sentinelqa.generators.diffusers import DiffusersGenerator
from sentinelqa.types import Candidate, Settings, candidate_seed

RGB = NDArray[np.uint8]
Rng = np.random.Generator

CATALOG = Path(__file__).parent.parent / "examples" / "catalog" / "products.csv"
SETTINGS = Settings(model="starter", steps=16, guidance=2.5, width=128, height=128)
BATCH = 4
SIDES = (128, 128, 128, 160, 192, 256)
SPOILT = (1.4, 0.7)
"""Beta distribution over requests of the share of candidates to which something is done."""


@dataclass(frozen=True, slots=True)
class Product:
    """A prompt of the example catalog, and what the starter model drew for it."""

    prompt: str
    renders: tuple[RGB, ...]


def products(renders: int, most: int | None = None) -> list[Product]:
    """Products of the example catalog, each drawn ``renders`` times."""
    with CATALOG.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))[:most]
    generator = DiffusersGenerator(SETTINGS, device="cpu")
    generator.load()
    made = []
    for row in rows:
        prompt = f"a {row['colour']} {row['product']}, studio product photo, white background"
        candidates = [
            Candidate(
                id=f"{n:016x}",
                request_id=row["id"],
                index=n,
                seed=candidate_seed(7, row["id"], n),
                prompt=prompt,
                settings=SETTINGS,
            )
            for n in range(renders)
        ]
        drawn: list[RGB] = []
        for start in range(0, renders, BATCH):
            images = generator.generate(candidates[start : start + BATCH], BATCH).images
            drawn.extend(image for image in images if isinstance(image, np.ndarray))
        made.append(Product(prompt, tuple(drawn)))
    return made


def candidate(catalog: Sequence[Product], request: int, index: int) -> RGB:
    """One candidate of a request, which wants product ``request`` modulo their number."""
    spoilt = np.random.default_rng(request).beta(*SPOILT)
    rng = np.random.default_rng([request, index])
    wanted = catalog[request % len(catalog)]
    rgb = wanted.renders[int(rng.integers(len(wanted.renders)))]
    way = int(rng.integers(len(_WAYS))) if rng.random() < spoilt else None
    if way == _ANOTHER:
        other = catalog[(request + int(rng.integers(1, len(catalog)))) % len(catalog)]
        rgb = other.renders[int(rng.integers(len(other.renders)))]
    seen = _seen(rgb, rng)
    return seen if way is None else _WAYS[way](seen, rng)


def candidates(catalog: Sequence[Product], request: int, count: int) -> Iterator[RGB]:
    """All candidates of a request."""
    return (candidate(catalog, request, index) for index in range(count))


def _seen(rgb: RGB, rng: Rng) -> RGB:
    """The same thing from another place, in other light, at another size."""
    side = int(rng.choice(SIDES))
    if rng.random() < 0.5:
        rgb = rgb[:, ::-1]
    scale = side / rgb.shape[0] * rng.uniform(0.9, 1.05)
    shift = side / 2 - scale * rgb.shape[0] / 2 + rng.uniform(-0.04, 0.04, 2) * side
    placed = _placed(rgb, scale, shift, side)
    return _lit(placed, rng.uniform(0.85, 1.15))


def _placed(rgb: RGB, scale: float, shift: NDArray[np.float64], side: int) -> RGB:
    matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    return np.asarray(
        cv2.warpAffine(
            np.ascontiguousarray(rgb),
            matrix,
            (side, side),
            flags=cv2.INTER_CUBIC,
            borderMode=cv2.BORDER_REPLICATE,
        ),
        np.uint8,
    )


def _lit(rgb: RGB, gamma: float) -> RGB:
    table = (255 * (np.arange(256) / 255) ** gamma).round().astype(np.uint8)
    return table[rgb]


def _blurred(rgb: RGB, rng: Rng) -> RGB:
    return np.asarray(cv2.GaussianBlur(rgb, (0, 0), rgb.shape[0] * rng.uniform(0.008, 0.03)))


def _noisy(rgb: RGB, rng: Rng) -> RGB:
    noisy = rgb + rng.normal(0, rng.uniform(8, 40), rgb.shape)
    return noisy.clip(0, 255).astype(np.uint8)


def _in_blocks(rgb: RGB, rng: Rng) -> RGB:
    quality = int(rng.integers(3, 20))
    _, coded = cv2.imencode(".jpg", rgb, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)


def _cut_off(rgb: RGB, rng: Rng) -> RGB:
    side = rgb.shape[0]
    return _placed(rgb, 1.0, rng.choice([-1.0, 1.0], 2) * rng.uniform(0.2, 0.5, 2) * side, side)


def _far_off(rgb: RGB, rng: Rng) -> RGB:
    side, scale = rgb.shape[0], rng.uniform(0.2, 0.5)
    return _placed(rgb, scale, np.full(2, side * (1 - scale) / 2), side)


def _striped(rgb: RGB, rng: Rng) -> RGB:
    """On a patterned ground: what is nearly white gets stripes."""
    stripes = 40 * np.sin(np.arange(rgb.shape[1]) * rng.uniform(0.2, 0.8))[None, :, None]
    ground = rgb.min(axis=2, keepdims=True) > 200
    return np.where(ground, (rgb - 50 + stripes).clip(0, 255), rgb).astype(np.uint8)


def _recoloured(rgb: RGB, rng: Rng) -> RGB:
    hsv = cv2.cvtColor(rgb, cv2.COLOR_RGB2HSV)
    hsv[..., 0] = (hsv[..., 0].astype(int) + int(rng.integers(30, 150))) % 180
    return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB), np.uint8)


def _unasked(rgb: RGB, rng: Rng) -> RGB:
    """A scene instead of the product."""
    return photographs(3, rgb.shape[0], seed=int(rng.integers(1000)))[int(rng.integers(3))]


def _as_it_is(rgb: RGB, _: Rng) -> RGB:
    return rgb


_WAYS: tuple[Callable[[RGB, Rng], RGB], ...] = (
    _blurred,
    _noisy,
    _in_blocks,
    _cut_off,
    _far_off,
    _striped,
    _recoloured,
    _unasked,
    _as_it_is,
)
_ANOTHER = _WAYS.index(_as_it_is)
"""Another product than was asked for, well drawn."""
