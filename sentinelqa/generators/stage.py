"""The generating stage: a batch of candidates in, raw pixels in files out, inside a worker."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from sentinelqa import registry
from sentinelqa.deferred import Deferred
from sentinelqa.errors import GenerationError
from sentinelqa.files import storing
from sentinelqa.generators import raw
from sentinelqa.generators.base import Beginning, Generated, Generator, Halfway, Halting
from sentinelqa.images import encode_fast
from sentinelqa.job import Job
from sentinelqa.tracing import span
from sentinelqa.types import Candidate
from sentinelqa.weights import LicencePolicy

log = logging.getLogger(__name__)

PREVIEW_SUFFIX = ".preview.png"
RECORD = "generator.json"
"""In the run directory: how the device's work is done. See ``tuning.py``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerateItem:
    """One device batch: candidates that share settings, and the fixed shape they are run at.

    Attributes:
        halt: the step after which to stop, or after which ``latents`` go on; 0 for one go.
        latents: per candidate the file to go on from; empty to begin at the beginning.
    """

    candidates: tuple[Candidate, ...]
    shape: int
    halt: int = 0
    latents: tuple[str, ...] = ()


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


@dataclass(frozen=True, slots=True, kw_only=True)
class HalfwayFiles:
    """What came of one batch that was halted.

    Attributes:
        latents: per candidate the file that it goes on from.
        previews: per candidate a picture of what it will look like, or why there is none.
        seconds, shape: as in :class:`GeneratedFiles`.
    """

    latents: tuple[str, ...]
    previews: tuple[str | GenerationError, ...]
    seconds: float
    shape: int


class GenerateStage:
    """Makes images and leaves them in ``scratch``. See :class:`sentinelqa.engines.base.Stage`.

    Raw files cost a memory copy, and are written while the next batch is made; encoding them is the
    scorers' work, off the device's path.
    """

    def __init__(self, make: Callable[[], Generator], scratch: str) -> None:
        self._generator = make()
        self._scratch = Path(scratch)

    def load(self) -> None:
        self._generator.load()

    def run(self, item: GenerateItem) -> Deferred:
        """Make a batch, or the first or the second part of it. A generator that cannot halt makes
        it in one go.

        Returns:
            A deferred :class:`GeneratedFiles` or :class:`HalfwayFiles`.
        """
        generator = self._generator
        if not item.halt or not isinstance(generator, Halting):
            return self._whole(item)
        if item.latents:
            latents = [np.load(path, allow_pickle=False) for path in item.latents]
            made = generator.finish(item.candidates, item.shape, item.halt, latents)
            return Deferred(partial(self._write, item, made))
        settings = item.candidates[0].settings
        if settings is None or (why := generator.why_whole(settings)):
            log.info("candidates are made in one go: %s", why if settings else "no settings")
            return self._whole(item)
        halfway = generator.scout(item.candidates, item.shape, item.halt)
        return Deferred(partial(self._write_halfway, item, halfway))

    def _whole(self, item: GenerateItem) -> Deferred:
        generator = self._generator
        if isinstance(generator, Beginning):
            coming = generator.begin(item.candidates, item.shape)
            return Deferred(lambda: self._write(item, coming()))
        made = generator.generate(item.candidates, item.shape)
        return Deferred(partial(self._write, item, made))

    def _write_halfway(self, item: GenerateItem, halfway: Halfway) -> HalfwayFiles:
        latents: list[str] = []
        previews: list[str | GenerationError] = []
        states = zip(item.candidates, halfway.latents, halfway.previews, strict=True)
        with storing():
            for candidate, state, preview in states:
                path = self._scratch / f"{candidate.id}.latents.npy"
                np.save(path, state, allow_pickle=False)
                latents.append(str(path))
                if isinstance(preview, GenerationError):
                    previews.append(preview)
                    continue
                picture = self._scratch / f"{candidate.id}{PREVIEW_SUFFIX}"
                picture.write_bytes(encode_fast(preview))
                previews.append(str(picture))
        return HalfwayFiles(
            latents=tuple(latents),
            previews=tuple(previews),
            seconds=halfway.seconds,
            shape=halfway.shape,
        )

    def _write(self, item: GenerateItem, generated: Generated) -> GeneratedFiles:
        paths: list[str | GenerationError] = []
        seconds = generated.seconds / len(item.candidates)
        made = raw.Raw("", seconds, item.shape, generated.shape)
        for candidate, image in zip(item.candidates, generated.images, strict=True):
            if isinstance(image, GenerationError):
                paths.append(image)
                continue
            with storing(), span("write"):
                paths.append(raw.save(self._scratch, candidate.id, image, made))
        return GeneratedFiles(
            paths=tuple(paths),
            seconds=generated.seconds,
            shape=generated.shape,
        )


def make_generator(job: Job, record: Path | None = None, expected: int = 0) -> Generator:
    """The generator that a job names: a registered one, else diffusers with that model.

    Args:
        record: file in which a generator keeps what it has measured and chosen.
        expected: candidates that the job comes to at least.
    """
    name = job.settings.model
    if name in registry.generators and name != "diffusers":
        made: Generator = registry.generators.load(name)()
        return made
    diffusers_generator = registry.generators.load("diffusers")
    return diffusers_generator(  # type: ignore[no-any-return]
        job.settings,
        device=job.device,
        dtype=job.dtype,
        compiled=job.compiled,
        expected=expected,
        record=record,
        policy=LicencePolicy(job.licences, frozenset(job.acknowledge)),
        allow_unpinned=job.allow_unpinned,
    )


def make_generate_stage(job: Job, scratch: str, expected: int = 0) -> GenerateStage:
    """For :class:`sentinelqa.engines.base.StageSpec`.

    Args:
        expected: candidates that the job comes to at least.
    """
    record = Path(scratch).parent / RECORD
    return GenerateStage(lambda: make_generator(job, record, expected), scratch)
