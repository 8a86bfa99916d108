"""A learned taste: a linear head on CLIP embeddings. Its weights are not shipped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from sentinelqa.errors import ModelError, ScoringError
from sentinelqa.features.base import FeatureInput
from sentinelqa.types import ModelUse
from sentinelqa.weights import resolve


@dataclass(frozen=True, slots=True)
class Taste:
    """``rating`` is the mean rating that people would give, 1 to 10."""

    rating: float
    models: tuple[ModelUse, ...] = ()


class Aesthetic:
    """Feature ``aesthetic``: a :class:`Taste` per picture.

    The layers of LAION's improved-aesthetic-predictor (Apache-2.0): linear maps without activations
    on a unit CLIP ViT-L/14 embedding. The published file is a pickle, which is never loaded here:
    convert it to safetensors (docs/dimensions/aesthetic.md) and name its path in the rubric's
    ``models``, together with a ViT-L/14 as ``clip``.
    """

    name = "aesthetic"
    version = "1"
    needs = ("clip",)

    def __init__(self, model: str = "laion-aesthetic") -> None:
        self.model = model
        self.models: tuple[ModelUse, ...] = ()
        self._weight: NDArray[np.float64] = np.zeros((1, 0))
        self._bias: NDArray[np.float64] = np.zeros(1)

    def load(self, device: str) -> None:
        """Read the head and fold its layers into one.

        Raises:
            ModelError: it is not here, or is not a chain of linear layers.
        """
        resolved = resolve(self.model, allow_unpinned=True)
        path = resolved.path
        if path.is_dir():
            path = next(iter(sorted(path.glob("*.safetensors"))), path / "model.safetensors")
        try:
            tensors = load_file(path)
            names = sorted(n.removesuffix(".weight") for n in tensors if n.endswith(".weight"))
            weight = np.eye(tensors[f"{names[0]}.weight"].shape[1])
            bias = np.zeros(weight.shape[0])
            for name in names:
                layer = tensors[f"{name}.weight"].astype(np.float64)
                weight, bias = layer @ weight, layer @ bias + tensors[f"{name}.bias"]
        except (OSError, KeyError, ValueError, IndexError) as error:
            raise ModelError(
                f"{self.model!r} is not a chain of linear layers: {error}", where=str(path)
            ) from error
        self._weight, self._bias = weight, bias
        self.models = (resolved.use(),)

    def compute(self, batch: Sequence[FeatureInput]) -> list[Taste | ScoringError]:
        """Rate every picture."""
        return [self._one(item) for item in batch]

    def _one(self, item: FeatureInput) -> Taste | ScoringError:
        clip = item.features["clip"]
        embedding = clip.image_embedding.astype(np.float64)
        if embedding.shape[0] != self._weight.shape[1]:
            return ScoringError(
                f"the aesthetic head wants {self._weight.shape[1]} numbers of a CLIP model, "
                f"and {clip.models[0].id!r} gives {embedding.shape[0]}"
            )
        rating = float((self._weight @ embedding + self._bias)[0])
        return Taste(rating, (*clip.models, *self.models))
