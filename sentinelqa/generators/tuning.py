"""How a model is run on this device: number format, memory layout, compilation. Measured, recorded.

The settings change the last bits of pixels, so a run chooses once: what was chosen is kept in the
run directory (``generator.json``) and used again when the run is resumed.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from sentinelqa.files import write_atomically

REPEATS = 3
WORTH = 0.98
"""A setting is taken when its time is at most this share of the time without it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """Settings of the device's work.

    Attributes:
        dtype: of weights and activations.
        channels_last: the denoiser and the decoder keep pixels' channels together.
        compiled: the denoiser goes through ``torch.compile``; costs half a minute at the start.
        tf32: float32 products may round their inputs to 10 bits.
        measured: seconds of one short batch under each layout that was tried.
    """

    dtype: str
    channels_last: bool = False
    compiled: bool = False
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


def choose(
    pipeline: Any, short_batch: Callable[[], object], *, compiled: bool, dtype: torch.dtype
) -> Tuning:
    """Time a short batch with each memory layout, and keep the faster.

    Only on a GPU: on a CPU neither layout wins by more than timing noise, and the choice would
    differ from run to run.
    """
    cuda = pipeline.device.type == "cuda"
    name = str(dtype).removeprefix("torch.")
    plain = Tuning(dtype=name, compiled=compiled, tf32=cuda and dtype == torch.float32)
    apply(pipeline, plain)
    if not cuda or not has_convolutions(pipeline):
        return plain
    try:
        contiguous = _seconds(short_batch)
        _layout(pipeline, torch.channels_last)
        last = _seconds(short_batch)
    except torch.OutOfMemoryError:
        # batches are halved until they fit when there is work; there is nothing to compare here
        _layout(pipeline, torch.contiguous_format)
        return plain
    better = last <= WORTH * contiguous
    if not better:
        _layout(pipeline, torch.contiguous_format)
    return Tuning(
        dtype=name,
        channels_last=better,
        compiled=compiled,
        tf32=plain.tf32,
        measured=(("contiguous", contiguous), ("channels_last", last)),
    )


def apply(pipeline: Any, tuning: Tuning) -> None:
    """Bring a pipeline, freshly loaded in ``tuning.dtype``, into these settings."""
    if tuning.tf32:
        torch.backends.cuda.matmul.allow_tf32 = True
        torch.backends.cudnn.allow_tf32 = True
    if tuning.channels_last:
        _layout(pipeline, torch.channels_last)
    if tuning.compiled:
        denoiser_of(pipeline).compile(dynamic=False)


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
    write_atomically(record, (json.dumps(facts, indent=2) + "\n").encode())


def denoiser_of(pipeline: Any) -> Any:
    """The network that runs at every step."""
    return getattr(pipeline, "unet", None) or pipeline.transformer


def has_convolutions(pipeline: Any) -> bool:
    """Whether the memory layout matters to the denoiser."""
    return getattr(pipeline, "unet", None) is not None


def _layout(pipeline: Any, layout: torch.memory_format) -> None:
    for part in (denoiser_of(pipeline), pipeline.vae):
        part.to(memory_format=layout)


def _seconds(work: Callable[[], object]) -> float:
    """The fastest of a few, after one that warms up."""
    work()
    taken = []
    for _ in range(REPEATS):
        torch.cuda.synchronize()
        start = time.perf_counter()
        work()
        torch.cuda.synchronize()
        taken.append(time.perf_counter() - start)
    return min(taken)
