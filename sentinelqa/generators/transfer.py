"""From the device to the host: eight bits a channel, copied while the device goes on.

On a GPU, pixels are rounded where they are, copied into page-locked memory behind the work that
made them, and marked with an event. Whoever wants them waits for the event; the thread that hands
work to the device does not.
"""

from __future__ import annotations

import time

import torch

from sentinelqa.errors import GenerationError
from sentinelqa.generators.base import Image


class Arriving:
    """The pixels of one device batch on their way to the host.

    Args:
        pixels: batch x 3 x height x width in [0, 1].
        count: how many of the batch are wanted; the others fill its shape.
    """

    def __init__(self, pixels: torch.Tensor, count: int) -> None:
        wanted = pixels[:count]
        finite = torch.isfinite(wanted).flatten(1).all(1)
        rounded = wanted.float().nan_to_num(0).clamp(0, 1).mul(255).round().to(torch.uint8)
        self._pixels = _to_host(rounded.permute(0, 2, 3, 1).contiguous())
        self._finite = _to_host(finite)
        self._there = _marked(pixels.device)

    def images(self) -> list[Image | GenerationError]:
        """Wait for them.

        Raises:
            GenerationError: the device failed.
        """
        if self._there is not None:
            try:
                self._there.synchronize()
            except RuntimeError as error:
                raise GenerationError(f"the device failed: {error}") from error
        return [
            image if good else GenerationError("the pipeline returned NaN or infinite pixels")
            for image, good in zip(self._pixels.numpy(), self._finite.tolist(), strict=True)
        ]


class Clock:
    """The device's time from here to ``stop``, read without holding the device up."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._began = time.perf_counter()
        self._ended = self._began
        self._start = _marked(device, timing=True)
        self._end: torch.cuda.Event | None = None

    def stop(self) -> None:
        """All work that is timed has been handed to the device."""
        self._ended = time.perf_counter()
        self._end = _marked(self._device, timing=True)

    @property
    def seconds(self) -> float:
        """Waits until the device is done."""
        if self._start is None or self._end is None:
            return self._ended - self._began
        self._end.synchronize()
        return float(self._start.elapsed_time(self._end)) / 1000


def _to_host(tensor: torch.Tensor) -> torch.Tensor:
    if tensor.device.type != "cuda":
        return tensor.cpu()
    host = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
    return host.copy_(tensor, non_blocking=True)


def _marked(device: torch.device, *, timing: bool = False) -> torch.cuda.Event | None:
    """An event after all work that the device has been given; ``None`` where nothing is queued."""
    if device.type != "cuda":
        return None
    event = torch.cuda.Event(enable_timing=timing)
    event.record(torch.cuda.current_stream(device))
    return event
