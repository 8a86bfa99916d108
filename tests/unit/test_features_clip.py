from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from tiny_clip import write_tiny_clip

from sentinelqa.errors import ModelError
from sentinelqa.features.base import FeatureInput
from sentinelqa.features.clip import Clip, ClipValue
from sentinelqa.features.pixels import Picture
from sentinelqa.types import Request


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_tiny_clip(tmp_path_factory.mktemp("models") / "tiny")


def loaded(folder: str, **options: object) -> Clip:
    feature = Clip(folder, **options)
    feature.load("cpu")
    return feature


def image(seed: int, prompt: str = "a red shoe") -> FeatureInput:
    rgb = np.random.default_rng(seed).integers(0, 255, (40, 60, 3), np.uint8)
    return FeatureInput("", Request(id="r", prompt=prompt), {"pixels": Picture(rgb)})


@pytest.mark.parametrize("size", [1, 4])
def test_embeddings_do_not_depend_on_the_neighbours(folder: str, size: int) -> None:
    feature = loaded(folder, batch_size=size)
    alone = feature.compute([image(3)])[0]
    among = feature.compute([image(n) for n in range(7)])[3]
    assert isinstance(alone, ClipValue)
    assert isinstance(among, ClipValue)
    assert np.array_equal(alone.image_embedding, among.image_embedding)
    assert alone.image_embedding.dtype == np.float32
    assert np.linalg.norm(alone.image_embedding) == pytest.approx(1, abs=1e-5)


def test_texts_are_unit_vectors_and_do_not_depend_on_what_was_declared(folder: str) -> None:
    declared = loaded(folder, texts=("a logo", "lettering")).compute([image(0)])[0]
    plain = loaded(folder).compute([image(0)])[0]
    first, second = declared.text_embedding("a logo"), plain.text_embedding("a logo")
    assert np.array_equal(first, second)
    assert np.linalg.norm(first) == pytest.approx(1, abs=1e-5)
    expected = float(first @ declared.image_embedding)
    assert declared.cosines(["a logo"])[0] == pytest.approx(expected, abs=1e-6)


def test_share_of_the_prompt_that_is_cut(folder: str) -> None:
    long = "a " + "very " * 44 + "red shoe"
    short, cut = loaded(folder).compute([image(0), image(0, long)])
    assert short.tokens_cut == 0
    assert cut.tokens_cut == pytest.approx(1 - 24 / 49)


def test_says_which_model_it_used(folder: str) -> None:
    feature = loaded(folder)
    assert feature.models[0].id == folder
    assert len(feature.models[0].sha256) == 64
    assert feature.compute([image(0)])[0].models == feature.models


def test_construction_is_cheap_and_picklable(folder: str) -> None:
    copy = pickle.loads(pickle.dumps(Clip(folder, texts=("a",))))
    assert (copy.model, copy.texts) == (folder, ("a",))


def test_missing_and_pickled_weights_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="unknown model"):
        loaded("no-such-model")
    write_tiny_clip(tmp_path / "m")
    (tmp_path / "m" / "open_clip_model.safetensors").rename(tmp_path / "m" / "pytorch_model.bin")
    with pytest.raises(ModelError, match="pickled"):
        loaded(str(tmp_path / "m"))


def test_damaged_configuration_is_a_model_error(tmp_path: Path) -> None:
    path = write_tiny_clip(tmp_path / "m")
    (tmp_path / "m" / "open_clip_config.json").write_text("{}")
    with pytest.raises(ModelError, match="does not load"):
        loaded(path)
