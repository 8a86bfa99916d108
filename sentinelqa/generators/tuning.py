"""How a model is run on this device: number format, memory layout, attention, compilation.
Measured, recorded.

The settings change the last bits of pixels, so a run chooses once: what was chosen is kept in the
run directory (``generator.json``) and used again when the run is resumed. For the same reason
cuDNN's own search for the fastest kernels stays off: it would choose anew in every process.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from sentinelqa.files import write_json

REPEATS = 3
WORTH = 0.98
"""A setting is taken when its time is at most this share of the time without it."""
FREE = 1.005
"""The same for a setting that saves memory."""
CUDNN_FIRST = [
    SDPBackend.CUDNN_ATTENTION,
    SDPBackend.FLASH_ATTENTION,
    SDPBackend.EFFICIENT_ATTENTION,
    SDPBackend.MATH,
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """Settings of the device's work.

    Attributes:
        dtype: of weights and activations.
        channels_last: the denoiser and the decoder keep pixels' channels together.
        cudnn_attention: cuDNN's kernel for attention before the others; else torch's own order.
        sliced: the decoder takes one image at a time, which needs less memory.
        compiled: ``whole`` where the denoiser goes through ``torch.compile``, ``regional`` where
            only the blocks that it repeats do; empty for neither.
        tf32: float32 products may round their inputs to 10 bits.
        measured: seconds of one short batch under each setting that was tried, in order; each on
            top of those that were taken before it.
    """

    dtype: str
    channels_last: bool = False
    cudnn_attention: bool = False
    sliced: bool = False
    compiled: str = ""
    tf32: bool = False
    measured: tuple[tuple[str, float], ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {**asdict(self), "measured": dict(self.measured)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Tuning:
        """What ``as_dict`` wrote."""
        measured = tuple((str(k), float(v)) for k, v in values["measured"].items())
        return cls(**{**values, "measured": measured})

    def attention(self) -> AbstractContextManager[Any]:
        """Around the device's work: which kernels attention may use."""
        return (
            sdpa_kernel(CUDNN_FIRST, set_priority=True) if self.cudnn_attention else nullcontext()
        )


def choose(pipeline: Any, short_batch: Callable[[], object], *, dtype: torch.dtype) -> Tuning:
    """Time a short batch under each setting, and keep what is faster.

    Only on a GPU: on a CPU no setting wins by more than timing noise, and the choice would differ
    from run to run. Compilation comes after it (``compiling.py``), since every setting that is
    tried would be compiled.
    """
    cuda = pipeline.device.type == "cuda"
    name = str(dtype).removeprefix("torch.")
    tuning = Tuning(dtype=name, tf32=cuda and dtype == torch.float32)
    apply(pipeline, tuning)
    if cuda:
        tuning = compare(pipeline, tuning, lambda: first_and_best(short_batch)[1])
    return tuning


def compare(pipeline: Any, tuning: Tuning, seconds: Callable[[], float]) -> Tuning:
    """Try one setting after the other; leaves the pipeline in those that are taken.

    Args:
        tuning: what the pipeline is in.
        seconds: times a short batch.
    """
    measured: list[tuple[str, float]] = []

    def timed(name: str, tried: Tuning) -> float:
        _set(pipeline, tried)
        try:
            with tried.attention():
                taken = seconds()
        except torch.OutOfMemoryError:
            # batches are halved until they fit when there is work; nothing can be compared here
            return float("inf")
        measured.append((name, taken))
        return taken

    best = timed("plain", tuning)
    for name, worth in _options(pipeline):
        changed: dict[str, Any] = {name: True}
        tried = replace(tuning, **changed)
        taken = timed(name, tried)
        if taken <= worth * best and taken < float("inf"):
            tuning, best = tried, taken
    _set(pipeline, tuning)
    return replace(tuning, measured=tuple(measured))


def apply(pipeline: Any, tuning: Tuning) -> None:
    """Bring a pipeline, freshly loaded in ``tuning.dtype``, into these settings. Attention's order
    is set around each call (:meth:`Tuning.attention`)."""
    if tuning.tf32:
        torch.backends.cuda.matmul.allow_tf32 = True
        torch.backends.cudnn.allow_tf32 = True
    _set(pipeline, tuning)


def _options(pipeline: Any) -> Iterator[tuple[str, float]]:
    """Names of settings that this pipeline knows, and at what share of the time each is taken."""
    if has_convolutions(pipeline):
        yield "channels_last", WORTH
    yield "cudnn_attention", WORTH
    if hasattr(pipeline.vae, "enable_slicing"):
        yield "sliced", FREE


def _set(pipeline: Any, tuning: Tuning) -> None:
    if has_convolutions(pipeline):
        last = tuning.channels_last
        _layout(pipeline, torch.channels_last if last else torch.contiguous_format)
    if hasattr(pipeline.vae, "enable_slicing"):
        (pipeline.vae.enable_slicing if tuning.sliced else pipeline.vae.disable_slicing)()


def recorded(record: Path) -> Tuning | None:
    """What an earlier process kept; ``None`` when there is nothing."""
    if not record.is_file():
        return None
    return Tuning.from_dict(json.loads(record.read_text(encoding="utf-8"))["tuning"])


def keep(record: Path, tuning: Tuning, pipeline: Any) -> None:
    """Write the choice down, with what it was made for."""
    device = pipeline.device
    facts = {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "pipeline": type(pipeline).__name__,
        "torch": torch.__version__,
        "tuning": tuning.as_dict(),
    }
    write_json(record, facts)


def denoiser_of(pipeline: Any) -> Any:
    """The network that runs at every step."""
    return getattr(pipeline, "unet", None) or pipeline.transformer


def has_convolutions(pipeline: Any) -> bool:
    """Whether the memory layout matters to the denoiser."""
    return getattr(pipeline, "unet", None) is not None


def _layout(pipeline: Any, layout: torch.memory_format) -> None:
    for part in (denoiser_of(pipeline), pipeline.vae):
        part.to(memory_format=layout)


def first_and_best(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds of the first time, which warms up, and of the fastest of a few after it."""
    taken = []
    for _ in range(1 + REPEATS):
        torch.cuda.synchronize()
        start = time.perf_counter()
        work()
        torch.cuda.synchronize()
        taken.append(time.perf_counter() - start)
    return taken[0], min(taken[1:])
