"""Face dimensions on numbers: no network, no photograph."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from synthetic_face import face, faces

from sentinelqa.dimensions.base import Dimension
from sentinelqa.dimensions.expression import Expression
from sentinelqa.dimensions.face_fidelity import FaceFidelity
from sentinelqa.dimensions.face_sharpness import FaceSharpness
from sentinelqa.dimensions.faces import FacesFound
from sentinelqa.dimensions.lighting import Lighting
from sentinelqa.dimensions.skin_tone import SkinTone
from sentinelqa.errors import ScoringError
from sentinelqa.features.base import Features
from sentinelqa.features.colour import delta_e, lab
from sentinelqa.features.face import FaceSet
from sentinelqa.features.pixels import Picture
from sentinelqa.types import Measurement, Request, Unscored

SKIN = (190, 140, 115)


class Vector:
    """As the feature ``face_embedding`` gives it."""

    backend = "dlib"
    models = ()

    def __init__(self, offset: float | None) -> None:
        self.vector = None if offset is None else np.r_[offset, np.zeros(127)]


def frame(left: Any = SKIN, right: Any = SKIN, side: int = 400) -> Picture:
    rgb = np.empty((side, side, 3), np.uint8)
    rgb[:, : side // 2], rgb[:, side // 2 :] = left, right
    return Picture(rgb)


def features(found: FaceSet, picture: Picture | None = None, vector: float | None = 0.0) -> dict:
    return {"faces": found, "pixels": picture or frame(), "face_embedding": Vector(vector)}


def measure(dimension: Dimension, values: dict, *references: dict) -> Measurement:
    result = dimension.measure(Features(values, references), Request(id="r"))
    assert set(result.metrics) <= set(dimension.metrics)
    return result


@pytest.mark.parametrize(
    "dimension", [Expression(), FaceFidelity(), FaceSharpness(), Lighting(), SkinTone()]
)
def test_no_face_is_not_applicable(dimension: Dimension) -> None:
    result = measure(dimension, features(faces(), vector=None))
    assert result.unscored is Unscored.NOT_APPLICABLE


def test_faces_are_counted_and_compared() -> None:
    none = measure(FacesFound(), features(faces()))
    one = measure(FacesFound(), features(faces(face())))
    two = measure(FacesFound(), features(faces(face(), face(side=100))))
    assert [m.metrics["count"] for m in (none, one, two)] == [0, 1, 2]
    assert [m.score for m in (none, one, two)] == [0.0, 1.0, 0.75]
    assert one.metrics["eye_distance"] == pytest.approx(80)
    assert one.metrics["whole"] is True
    cut = measure(FacesFound(), features(faces(face(at=(-50, 100)))))
    assert cut.metrics["whole"] is False


@pytest.mark.parametrize(
    ("left", "right", "low", "high"),
    [(0.30, 0.32, 0.9, 1.0), (0.14, 0.14, 0.0, 0.1), (0.35, 0.15, 0.0, 0.1)],
)
def test_eyes_closed_and_winks_are_found(
    left: float, right: float, low: float, high: float
) -> None:
    result = measure(Expression(), features(faces(face(left_open=left, right_open=right))))
    assert result.metrics["openness"] == pytest.approx(min(left, right))
    assert result.metrics["wink"] == pytest.approx(abs(left - right))
    assert low <= result.metrics["eyes_open"] <= high
    assert result.score is not None
    assert low <= result.score <= high


def test_borderline_eyes_are_uncertain() -> None:
    assert measure(Expression(), features(faces(face(left_open=0.2)))).uncertain
    assert not measure(Expression(), features(faces(face()))).uncertain


def test_mouth_and_smile() -> None:
    neutral = measure(Expression(), features(faces(face(mouth_width=64))))
    smile = measure(Expression(), features(faces(face(mouth_width=82, mouth_gap=8))))
    agape = measure(Expression(), features(faces(face(mouth_gap=60))))
    assert neutral.metrics["smile"] < 0.1 < 0.9 < smile.metrics["smile"]
    assert smile.metrics["mouth_open"] == pytest.approx(8 / 120)
    assert agape.score is not None
    assert agape.score < 0.3


@pytest.mark.parametrize(
    ("distance", "score"), [(0.0, 1.0), (0.50, 0.758), (0.55, 0.5), (0.9, 0.003)]
)
def test_identity_by_distance(distance: float, score: float) -> None:
    result = measure(
        FaceFidelity(), features(faces(face()), vector=distance), features(faces(face()))
    )
    assert result.score == pytest.approx(score, abs=0.002)
    assert result.uncertain == (0.50 < distance < 0.60)


def test_identity_takes_the_nearest_of_several_references() -> None:
    references = [features(faces(face()), vector=v) for v in (0.9, 0.3, None)]
    result = measure(FaceFidelity(), features(faces(face())), *references)
    assert result.metrics["distance"] == pytest.approx(0.3)
    assert result.metrics["mean_distance"] == pytest.approx(0.6)
    assert result.metrics["references"] == 2


def test_identity_without_a_usable_reference() -> None:
    own = features(faces(face()))
    alone = measure(FaceFidelity(), own)
    assert (alone.metrics["rests_on"], alone.score) == ("presence", 0.99)
    faceless = measure(FaceFidelity(), own, features(faces(), vector=None))
    assert faceless.unscored is Unscored.NO_REFERENCE
    unread = measure(FaceFidelity(), own, {"face_embedding": ScoringError("damaged: x")})
    assert unread.unscored is Unscored.ERROR
    assert "damaged: x" in unread.note


@pytest.mark.parametrize("stops", [-2.0, -1.0, -0.25, 0.25])
def test_skin_exposure_in_stops(stops: float) -> None:
    light = np.array([0.25, 0.16, 0.12])
    coded = [1.055 * (light * 2.0**s) ** (1 / 2.4) - 0.055 for s in (0.0, stops)]
    base, moved = (frame(*[np.rint(c * 255)] * 2) for c in coded)
    result = measure(SkinTone(), features(faces(face()), moved), features(faces(face()), base))
    assert result.metrics["stops"] == pytest.approx(stops, abs=0.03)


def test_skin_colour_drift_is_a_delta_e() -> None:
    pink = (205, 130, 130)
    result = measure(
        SkinTone(), features(faces(face()), frame(pink, pink)), features(faces(face()))
    )
    expected = delta_e(*lab(np.array([SKIN, pink], np.uint8)))
    assert result.metrics["delta_e"] == pytest.approx(float(expected), abs=0.01)
    assert result.metrics["delta_e"] > 10


def test_skin_without_a_reference_is_described_and_not_scored() -> None:
    result = measure(SkinTone(), features(faces(face())))
    assert result.unscored is Unscored.NO_REFERENCE
    assert result.metrics["monk"] in range(1, 11)
    broken = {"pixels": ScoringError("damaged"), "faces": ScoringError("damaged")}
    assert measure(SkinTone(), features(faces(face())), broken).unscored is Unscored.ERROR


def test_grey_skin_has_no_tone() -> None:
    grey = frame((140, 140, 140), (140, 140, 140))
    result = measure(SkinTone(), features(faces(face()), grey), features(faces(face()), grey))
    assert {"ita", "monk", "delta_e"}.isdisjoint(result.metrics)
    assert result.uncertain
    assert result.score == 1.0


def test_side_light_in_stops_and_independent_of_exposure() -> None:
    found = faces(face())
    even = measure(Lighting(), features(found))
    side = measure(Lighting(), features(found, frame((220, 170, 140), (110, 85, 70))))
    dimmer = measure(Lighting(), features(found, frame((110, 85, 70), (55, 42, 35))))
    assert even.metrics["side"] == pytest.approx(0, abs=0.01)
    assert side.metrics["side"] > 1.8
    assert dimmer.metrics["side"] == pytest.approx(side.metrics["side"], abs=0.35)
    assert even.score is not None
    assert side.score is not None
    assert side.score < 0.2 < 0.9 < even.score


def test_green_light_is_a_cast_and_grey_is_not_judged() -> None:
    green = measure(Lighting(), features(faces(face()), frame((90, 170, 90), (90, 170, 90))))
    grey = measure(Lighting(), features(faces(face()), frame((120,) * 3, (120,) * 3)))
    assert green.metrics["cast"] > 30
    assert "cast" not in grey.metrics
    assert "greyscale" in grey.note


def test_faces_too_small_for_focus_are_undecidable() -> None:
    small = face()
    small.right_eye.iris[:] = small.left_eye.iris + np.array([20, 0])
    result = measure(FaceSharpness(), features(faces(small)))
    assert result.unscored is Unscored.UNDECIDABLE
