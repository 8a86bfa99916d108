"""The network behind the feature ``clip``: open_clip, and with it torch. Imported when loaded."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from sentinelqa.compat import prepare_torchvision
from sentinelqa.errors import ModelError
from sentinelqa.features.pixels import Picture
from sentinelqa.weights import ResolvedModel

prepare_torchvision()
import open_clip  # noqa: E402 - its import fails before the line above

Vector = NDArray[np.float32]

_CACHED_TEXTS = 20_000
_TEXT_BATCH = 16


class TextEncoder:
    """Texts to unit vectors, each distinct text once, in batches of one fixed shape."""

    def __init__(self, model: Any, tokenizer: Any, device: str) -> None:
        self._model = model
        self._tokenizer = tokenizer
        self._device = device
        self._vectors: OrderedDict[str, Vector] = OrderedDict()

    def __call__(self, texts: Sequence[str]) -> list[Vector]:
        """One float32 unit vector per text."""
        new = list(dict.fromkeys(t for t in texts if t not in self._vectors))
        encoded: dict[str, Vector] = {}
        for start in range(0, len(new), _TEXT_BATCH):
            chunk = new[start : start + _TEXT_BATCH]
            encoded.update(zip(chunk, self._encode(chunk), strict=True))
        vectors = [encoded[t] if t in encoded else self._vectors[t] for t in texts]
        self._vectors.update(encoded)
        while len(self._vectors) > _CACHED_TEXTS:
            self._vectors.popitem(last=False)
        return vectors

    def share_cut(self, text: str) -> float:
        """The share of the text's tokens that the model's context length cuts off."""
        if hasattr(self._tokenizer, "encode"):
            count = len(self._tokenizer.encode(text)) + 2
        else:
            count = len(self._tokenizer.tokenizer(text)["input_ids"])
        return max(0.0, 1 - int(self._tokenizer.context_length) / count)

    def _encode(self, texts: Sequence[str]) -> Vector:
        padded = [*texts, *[""] * (_TEXT_BATCH - len(texts))]
        with torch.inference_mode():
            tokens = self._tokenizer(padded).to(self._device)
            vectors = self._model.encode_text(tokens, normalize=True)
        return np.asarray(vectors.float().cpu().numpy()[: len(texts)], np.float32)


class ClipNetwork:
    """A model that embeds pictures and texts, on one device.

    Args:
        batch_size: images per forward pass; 0 chooses by device.

    Raises:
        ModelError: it is not an open_clip model.
    """

    def __init__(self, model: ResolvedModel, device: str, batch_size: int = 0) -> None:
        name = f"local-dir:{model.path}"
        try:
            network = open_clip.create_model(name, device=device, require_pretrained=True)
            tokenizer = open_clip.get_tokenizer(name)
        except (ValueError, RuntimeError, OSError, KeyError, TypeError, AssertionError) as error:
            raise ModelError(
                f"{model.id!r} does not load as an open_clip model: {error}",
                where=str(model.path),
            ) from error
        self._network = network.eval().requires_grad_(False)
        config = open_clip.transform.PreprocessCfg(**network.visual.preprocess_cfg)
        self._side = int(np.max(config.size))
        self._preprocess: Any = open_clip.transform.image_transform_v2(config, is_train=False)
        self._device = device
        self._batch_size = batch_size or (32 if device.startswith("cuda") else 1)
        self.texts = TextEncoder(self._network, tokenizer, device)
        self.logit_scale = float(network.logit_scale.exp())

    def embed(self, pictures: Sequence[Picture]) -> list[Vector]:
        """One float32 unit vector per picture, in batches of one fixed shape."""
        size = self._batch_size
        vectors: list[Vector] = []
        for start in range(0, len(pictures), size):
            chunk = [
                self._preprocess(Image.fromarray(p.overview_of(self._side)))
                for p in pictures[start : start + size]
            ]
            padding = [torch.zeros_like(chunk[0])] * (size - len(chunk))
            with torch.inference_mode():
                images = torch.stack([*chunk, *padding]).to(self._device)
                out = self._network.encode_image(images, normalize=True)
            vectors.extend(out.float().cpu().numpy()[: len(chunk)].astype(np.float32))
        return vectors
