"""What a generator is: it turns a batch of candidates into pixels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from sentinelqa.errors import GenerationError
from sentinelqa.types import Candidate, ModelUse, Settings

Image = NDArray[np.uint8]
"""Height x width x 3, sRGB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Generated:
    """What came of one batch.

    Attributes:
        images: one per candidate in the same order; an error where one could not be made.
        seconds: the device's time for the batch.
        shape: the batch size that was run. Where it differs from the planned one (memory ran
            out), the pixels may differ in the last bits from a run with the planned size.
    """

    images: Sequence[Image | GenerationError]
    seconds: float
    shape: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Halfway:
    """Candidates that were denoised part of the way.

    Attributes:
        latents: per candidate what ``finish`` goes on with, opaque to everybody else.
        previews: per candidate what it will look like, perhaps at a smaller size.
        seconds: the device's time for the batch.
        shape: the batch size that was run.
    """

    latents: Sequence[NDArray[Any]]
    previews: Sequence[Image | GenerationError]
    seconds: float
    shape: int


@runtime_checkable
class Generator(Protocol):
    """Makes images. Construction is cheap and picklable; weights load in ``load``."""

    @property
    def models(self) -> tuple[ModelUse, ...]:
        """The models that make the images. Known after ``load``."""
        ...

    def load(self) -> None:
        """Load weights, once per process.

        Raises:
            ModelError, LicenceError: before anything heavy is read.
        """
        ...

    def generate(self, batch: Sequence[Candidate], shape: int) -> Generated:
        """Make every candidate of ``batch``, which share ``settings``.

        The computation always has batch size ``shape`` (short batches are padded), because the
        kernels that a library picks, and so the last bits of the pixels, depend on the shape;
        at a fixed shape a candidate's pixels do not depend on its neighbours.
        """
        ...


@runtime_checkable
class Beginning(Protocol):
    """What a generator has in addition when its device works while nobody waits."""

    def begin(self, batch: Sequence[Candidate], shape: int) -> Callable[[], Generated]:
        """Hand a batch to the device, as ``generate`` does, and do not wait for the pixels.

        Returns:
            A call that waits for them. It may be made from another thread while the next batch is
            begun.
        """
        ...


@runtime_checkable
class Halting(Protocol):
    """What a generator has in addition when it can stop half way, and go on with fewer."""

    def why_whole(self, settings: Settings) -> str:
        """Why candidates with these settings cannot be halted; empty when they can."""
        ...

    def scout(self, batch: Sequence[Candidate], shape: int, step: int) -> Halfway:
        """Denoise up to and including step number ``step``."""
        ...

    def finish(
        self, batch: Sequence[Candidate], shape: int, step: int, latents: Sequence[NDArray[Any]]
    ) -> Generated:
        """Go on after ``step``. At equal shapes the pixels are those of ``generate``, bit for bit,
        whatever neighbours each candidate had before."""
        ...
