"""The generating stage: a batch of candidates in, raw pixels in files out, inside a worker."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sentinelqa import registry
from sentinelqa.errors import GenerationError
from sentinelqa.files import storing
from sentinelqa.generators.base import Generator
from sentinelqa.job import Job
from sentinelqa.types import Candidate
from sentinelqa.weights import LicencePolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerateItem:
    """One device batch: candidates that share settings, and the fixed shape they are run at."""

    candidates: tuple[Candidate, ...]
    shape: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratedFiles:
    """What came of one batch.

    Attributes:
        paths: per candidate a raw ``.npy`` file of uint8 height x width x 3, or why there is none.
        seconds: the device's time for the whole batch.
        shape: the batch size that was really run.
    """

    paths: tuple[str | GenerationError, ...]
    seconds: float
    shape: int


class GenerateStage:
    """Makes images and leaves them in ``scratch``. See :class:`sentinelqa.engines.base.Stage`.

    Raw files cost a memory copy; encoding them is the scorers' work, off the device's path.
    """

    def __init__(self, make: Callable[[], Generator], scratch: str) -> None:
        self._generator = make()
        self._scratch = Path(scratch)

    def load(self) -> None:
        self._generator.load()

    def run(self, item: GenerateItem) -> GeneratedFiles:
        generated = self._generator.generate(item.candidates, item.shape)
        paths: list[str | GenerationError] = []
        for candidate, image in zip(item.candidates, generated.images, strict=True):
            if isinstance(image, GenerationError):
                paths.append(image)
                continue
            path = self._scratch / f"{candidate.id}.npy"
            with storing():
                np.save(path, image, allow_pickle=False)
            paths.append(str(path))
        return GeneratedFiles(
            paths=tuple(paths),
            seconds=generated.seconds,
            shape=generated.shape,
        )


def make_generator(job: Job) -> Generator:
    """The generator that a job names: a registered one, else diffusers with that model."""
    name = job.settings.model
    if name in registry.generators and name != "diffusers":
        made: Generator = registry.generators.load(name)()
        return made
    diffusers_generator = registry.generators.load("diffusers")
    return diffusers_generator(  # type: ignore[no-any-return]
        job.settings,
        device=job.device,
        dtype=job.dtype,
        policy=LicencePolicy(job.licences, frozenset(job.acknowledge)),
        allow_unpinned=job.allow_unpinned,
    )


def make_generate_stage(job: Job, scratch: str) -> GenerateStage:
    """For :class:`sentinelqa.engines.base.StageSpec`."""
    return GenerateStage(lambda: make_generator(job), scratch)
