from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("safetensors")

from safetensors.numpy import save_file

from sentinelqa.dimensions.aesthetic import AestheticDimension
from sentinelqa.errors import ModelError, ScoringError
from sentinelqa.features.aesthetic import Aesthetic, Taste
from sentinelqa.features.base import FeatureInput, Features
from sentinelqa.types import ModelUse, Request


@dataclass
class Embedding:
    image_embedding: np.ndarray
    models: tuple[ModelUse, ...] = (ModelUse(id="some-clip"),)


def write_head(path: Path) -> str:
    rng = np.random.default_rng(0)
    sizes = (8, 6, 4, 1)
    layers = {}
    for n, (before, after) in enumerate(pairwise(sizes)):
        layers[f"layers.{2 * n}.weight"] = rng.normal(size=(after, before)).astype(np.float32)
        layers[f"layers.{2 * n}.bias"] = rng.normal(size=after).astype(np.float32)
    save_file(layers, path)
    return str(path)


def test_the_head_is_the_chain_of_its_layers(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from safetensors.torch import load_file

    feature = Aesthetic(write_head(tmp_path / "head.safetensors"))
    feature.load("cpu")
    vector = np.random.default_rng(1).normal(size=8).astype(np.float32)
    taste = feature.compute([FeatureInput("", Request(id="r"), {"clip": Embedding(vector)})])[0]
    layers = load_file(tmp_path / "head.safetensors")
    expected = torch.from_numpy(vector)
    for n in range(3):
        expected = layers[f"layers.{2 * n}.weight"] @ expected + layers[f"layers.{2 * n}.bias"]
    assert isinstance(taste, Taste)
    assert taste.rating == pytest.approx(float(expected), rel=1e-4)
    assert [m.id for m in taste.models] == ["some-clip", str(tmp_path / "head.safetensors")]


def test_an_embedding_of_another_model_is_an_error(tmp_path: Path) -> None:
    feature = Aesthetic(write_head(tmp_path / "head.safetensors"))
    feature.load("cpu")
    item = FeatureInput("", Request(id="r"), {"clip": Embedding(np.ones(5, np.float32))})
    assert isinstance(feature.compute([item])[0], ScoringError)


def test_without_weights_it_is_a_missing_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError):
        Aesthetic().load("cpu")
    save_file({"a": np.ones(3, np.float32)}, tmp_path / "other.safetensors")
    with pytest.raises(ModelError, match="not a chain"):
        Aesthetic(str(tmp_path / "other.safetensors")).load("cpu")


@pytest.mark.parametrize(("rating", "score"), [(5.5, 0.55), (-1.0, 0.0), (11.0, 1.0)])
def test_score_is_a_tenth_of_the_rating(rating: float, score: float) -> None:
    result = AestheticDimension().measure(Features({"aesthetic": Taste(rating)}), Request(id="r"))
    assert result.score == pytest.approx(score)
