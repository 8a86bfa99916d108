"""Denoising in two parts: all to step ``k``, then those that are worth it to the end.

Between the parts candidates may be dropped and regrouped into full batches. The pipelines are stock
ones; only their scheduler is replaced for the call. The result is bit for bit that of a call that
was not interrupted, at the same batch shape, because

- the first part is stopped through the pipeline's own ``_interrupt`` with its latents as output;
- the second part starts from these latents with a scheduler that begins at step ``k``;
- the solvers allowed here keep nothing between steps and draw no noise.

Shrinking the batch inside ``callback_on_step_end`` instead fails on pipelines that make tensors of
the batch's size before the loop.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from sentinelqa.heartbeat import progress

PIPELINES = ("StableDiffusionPipeline", "StableDiffusionXLPipeline")
"""Pipelines whose ``latents`` go in as they come out, and that can be interrupted."""
SOLVERS = ("DDIMScheduler", "EulerDiscreteScheduler")
"""Schedulers of one step without memory or noise, which say what clean image they predict."""


@dataclass(frozen=True, slots=True)
class Scouted:
    """The state after the first part.

    Attributes:
        latents: to go on with; batch x channels x height x width.
        predicted: the clean latents that the last step predicts, same shape.
    """

    latents: torch.Tensor
    predicted: torch.Tensor


def why_whole(pipeline: Any) -> str:
    """Why this pipeline is not split; empty when it can be."""
    kind = type(pipeline).__name__
    if kind not in PIPELINES:
        return f"{kind} is not known to go on from its own latents"
    solver = type(pipeline.scheduler).__name__
    if solver not in SOLVERS:
        return f"{solver} keeps a history or draws noise between steps"
    return ""


def scout(pipeline: Any, arguments: Mapping[str, Any], step: int) -> Scouted:
    """Denoise up to and including step number ``step``, from 1."""

    def stop(running: Any, index: int, _: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        running._interrupt = index + 1 >= step
        progress()
        return tensors

    with _scheduler(pipeline, begin=0) as scheduler:
        latents = pipeline(
            **arguments, output_type="latent", callback_on_step_end=stop, return_dict=False
        )[0]
    return Scouted(latents, scheduler.predicted)


def resume(
    pipeline: Any, arguments: Mapping[str, Any], latents: torch.Tensor, step: int
) -> torch.Tensor:
    """Denoise from after step ``step`` to the end, and decode. Pixels in [0, 1], batch first."""
    with _scheduler(pipeline, begin=step):
        pixels: torch.Tensor = pipeline(
            **{**arguments, "latents": latents},
            output_type="pt",
            callback_on_step_end=stepped,
            return_dict=False,
        )[0]
    return pixels


def stepped(_running: Any, _index: int, _timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
    """For a pipeline to call after each step: it gets on."""
    progress()
    return tensors


@contextmanager
def _scheduler(pipeline: Any, *, begin: int) -> Iterator[Any]:
    """The pipeline with a twin of its scheduler that begins at ``begin`` and remembers what each
    step predicts."""
    own = pipeline.scheduler
    twin = copy.copy(own)
    twin.__class__ = _windowed(type(own), begin)
    pipeline.scheduler = twin
    try:
        yield twin
    finally:
        pipeline.scheduler = own


def _windowed(kind: type[Any], begin: int) -> type[Any]:
    @functools.wraps(kind.set_timesteps)
    def set_timesteps(self: Any, *args: Any, **kwargs: Any) -> None:
        kind.set_timesteps(self, *args, **kwargs)
        self.timesteps = self.timesteps[begin:]
        if hasattr(self, "set_begin_index"):
            self.set_begin_index()

    def set_begin_index(self: Any, begin_index: int = 0) -> None:
        kind.set_begin_index(self, begin + begin_index)

    # pipelines read the signature of ``step`` to know what it takes
    @functools.wraps(kind.step)
    def step(self: Any, *args: Any, return_dict: bool = True, **kwargs: Any) -> Any:
        output = kind.step(self, *args, return_dict=True, **kwargs)
        self.predicted = output.pred_original_sample
        return output if return_dict else (output.prev_sample, output.pred_original_sample)

    members: dict[str, Callable[..., Any] | property] = {
        "set_timesteps": set_timesteps,
        "step": step,
    }
    if hasattr(kind, "set_begin_index"):
        # pipelines set it to 0 themselves, and mean the first of their timesteps
        members["set_begin_index"] = set_begin_index
    if begin:
        # latents that come from a step have their scale already
        members["init_noise_sigma"] = property(lambda _: 1.0)
    return type(kind.__name__, (kind,), members)
