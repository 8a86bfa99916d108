"""Patterns drawn from the seed: a generator without a model, for tests, dry runs and soak runs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from sentinelqa.generators.base import Generated, Halfway, Image
from sentinelqa.types import Candidate, ModelUse, Settings


class FakeGenerator:
    """Draws a soft disc on white, in a colour, place and size taken from the candidate's seed.

    Args:
        seconds: how long a batch takes: a paced device, for benchmarks of everything around it.
    """

    def __init__(self, seconds: float = 0.0) -> None:
        self._seconds = seconds

    @property
    def models(self) -> tuple[ModelUse, ...]:
        return (ModelUse(id="fake", licence="Apache-2.0"),)

    def load(self) -> None:
        """Nothing to load."""

    def generate(self, batch: Sequence[Candidate], shape: int) -> Generated:
        """See :class:`sentinelqa.generators.base.Generator`."""
        start = time.perf_counter()
        images = [draw(candidate) for candidate in batch]
        self._wait(start, 1.0)
        return Generated(images=images, seconds=time.perf_counter() - start, shape=shape)

    def why_whole(self, settings: Settings) -> str:
        """See :class:`sentinelqa.generators.base.Halting`."""
        return ""

    def scout(self, batch: Sequence[Candidate], shape: int, step: int) -> Halfway:
        """See :class:`sentinelqa.generators.base.Halting`. Half way the picture is there already,
        and the time is this share of the steps."""
        start = time.perf_counter()
        previews = [draw(candidate) for candidate in batch]
        self._wait(start, step / _steps(batch))
        latents = [np.array([candidate.seed], np.uint64) for candidate in batch]
        taken = time.perf_counter() - start
        return Halfway(latents=latents, previews=previews, seconds=taken, shape=shape)

    def finish(
        self,
        batch: Sequence[Candidate],
        shape: int,
        step: int,
        latents: Sequence[np.ndarray[Any, Any]],
    ) -> Generated:
        """See :class:`sentinelqa.generators.base.Halting`."""
        start = time.perf_counter()
        for candidate, state in zip(batch, latents, strict=True):
            if int(state[0]) != candidate.seed:
                raise ValueError(f"candidate {candidate.id} is given another one's latents")
        images = [draw(candidate) for candidate in batch]
        self._wait(start, 1 - step / _steps(batch))
        return Generated(images=images, seconds=time.perf_counter() - start, shape=shape)

    def _wait(self, start: float, share: float) -> None:
        time.sleep(max(0.0, share * self._seconds - (time.perf_counter() - start)))


def _steps(batch: Sequence[Candidate]) -> int:
    settings = batch[0].settings
    return settings.steps if settings else 1


def draw(candidate: Candidate) -> Image:
    """The picture of one candidate: a pure function of its seed and size."""
    if candidate.settings is None:
        raise ValueError(f"candidate {candidate.id} has no settings to draw with")
    width, height = candidate.settings.width, candidate.settings.height
    rng = np.random.default_rng(candidate.seed)
    x, y = rng.uniform(0.35, 0.65, 2)
    radius = rng.uniform(0.15, 0.3)
    colour = rng.uniform(20, 220, 3)
    ys, xs = np.mgrid[0:height, 0:width]
    distance = np.hypot(xs / width - x, ys / height - y)
    softness = rng.uniform(0.002, 0.05)
    inside = np.clip((radius - distance) / softness + 0.5, 0, 1)[..., None]
    texture = rng.normal(0, 6, (height, width, 1)) * inside
    pixels: Image = np.clip(255 * (1 - inside) + colour * inside + texture, 0, 255).astype(np.uint8)
    return pixels
