"""Local features that find the same object again: SIFT, of a picture and of its mirror image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from sentinelqa.errors import ScoringError
from sentinelqa.features.base import FeatureInput
from sentinelqa.features.pixels import Picture
from sentinelqa.types import ModelUse

Floats = NDArray[np.float32]

_WORKING_SIZE = 800
_MOST = 1500
_RATIO = 0.75
_REPROJECTION = 5.0
_FEWEST = 4


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """Keypoints of one picture: ``N x 2`` places in pixels at 800, ``N x 128`` descriptors."""

    places: Floats
    descriptors: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Keypoints:
    """Of a picture, and of the same picture mirrored left to right."""

    direct: View
    mirrored: View


@dataclass(frozen=True, slots=True)
class Match:
    """How two pictures fit on each other.

    Attributes:
        inliers: keypoints that one homography maps.
        turn: degrees clockwise by which the first is turned against the second.
    """

    inliers: int
    turn: float = 0.0


@dataclass(frozen=True, slots=True)
class KeypointFinder:
    """Feature ``keypoints``: a :class:`Keypoints` per picture, at 800 pixels on the longer side.

    Lowe, "Distinctive image features from scale-invariant keypoints" (IJCV 2004). SIFT tells a
    picture from its mirror image, which is what makes a mirrored label visible.
    """

    name: str = "keypoints"
    version: str = "1"
    needs: tuple[str, ...] = ("pixels",)
    models: tuple[ModelUse, ...] = ()

    def load(self, device: str) -> None:
        """Nothing to load."""

    def compute(self, batch: Sequence[FeatureInput]) -> list[Keypoints | ScoringError]:
        """Find the keypoints of every picture."""
        return [find_keypoints(item.features["pixels"]) for item in batch]


def find_keypoints(picture: Picture) -> Keypoints:
    """Keypoints of one picture and of its mirror image."""
    grey = picture.grey_within(_WORKING_SIZE).astype(np.uint8)
    return Keypoints(_view(grey), _view(np.ascontiguousarray(grey[:, ::-1])))


def match(first: View, second: View) -> Match:
    """Lowe's ratio test, then a homography by RANSAC."""
    if min(len(first.places), len(second.places)) < 2:
        return Match(0)
    pairs = cv2.BFMatcher(cv2.NORM_L2).knnMatch(first.descriptors, second.descriptors, k=2)
    good = [p[0] for p in pairs if len(p) == 2 and p[0].distance < _RATIO * p[1].distance]
    if len(good) < _FEWEST:
        return Match(0)
    here = first.places[[m.queryIdx for m in good]]
    there = second.places[[m.trainIdx for m in good]]
    found, inside = cv2.findHomography(there, here, cv2.RANSAC, _REPROJECTION)
    if found is None:
        return Match(0)
    # Matches of many places with one are the sign of a degenerate fit.
    inliers = len(np.unique(there[inside.ravel() > 0], axis=0))
    return Match(inliers, float(np.degrees(np.arctan2(found[1, 0], found[0, 0]))))


def _view(grey: NDArray[np.uint8]) -> View:
    points, descriptors = cv2.SIFT.create(nfeatures=_MOST).detectAndCompute(grey, None)
    if descriptors is None:
        return View(np.zeros((0, 2), np.float32), np.zeros((0, 128), np.float32))
    places = np.array([p.pt for p in points], np.float32).reshape(-1, 2)
    return View(places, np.asarray(descriptors, np.float32))
