"""A vision-language model on this machine that answers yes or no, through transformers."""

from __future__ import annotations

import threading
from typing import Any

import torch
from PIL import Image

from sentinelqa.compat import prepare_torchvision
from sentinelqa.errors import ModelError, ScoringError
from sentinelqa.features.judge_client import FORM, LONGEST, plain_word
from sentinelqa.features.pixels import Picture
from sentinelqa.types import ModelUse
from sentinelqa.weights import resolve

prepare_torchvision()
from transformers import AutoModelForImageTextToText, AutoProcessor  # noqa: E402 - see above

_LEAST_MASS = 0.01
_LONGEST_WORD = 8


class LocalJudge:
    """One image-text-to-text model, asked one picture and one question at a time.

    The probability of yes is what the first token of the answer gives to all ways of writing yes,
    over those of yes and no (the form of VQAScore: Lin et al., 2024).

    Args:
        model: a registered model or the path of a folder in transformers' format (safetensors).
        device: ``cpu``, ``cuda`` or ``cuda:1``.

    Raises:
        ModelError: it is not here, is pickled, wants code of its own, or does not load.
    """

    def __init__(self, model: str, device: str) -> None:
        resolved = resolve(model, allow_unpinned=True)
        place = str(resolved.path)
        dtype = torch.bfloat16 if device.startswith("cuda") else torch.float32
        options = {"local_files_only": True, "trust_remote_code": False}
        try:
            self._processor: Any = AutoProcessor.from_pretrained(place, **options)
            network = AutoModelForImageTextToText.from_pretrained(
                place, use_safetensors=True, dtype=dtype, **options
            )
        except (OSError, ValueError, RuntimeError, KeyError, TypeError, ImportError) as error:
            raise ModelError(
                f"{model!r} does not load as an image-text-to-text model: {error}", where=place
            ) from error
        self._network: Any = network.to(device).eval().requires_grad_(False)
        self._device = device
        self._one_at_a_time = threading.Lock()
        self.name = model
        self.use: ModelUse = resolved.use()
        self._yes, self._no = (self._tokens(word) for word in ("yes", "no"))

    def ask(self, picture: Picture, question: str) -> float:
        """The probability of "yes", 0 to 1.

        Raises:
            ScoringError: the model would answer neither yes nor no.
        """
        content = [
            {"type": "image", "image": Image.fromarray(picture.within(LONGEST))},
            {"type": "text", "text": FORM.format(question=question)},
        ]
        inputs = self._processor.apply_chat_template(
            [{"role": "user", "content": content}],
            add_generation_prompt=True,
            tokenize=True,
            return_dict=True,
            return_tensors="pt",
        )
        with self._one_at_a_time, torch.inference_mode():
            logits = self._network(**inputs.to(self._device)).logits[0, -1].float()
        shares = torch.softmax(logits, dim=-1).cpu()
        yes, no = (float(shares[tokens].sum()) for tokens in (self._yes, self._no))
        if yes + no < _LEAST_MASS:
            raise ScoringError(f"judge {self.name!r} would say neither yes nor no")
        return yes / (yes + no)

    def _tokens(self, word: str) -> torch.Tensor:
        """Every token that reads as the word, however it is written."""
        tokenizer = getattr(self._processor, "tokenizer", self._processor)
        found = [
            number
            for token, number in tokenizer.get_vocab().items()
            if len(token) <= _LONGEST_WORD
            and plain_word(tokenizer.convert_tokens_to_string([token])) == word
        ]
        if not found:
            raise ModelError(f"{self.name!r} has no token for {word!r}")
        return torch.tensor(sorted(found))
