"""SCRFD's outputs become boxes and points as InsightFace's own code makes them of the same network.

The expected numbers were computed by ``insightface`` 2.1 (``SCRFD.detect`` with its defaults);
where that package is installed it is asked again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from photographs import photograph

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from tiny_scrfd import red_spots, write_scrfd

from sentinelqa.errors import LicenceError, ModelError
from sentinelqa.features.arcface import similarity
from sentinelqa.features.base import FeatureInput
from sentinelqa.features.blazeface import Detection
from sentinelqa.features.face import FaceSet
from sentinelqa.features.pixels import Picture
from sentinelqa.features.scrfd import Scrfd
from sentinelqa.types import Request
from sentinelqa.weights import LicencePolicy, feature_models, resolve

BY_INSIGHTFACE = {
    None: (33, [5170.376, 3083.7065, 7121.926, 4995.796], 80068.81, 0.9909754),
    320: (11, [1571.2786, 815.37976, 2609.4937, 1891.6415], 28884.078, 0.99901366),
}


def found_by(path: str) -> list[Detection]:
    return Scrfd(resolve(path))(red_spots())


def rows(found: list[Detection]) -> np.ndarray:
    return np.array([[*d.box, d.score, *d.points.ravel()] for d in found])


@pytest.mark.parametrize("side", [None, 320])
def test_boxes_points_and_scores_are_those_of_insightface(tmp_path: Path, side: int | None) -> None:
    found = found_by(write_scrfd(tmp_path / "det.onnx", side))
    count, corners, total, score_of_largest = BY_INSIGHTFACE[side]
    made = rows(found)
    assert len(found) == count
    assert made[:, :4].sum(axis=0) == pytest.approx(corners, rel=1e-4)
    assert made.sum() == pytest.approx(total, rel=1e-4)
    assert found[0].score == pytest.approx(score_of_largest, abs=1e-4)
    assert [d.area for d in found] == sorted((d.area for d in found), reverse=True)


@pytest.mark.parametrize("side", [None, 320])
def test_insightface_says_the_same_of_this_picture(tmp_path: Path, side: int | None) -> None:
    model_zoo: Any = pytest.importorskip("insightface.model_zoo.scrfd")
    path = write_scrfd(tmp_path / "det.onnx", side)
    detector = model_zoo.SCRFD(model_file=path)
    detector.prepare(-1)
    boxes, points = detector.detect(np.ascontiguousarray(red_spots()[..., ::-1]))
    theirs = np.hstack([boxes, points.reshape(len(points), -1)])
    ours = rows(found_by(path))
    in_order = [r[np.lexsort(r[:, :4].round(1).T)] for r in (ours, theirs)]
    assert in_order[0] == pytest.approx(in_order[1], abs=1e-3)


def test_nothing_is_found_in_grey(tmp_path: Path) -> None:
    detector = Scrfd(resolve(write_scrfd(tmp_path / "det.onnx")))
    for shape in ((200, 300, 3), (1, 1, 3), (2000, 5, 3)):
        assert detector(np.full(shape, 128, np.uint8)) == []


def test_a_pack_is_searched_for_its_detector(tmp_path: Path) -> None:
    write_scrfd(tmp_path / "a_without_points.onnx", points=False)
    with pytest.raises(ModelError, match="no SCRFD"):
        Scrfd(resolve(str(tmp_path)))
    write_scrfd(tmp_path / "det_tiny.onnx", 320)
    assert len(found_by(str(tmp_path))) == BY_INSIGHTFACE[320][0]


def test_faces_are_aligned_by_least_squares_over_all_points() -> None:
    places = np.array(
        [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655],
         [70.7299, 92.2041]]
    )  # fmt: skip
    points = np.array([[100, 120], [180, 110], [150, 160], [115, 210], [178, 200]], float)
    by_insightface = [[0.44518831, -0.04101428, -1.78578569], [0.04101428, 0.44518831, -5.26001473]]
    assert similarity(points, places) == pytest.approx(np.array(by_insightface), abs=1e-4)
    turn = np.array([[0.0, 2.0], [-2.0, 0.0]])
    back = similarity(points @ turn.T + 7, points)
    assert (points @ turn.T + 7) @ back[:, :2].T + back[:, 2] == pytest.approx(points)
    assert np.isfinite(similarity(np.full((5, 2), 3.0), places)).all()


def test_faces_found_by_scrfd_carry_mediapipe_landmarks(tmp_path: Path) -> None:
    pytest.importorskip("ai_edge_litert")
    from sentinelqa.features.faces import Faces

    rgb = photograph("astronaut")
    cv2.circle(rgb, (223, 120), 14, (255, 0, 0), -1)
    feature = Faces(write_scrfd(tmp_path / "det.onnx", 512))
    try:
        feature.load("cpu")
    except ModelError as error:
        pytest.skip(f"sentinelqa models pull --for headshot: {error}")
    found = feature.compute([FeatureInput("", Request(id="r"), {"pixels": Picture(rgb)})])[0]
    assert isinstance(found, FaceSet)
    assert len(found.models) == 3
    assert found.models[0].id.endswith("det.onnx")
    for face in found.faces:
        assert face.points is not None
        assert face.points.shape == (5, 2)
        assert face.mesh.shape == (468, 3)


def test_research_weights_are_refused_where_only_commercial_ones_are_allowed() -> None:
    with pytest.raises(LicenceError, match="insightface-buffalo-l"):
        resolve("insightface-buffalo-l", policy=LicencePolicy("commercial"))


def test_a_detector_that_a_rubric_names_brings_the_landmarks_along() -> None:
    assert feature_models("faces", "insightface-buffalo-l") == (
        "insightface-buffalo-l", "mediapipe-face-mesh", "mediapipe-iris",
    )  # fmt: skip
    assert feature_models("face_embedding", "auraface") == ("auraface",)
