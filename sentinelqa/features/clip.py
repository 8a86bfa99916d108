"""Image and text embeddings of a CLIP model, through open_clip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sentinelqa.errors import ScoringError
from sentinelqa.features.base import FeatureInput
from sentinelqa.features.pixels import Picture
from sentinelqa.features.prompts import contrasts
from sentinelqa.registry import missing_package
from sentinelqa.types import ModelUse
from sentinelqa.weights import resolve

if TYPE_CHECKING:
    from sentinelqa.features.clip_model import ClipNetwork

Vector = NDArray[np.float32]

STARTER = "starter-clip"


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

    Raises:
        DependencyError: a package that it loads is not installed.
    """

    name = "clip"
    version = "2"
    needs = ("pixels",)

    def __init__(
        self, model: str = STARTER, texts: tuple[str, ...] = (), batch_size: int = 0
    ) -> None:
        self.model = model
        self.texts = tuple(texts)
        self.batch_size = batch_size
        self.models: tuple[ModelUse, ...] = ()
        self._network: ClipNetwork | None = None
        for package in ("torch", "open_clip"):
            if find_spec(package) is None:
                raise missing_package("feature 'clip'", package, "clip")

    def load(self, device: str) -> None:
        """Load the model onto ``device``.

        Raises:
            ModelError: unknown, not here, altered, pickled, or not an open_clip model.
        """
        from sentinelqa.features.clip_model import ClipNetwork

        resolved = resolve(self.model, task="image-text", allow_unpinned=True)
        self._network = ClipNetwork(resolved, device, self.batch_size)
        self._network.texts(self.texts)
        self.models = (resolved.use(),)

    def compute(self, batch: Sequence[FeatureInput]) -> list[ClipValue | ScoringError]:
        """One value per image; the prompts of the batch and their contrasts are encoded too."""
        network = self._network
        assert network is not None
        prompts = dict.fromkeys(i.request.prompt for i in batch if i.request.prompt)
        network.texts([text for p in prompts for text in (p, *contrasts(p).texts)])
        cut = {prompt: network.texts.share_cut(prompt) for prompt in prompts}
        vectors = network.embed([item.features["pixels"] for item in batch])
        return [
            ClipValue(
                vector,
                encoder=network.texts,
                picture_encoder=network.embed,
                tokens_cut=cut.get(item.request.prompt, 0.0),
                logit_scale=network.logit_scale,
                models=self.models,
            )
            for item, vector in zip(batch, vectors, strict=True)
        ]
