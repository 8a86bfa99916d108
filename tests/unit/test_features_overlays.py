from __future__ import annotations

import numpy as np
from labels import label
from photographs import blurred, photograph
from synthetic_face import face, faces

from sentinelqa.features.foreground import find_foreground
from sentinelqa.features.overlays import PANEL, overlay
from sentinelqa.features.person import Person
from sentinelqa.features.pixels import Picture
from sentinelqa.features.reading import Line, TextFound

PERSON = np.zeros((366, 512), bool)
PERSON[200:300, 350 : round(600 * 512 / 700)] = True


def panels(picture: np.ndarray) -> list[np.ndarray]:
    return [p[28:, :-4] for p in np.split(picture, 3, axis=1)]


def test_what_was_found_is_drawn_where_it_is() -> None:
    picture = Picture(label())
    corners = np.array([[140, 100], [500, 100], [500, 170], [140, 170]], float)
    plain = panels(overlay({"pixels": picture}))[0]
    drawn = panels(
        overlay(
            {
                "pixels": picture,
                "foreground": find_foreground(picture),
                "person": Person(PERSON),
                "faces": faces(face(at=(200, 200))),
                "text": TextFound((Line("ACME", 0.9, corners),)),
            }
        )
    )[0]
    assert np.array_equal(plain, picture.within(PANEL))
    scale = PANEL / 700
    changed = (plain != drawn).any(axis=2)
    for x, y in ((100, 250), (200, 200), (320, 100), (600, 400)):
        column, row = round(x * scale), round(y * scale)
        assert changed[row - 4 : row + 5, column - 4 : column + 5].any()
    assert changed.mean() < 0.2


def test_maps_are_green_where_sharp_and_red_where_not() -> None:
    rgb = photograph("coffee")
    soft = blurred(rgb, 5)
    soft[:, :300] = rgb[:, :300]
    focus = panels(overlay({"pixels": Picture(soft)}))[1].astype(int)
    left, right = focus[:, : PANEL // 2 - 20], focus[:, PANEL // 2 + 20 :]
    greener = [(half[..., 1] - half[..., 0]).mean() for half in (left, right)]
    assert greener[0] > greener[1] + 20


def test_tiny_pictures_can_be_drawn() -> None:
    assert overlay({"pixels": Picture(np.zeros((1, 1, 3), np.uint8))}).shape[0] == 29
