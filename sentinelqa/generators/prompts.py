"""Encode each distinct prompt once, and put batches together from the cached embeddings.

Pipelines disagree on what ``encode_prompt`` returns; :data:`FAMILIES` says it for those whose
embeddings have the same length for every prompt. Any other pipeline is given the prompts as text.
"""

from __future__ import annotations

import inspect
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import torch

_SD = ("prompt_embeds", "negative_prompt_embeds")
_SDXL = (*_SD, "pooled_prompt_embeds", "negative_pooled_prompt_embeds")
_MASKED = (
    "prompt_embeds",
    "prompt_attention_mask",
    "negative_prompt_embeds",
    "negative_prompt_attention_mask",
)
FAMILIES: dict[str, tuple[str | None, ...]] = {
    "StableDiffusionPipeline": _SD,
    "StableDiffusionXLPipeline": _SDXL,
    "StableDiffusion3Pipeline": _SDXL,
    "KolorsPipeline": _SDXL,
    "FluxPipeline": ("prompt_embeds", "pooled_prompt_embeds", None),
    "PixArtAlphaPipeline": _MASKED,
    "PixArtSigmaPipeline": _MASKED,
}
"""Pipeline class -> the call argument that each value returned by ``encode_prompt`` goes to."""

CACHED = 256


class PromptEncoder:
    """The prompt arguments of pipeline calls, each distinct prompt encoded once.

    Attributes:
        encoded: how many prompts were encoded, for the benchmark of waste.
    """

    def __init__(self, pipeline: Any) -> None:
        self._pipeline = pipeline
        self._names = FAMILIES.get(type(pipeline).__name__)
        self._cache: OrderedDict[tuple[str, str, bool], tuple[Any, ...]] = OrderedDict()
        self.encoded = 0

    def arguments(self, prompts: Sequence[tuple[str, str]], *, guided: bool) -> dict[str, Any]:
        """Call arguments for a batch of (prompt, negative prompt).

        Args:
            guided: whether classifier-free guidance needs the negative prompt.
        """
        if self._names is None:
            return self._as_text(prompts, guided)
        rows = [
            self._encode(prompt, negative if guided else "", guided) for prompt, negative in prompts
        ]
        arguments = {}
        for name, values in zip(self._names, zip(*rows, strict=True), strict=True):
            if name is not None and values[0] is not None:
                arguments[name] = torch.cat(values)
        return arguments

    def _encode(self, prompt: str, negative: str, guided: bool) -> tuple[Any, ...]:
        key = (prompt, negative, guided)
        if key in self._cache:
            self._cache.move_to_end(key)
            return self._cache[key]
        wanted = {
            "prompt": [prompt],
            "prompt_2": None,
            "prompt_3": None,
            "device": self._pipeline._execution_device,
            "num_images_per_prompt": 1,
            "do_classifier_free_guidance": guided,
            "negative_prompt": [negative] if guided else None,
        }
        accepted = inspect.signature(self._pipeline.encode_prompt).parameters
        values: tuple[Any, ...] = tuple(
            self._pipeline.encode_prompt(**{k: v for k, v in wanted.items() if k in accepted})
        )
        self.encoded += 1
        self._cache[key] = values
        if len(self._cache) > CACHED:
            self._cache.popitem(last=False)
        return values

    def _as_text(self, prompts: Sequence[tuple[str, str]], guided: bool) -> dict[str, Any]:
        accepted = inspect.signature(self._pipeline.__call__).parameters
        arguments: dict[str, Any] = {"prompt": [prompt for prompt, _ in prompts]}
        if guided and "negative_prompt" in accepted and any(negative for _, negative in prompts):
            arguments["negative_prompt"] = [negative for _, negative in prompts]
        return arguments
