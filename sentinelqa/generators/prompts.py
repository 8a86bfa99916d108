"""Encode each distinct text once, and put batches together from the cached embeddings.

Pipelines disagree on what ``encode_prompt`` returns; :data:`FAMILIES` says it for those whose
embeddings have the same length for every prompt, and which encode a negative prompt as they do a
prompt. Any other pipeline is given the prompts as text.
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

_NEGATIVE = "negative_"
CACHED = 256


class PromptEncoder:
    """The prompt arguments of pipeline calls, each distinct text encoded once.

    Attributes:
        encoded: how many texts were encoded, for the benchmark of waste.
    """

    def __init__(self, pipeline: Any) -> None:
        self._pipeline = pipeline
        self._names = FAMILIES.get(type(pipeline).__name__)
        self._cache: OrderedDict[str, dict[str, torch.Tensor]] = OrderedDict()
        self.encoded = 0

    def arguments(self, prompts: Sequence[tuple[str, str]], *, guided: bool) -> dict[str, Any]:
        """Call arguments for a batch of (prompt, negative prompt).

        Args:
            guided: whether classifier-free guidance needs the negative prompt.
        """
        if self._names is None:
            return self._as_text(prompts, guided)
        positive = [self._encode(prompt, self._names) for prompt, _ in prompts]
        arguments = {name: torch.cat([row[name] for row in positive]) for name in positive[0]}
        answered = [name for name in positive[0] if _NEGATIVE + name in self._names]
        if guided and answered:
            negative = [self._encode(text, self._names) for _, text in prompts]
            for name in answered:
                arguments[_NEGATIVE + name] = torch.cat([row[name] for row in negative])
        return arguments

    def forget(self) -> None:
        """The text encoders change: nothing that they encoded holds any more."""
        self._cache.clear()

    def _encode(self, text: str, names: Sequence[str | None]) -> dict[str, torch.Tensor]:
        """Argument -> value for one text, as if there were no guidance."""
        if text in self._cache:
            self._cache.move_to_end(text)
            return self._cache[text]
        wanted = {
            "prompt": [text],
            "prompt_2": None,
            "prompt_3": None,
            "device": self._pipeline._execution_device,
            "num_images_per_prompt": 1,
            "do_classifier_free_guidance": False,
        }
        accepted = inspect.signature(self._pipeline.encode_prompt).parameters
        returned = self._pipeline.encode_prompt(
            **{k: v for k, v in wanted.items() if k in accepted}
        )
        values = {
            name: value
            for name, value in zip(names, returned, strict=True)
            if name is not None and value is not None
        }
        self.encoded += 1
        self._cache[text] = values
        if len(self._cache) > CACHED:
            self._cache.popitem(last=False)
        return values

    def _as_text(self, prompts: Sequence[tuple[str, str]], guided: bool) -> dict[str, Any]:
        accepted = inspect.signature(self._pipeline.__call__).parameters
        arguments: dict[str, Any] = {"prompt": [prompt for prompt, _ in prompts]}
        if guided and "negative_prompt" in accepted and any(negative for _, negative in prompts):
            arguments["negative_prompt"] = [negative for _, negative in prompts]
        return arguments
