"""Image and text embeddings of a CLIP model, through open_clip."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from sentinelqa.compat import prepare_torchvision
from sentinelqa.errors import ModelError, ScoringError
from sentinelqa.features.base import FeatureInput
from sentinelqa.features.pixels import Picture
from sentinelqa.features.prompts import contrasts
from sentinelqa.types import ModelUse
from sentinelqa.weights import resolve

prepare_torchvision()
import open_clip  # noqa: E402 - its import fails before the line above

Vector = NDArray[np.float32]

STARTER = "starter-clip"
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


@dataclass(frozen=True, slots=True, eq=False)
class ClipValue:
    """What a CLIP model says of one image and of texts.

    Attributes:
        image_embedding: float32 unit vector.
        tokens_cut: share of the request's prompt beyond the model's context length, 0 to 1.
        logit_scale: what the model multiplies a cosine with before a softmax.
        models: the model behind both.
    """

    image_embedding: Vector
    encoder: Any = field(repr=False)
    picture_encoder: Any = field(default=None, repr=False)
    tokens_cut: float = 0.0
    logit_scale: float = 100.0
    models: tuple[ModelUse, ...] = ()

    def text_embedding(self, text: str) -> Vector:
        """The float32 unit vector of any text. Declared texts were encoded beforehand."""
        return self.encoder([text])[0]  # type: ignore[no-any-return]

    def embedding_of(self, rgb: NDArray[np.uint8]) -> Vector:
        """The float32 unit vector of another picture, ``H x W x 3``, such as a part of this one."""
        return self.picture_encoder([Picture(rgb)])[0]  # type: ignore[no-any-return]

    def cosines(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """The cosine of the image with each text, -1 to 1."""
        vectors = np.stack(self.encoder(texts)).astype(np.float64)
        return np.asarray(vectors @ self.image_embedding.astype(np.float64), np.float64)


class Clip:
    """Feature ``clip``: a :class:`ClipValue` per image.

    Images and texts are padded to batches of one fixed shape, in float32, so that what is computed
    of an image does not depend on its neighbours.

    Args:
        model: a registered id, a folder in open_clip's format (``open_clip_config.json`` and
            safetensors), or a Hugging Face id that ``sentinelqa models pull`` has fetched.
        texts: what consumers declared that they will ask for, whatever the request (see
            :mod:`sentinelqa.features.base`); encoded once, in ``load``.
        batch_size: images per forward pass; 0 chooses by device.
    """

    name = "clip"
    version = "1"
    needs = ("pixels",)

    def __init__(
        self, model: str = STARTER, texts: tuple[str, ...] = (), batch_size: int = 0
    ) -> None:
        self.model = model
        self.texts = tuple(texts)
        self.batch_size = batch_size
        self.models: tuple[ModelUse, ...] = ()
        self._network: Any = None
        self._preprocess: Any = None
        self._encoder: Any = None
        self._device = "cpu"

    def load(self, device: str) -> None:
        """Load the model onto ``device``.

        Raises:
            ModelError: unknown, not here, altered, pickled, or not an open_clip model.
        """
        resolved = resolve(self.model, task="image-text")
        name = f"local-dir:{resolved.path}"
        try:
            network = open_clip.create_model(name, device=device, require_pretrained=True)
            tokenizer = open_clip.get_tokenizer(name)
        except (ValueError, RuntimeError, OSError, KeyError, TypeError, AssertionError) as error:
            raise ModelError(
                f"{self.model!r} does not load as an open_clip model: {error}",
                where=str(resolved.path),
            ) from error
        self._network = network.eval().requires_grad_(False)
        config = open_clip.transform.PreprocessCfg(**network.visual.preprocess_cfg)
        self._preprocess = open_clip.transform.image_transform_v2(config, is_train=False)
        self._encoder = TextEncoder(self._network, tokenizer, device)
        self._device = device
        self._encoder(self.texts)
        self.batch_size = self.batch_size or (32 if device.startswith("cuda") else 1)
        self.models = (resolved.use(),)

    def compute(self, batch: Sequence[FeatureInput]) -> list[ClipValue | ScoringError]:
        """One value per image; the prompts of the batch and their contrasts are encoded too."""
        prompts = dict.fromkeys(i.request.prompt for i in batch if i.request.prompt)
        self._encoder([text for p in prompts for text in (p, *contrasts(p).texts)])
        cut = {prompt: self._encoder.share_cut(prompt) for prompt in prompts}
        facts = {
            "encoder": self._encoder,
            "picture_encoder": self._embed,
            "logit_scale": float(self._network.logit_scale.exp()),
            "models": self.models,
        }
        vectors = self._embed([item.features["pixels"] for item in batch])
        return [
            ClipValue(vector, tokens_cut=cut.get(item.request.prompt, 0.0), **facts)
            for item, vector in zip(batch, vectors, strict=True)
        ]

    def _embed(self, pictures: Sequence[Picture]) -> list[Vector]:
        size = self.batch_size
        vectors: list[Vector] = []
        for start in range(0, len(pictures), size):
            chunk = [
                self._preprocess(Image.fromarray(p.rgb)) for p in pictures[start : start + size]
            ]
            padding = [torch.zeros_like(chunk[0])] * (size - len(chunk))
            with torch.inference_mode():
                images = torch.stack([*chunk, *padding]).to(self._device)
                out = self._network.encode_image(images, normalize=True)
            vectors.extend(out.float().cpu().numpy()[: len(chunk)].astype(np.float32))
        return vectors
