"""ArcFace-class networks, on a small one built here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from synthetic_face import face, faces

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

import onnx

from sentinelqa.dimensions.face_fidelity import FaceFidelity
from sentinelqa.errors import ModelError
from sentinelqa.features.base import FeatureInput, Features
from sentinelqa.features.face_embedding import FaceEmbedding, FaceVector
from sentinelqa.features.pixels import Picture
from sentinelqa.types import Request


def write_network(path: Path, side: int = 112, numbers: int = 16) -> str:
    """Mean colours of the crop's sixteenths, through a fixed matrix."""
    rng = np.random.default_rng(0)
    weight = rng.normal(size=(48, numbers)).astype(np.float32)
    make, proto = onnx.helper, onnx.TensorProto
    pool = side // 4
    nodes = [
        make.make_node(
            "AveragePool", ["image"], ["cells"], kernel_shape=[pool, pool], strides=[pool, pool]
        ),
        make.make_node("Flatten", ["cells"], ["flat"]),
        make.make_node("MatMul", ["flat", "weight"], ["vector"]),
    ]
    graph = make.make_graph(
        nodes,
        "tiny",
        [make.make_tensor_value_info("image", proto.FLOAT, [1, 3, side, side])],
        [make.make_tensor_value_info("vector", proto.FLOAT, [1, numbers])],
        [onnx.numpy_helper.from_array(weight, "weight")],
    )
    model = make.make_model(graph, opset_imports=[make.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, path)
    return str(path)


def embed(feature: FaceEmbedding, rgb: np.ndarray, *found: object) -> FaceVector:
    values = {"pixels": Picture(rgb), "faces": faces(*found)}
    value = feature.compute([FeatureInput("", Request(id="r"), values)])[0]
    assert isinstance(value, FaceVector)
    return value


def picture(seed: int, shift: int = 0) -> np.ndarray:
    small = np.random.default_rng(seed).integers(0, 255, (10, 10, 3), np.uint8)
    rgb = np.full((500, 500, 3), 90, np.uint8)
    rgb[100 : 100 + 200, 100 + shift : 300 + shift] = small.repeat(20, 0).repeat(20, 1)
    return rgb


def test_vectors_follow_the_face_wherever_it_is(tmp_path: Path) -> None:
    feature = FaceEmbedding(write_network(tmp_path / "tiny.onnx"))
    feature.load("cpu")
    here = embed(feature, picture(1), face())
    there = embed(feature, picture(1, shift=90), face(at=(190, 100)))
    other = embed(feature, picture(2), face())
    assert (here.backend, here.models[0].id) == ("arcface", str(tmp_path / "tiny.onnx"))
    assert np.linalg.norm(here.vector) == pytest.approx(1)
    assert np.linalg.norm(here.vector - there.vector) < 0.02
    assert np.linalg.norm(here.vector - other.vector) > 0.1
    assert embed(feature, picture(1)).vector is None


def test_the_network_is_found_in_a_pack(tmp_path: Path) -> None:
    write_network(tmp_path / "a_detector.onnx", side=64)
    write_network(tmp_path / "recognition.onnx")
    feature = FaceEmbedding(str(tmp_path))
    feature.load("cpu")
    assert embed(feature, picture(1), face()).vector.shape == (16,)


def test_a_model_without_such_a_network_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no face embedding"):
        FaceEmbedding(write_network(tmp_path / "small.onnx", side=64)).load("cpu")
    (tmp_path / "broken.onnx").write_bytes(b"nothing")
    with pytest.raises(ModelError, match="does not load"):
        FaceEmbedding(str(tmp_path / "broken.onnx")).load("cpu")


@pytest.mark.parametrize(
    ("distance", "low", "high"), [(0.7, 0.99, 1.0), (1.15, 0.5, 0.5), (1.4, 0, 0.1)]
)
def test_distances_of_unit_vectors_have_a_map_of_their_own(
    distance: float, low: float, high: float
) -> None:
    angle = 2 * np.arcsin(distance / 2)
    vectors = [FaceVector(np.array([np.cos(a), np.sin(a)]), "arcface") for a in (0.0, angle)]
    values = [{"faces": faces(face()), "face_embedding": v} for v in vectors]
    made = FaceFidelity().measure(Features(values[0], [values[1]]), Request(id="r"))
    assert made.score is not None
    assert low - 1e-6 <= made.score <= high + 1e-6
