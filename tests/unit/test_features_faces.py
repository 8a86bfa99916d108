"""The networks on a photograph. Needs the extra ``faces`` and its pulled weights."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from photographs import blurred, exposed, jpeg, photograph

pytest.importorskip("ai_edge_litert")
pytest.importorskip("dlib")

from sentinelqa.dimensions.base import Dimension
from sentinelqa.dimensions.expression import Expression
from sentinelqa.dimensions.face_sharpness import FaceSharpness
from sentinelqa.dimensions.skin_tone import SkinTone
from sentinelqa.errors import ModelError
from sentinelqa.features.base import FeatureInput, Features
from sentinelqa.features.face_embedding import FaceEmbedding, distance
from sentinelqa.features.faces import Faces
from sentinelqa.features.pixels import Picture
from sentinelqa.types import Request


@pytest.fixture(scope="module")
def networks() -> tuple[Faces, FaceEmbedding]:
    features = Faces(), FaceEmbedding()
    try:
        for feature in features:
            feature.load("cpu")
    except ModelError as error:
        pytest.skip(f"sentinelqa models pull --for headshot: {error}")
    return features


@pytest.fixture
def see(networks: tuple[Faces, FaceEmbedding]) -> Any:
    def look(rgb: np.ndarray) -> dict[str, Any]:
        values: dict[str, Any] = {"pixels": Picture(np.ascontiguousarray(rgb))}
        for feature in networks:
            values[feature.name] = feature.compute([FeatureInput("", Request(id="r"), values)])[0]
        return values

    return look


def metric(dimension: Dimension, name: str, values: dict, *references: dict) -> Any:
    return dimension.measure(Features(values, references), Request(id="r")).metrics[name]


def test_one_face_with_eyes_and_pose(see: Any) -> None:
    found = see(photograph("astronaut"))["faces"]
    assert found.count == 1
    assert len(found.models) == 3
    face = found.faces[0]
    left, top, right, bottom = face.box
    assert left < 222 < right
    assert top < 130 < bottom
    assert face.left_eye.iris[0] == pytest.approx((203, 100), abs=3)
    assert face.right_eye.iris[0] == pytest.approx((246, 103), abs=3)
    assert np.abs(face.pose).max() < 8


def test_turned_heads_are_turned_back(see: Any) -> None:
    turn = cv2.getRotationMatrix2D((224, 120), 20, 1)
    turned = see(cv2.warpAffine(photograph("astronaut"), turn, (512, 512)))["faces"].faces[0]
    upright = see(photograph("astronaut"))["faces"].faces[0]
    assert upright.pose[2] - turned.pose[2] == pytest.approx(20, abs=3)
    assert turned.left_eye.openness == pytest.approx(upright.left_eye.openness, abs=0.05)


def test_mirroring_swaps_the_eyes_and_the_yaw(see: Any) -> None:
    face = see(photograph("astronaut"))["faces"].faces[0]
    mirrored = see(photograph("astronaut")[:, ::-1])["faces"].faces[0]
    assert mirrored.right_eye.iris[0][0] == pytest.approx(511 - face.left_eye.iris[0][0], abs=2)
    assert mirrored.right_eye.openness == pytest.approx(face.left_eye.openness, abs=0.05)
    assert mirrored.pose[0] == pytest.approx(-face.pose[0], abs=3)


def test_twelve_small_faces_are_found_in_a_crowd(see: Any) -> None:
    one = cv2.resize(photograph("astronaut")[40:200, 140:300], (240, 240))
    crowd = np.full((1000, 1200, 3), 128, np.uint8)
    for row in range(3):
        for column in range(4):
            crowd[60 + 300 * row :, 40 + 290 * column :][:240, :240] = one
    assert see(crowd)["faces"].count == 12


@pytest.mark.parametrize("name", ["chelsea", "coffee", "rocket"])
def test_no_face_where_there_is_none(see: Any, name: str) -> None:
    values = see(photograph(name))
    assert values["faces"].count == 0
    assert values["face_embedding"].vector is None


@pytest.mark.parametrize("shape", [(1, 1, 3), (50, 4000, 3)])
def test_odd_shapes_have_no_face(see: Any, shape: tuple[int, int, int]) -> None:
    assert see(np.zeros(shape, np.uint8))["faces"].count == 0


def test_identity_survives_what_should_not_matter(see: Any) -> None:
    rgb = photograph("astronaut")
    own = see(rgb)["face_embedding"]
    for changed in (jpeg(rgb, 60), exposed(rgb, -1), rgb[:, ::-1], blurred(rgb, 1)):
        apart = distance(own, see(changed)["face_embedding"])
        assert apart is not None
        assert apart < 0.4


def test_exposure_of_skin_is_read_in_stops(see: Any) -> None:
    rgb = photograph("astronaut")
    reference = see(rgb)
    for stops in (-0.5, -1.0, -2.0):
        assert metric(SkinTone(), "stops", see(exposed(rgb, stops)), reference) == pytest.approx(
            stops, abs=0.06
        )


def test_focus_of_the_face_falls_with_blur(see: Any) -> None:
    rgb = photograph("astronaut")
    values = [
        metric(FaceSharpness(), "reblur", see(r))
        for r in (rgb, blurred(rgb, 0.8), blurred(rgb, 1.6))
    ]
    assert values == sorted(values, reverse=True)
    assert metric(Expression(), "eyes_open", see(rgb)) > 0.9
