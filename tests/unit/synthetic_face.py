"""Faces as numbers, for tests of dimensions that need no network."""

from __future__ import annotations

import numpy as np

from sentinelqa.features.face import Eye, Face, FaceSet


def eye(centre: tuple[float, float], width: float = 40.0, openness: float = 0.3) -> Eye:
    """An eye whose lids are ``openness`` times its width apart."""
    across = np.linspace(-width / 2, width / 2, 9)
    half = openness * width / 2
    lower = np.stack([across, np.r_[0, [half] * 7, 0]], axis=1)
    upper = np.stack([across[1:-1], np.full(7, -half)], axis=1)
    iris = np.array([[0, 0], [5, 0], [0, 5], [-5, 0], [0, -5]], float)
    return Eye(np.vstack([lower, upper]) + centre, iris + centre)


def face(
    *,
    side: float = 200.0,
    at: tuple[float, float] = (100.0, 100.0),
    left_open: float = 0.3,
    right_open: float = 0.3,
    mouth_gap: float = 0.0,
    mouth_width: float = 70.0,
) -> Face:
    """A frontal face in a square of ``side`` pixels whose upper left corner is ``at``."""
    x, y = at
    middle = x + side / 2
    mesh = np.tile([middle, y + side / 2, 0.0], (468, 1))
    eyes = y + side * 0.4
    places = {
        33: (middle - 60, eyes), 133: (middle - 20, eyes), 362: (middle + 20, eyes),
        263: (middle + 60, eyes), 10: (middle, y), 152: (middle, y + side),
        61: (middle - mouth_width / 2, y + side * 0.75),
        291: (middle + mouth_width / 2, y + side * 0.75),
        13: (middle, y + side * 0.75 - mouth_gap / 2),
        14: (middle, y + side * 0.75 + mouth_gap / 2),
        234: (x, y + side / 2), 454: (x + side, y + side / 2),
    }  # fmt: skip
    for outline, centre in (
        ((117, 101, 36, 205, 187, 123), -50.0),
        ((346, 330, 266, 425, 411, 352), 50.0),
    ):
        for k, number in enumerate(outline):
            angle = 2 * np.pi * k / 6
            places[number] = (
                middle + centre + 20 * np.cos(angle),
                y + side * 0.6 + 20 * np.sin(angle),
            )
    for number, place in places.items():
        mesh[number, :2] = place
    return Face(
        box=(x, y, x + side, y + side),
        score=0.95,
        mesh=mesh,
        left_eye=eye((middle - 40, eyes), openness=left_open),
        right_eye=eye((middle + 40, eyes), openness=right_open),
        present=0.99,
    )


def faces(*found: Face) -> FaceSet:
    """A picture's faces."""
    return FaceSet(tuple(found))
