"""What a candidate will look like, from the clean latents predicted half way.

Where the latents are large, a linear map from a latent's channels to RGB, fitted to the encoder by
least squares on drawn pictures, shows enough and costs nothing; it gives one pixel per latent.
Where they are small, that is too coarse to judge, and the decoder itself is used.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

SIDE_FOR_LINEAR = 64
"""Latents of at least this side are shown through the linear map."""
PICTURES, SIDE = 24, 128
"""What the map is fitted to: drawn pictures, pixels a side."""


class Previewer:
    """Turns predicted latents into pixels, for one pipeline."""

    def __init__(self, pipeline: Any) -> None:
        self._vae = pipeline.vae
        self._map: torch.Tensor | None = None

    def pixels(self, latents: torch.Tensor) -> torch.Tensor:
        """Batch x 3 x height x width in [0, 1] (linear: an eighth of the image's side)."""
        if min(latents.shape[-2:]) < SIDE_FOR_LINEAR:
            return self._decoded(latents)
        if self._map is None:
            self._map = fit_linear(self._vae)
        weights, bias = self._map[:-1], self._map[-1]
        shown = torch.einsum("bchw,cr->brhw", latents.float(), weights) + bias[None, :, None, None]
        return shown.clamp(0, 1)

    def _decoded(self, latents: torch.Tensor) -> torch.Tensor:
        config = self._vae.config
        shift = getattr(config, "shift_factor", None) or 0.0
        latents = latents.to(self._vae.dtype) / config.scaling_factor + shift
        return (self._vae.decode(latents, return_dict=False)[0] / 2 + 0.5).clamp(0, 1)


def fit_linear(vae: Any) -> torch.Tensor:
    """Least squares from scaled latents to RGB in [0, 1]: (channels + 1) x 3, last the constant.

    A function of the weights alone: the pictures are always the same.
    """
    pictures = torch.from_numpy(_pictures()).to(vae.device)
    config = vae.config
    shift = getattr(config, "shift_factor", None) or 0.0
    with torch.inference_mode():
        encoded = vae.encode((pictures * 2 - 1).to(vae.dtype)).latent_dist.mode().float()
        latents = (encoded - shift) * config.scaling_factor
        small = torch.nn.functional.adaptive_avg_pool2d(pictures, latents.shape[-2:])
        rows = latents.permute(0, 2, 3, 1).flatten(0, 2)
        rows = torch.cat([rows, torch.ones_like(rows[:, :1])], 1).double().cpu()
        wanted = small.permute(0, 2, 3, 1).flatten(0, 2).double().cpu()
        found = torch.linalg.lstsq(rows, wanted).solution
    return found.float().to(vae.device)


def _pictures() -> np.ndarray[Any, np.dtype[np.float32]]:
    """Soft discs of many colours on grounds of many colours."""
    random = np.random.default_rng(0)
    ys, xs = np.mgrid[0:SIDE, 0:SIDE] / SIDE
    made = []
    for _ in range(PICTURES):
        picture = random.uniform(0, 1, 3)[:, None, None] * np.ones((3, SIDE, SIDE))
        for _ in range(6):
            x, y, radius, soft = random.uniform((0, 0, 0.05, 0.01), (1, 1, 0.4, 0.2))
            inside = np.clip((radius - np.hypot(xs - x, ys - y)) / soft + 0.5, 0, 1)
            picture += inside * (random.uniform(0, 1, 3)[:, None, None] - picture)
        made.append(picture)
    return np.stack(made).astype(np.float32)
