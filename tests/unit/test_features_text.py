"""The OCR on drawn labels. Needs the extra ``text``."""

from __future__ import annotations

import numpy as np
import pytest
from labels import label
from photographs import blurred, jpeg, photograph

pytest.importorskip("rapidocr")

from sentinelqa.dimensions.text import TextAccuracy, expected_text
from sentinelqa.features.base import FeatureInput, Features
from sentinelqa.features.pixels import Picture
from sentinelqa.features.reading import TextFound
from sentinelqa.features.text import Text
from sentinelqa.types import Measurement, Request, Unscored


@pytest.fixture(scope="module")
def reader() -> Text:
    feature = Text()
    feature.load("cpu")
    return feature


def read(reader: Text, rgb: np.ndarray) -> TextFound:
    picture = Picture(np.ascontiguousarray(rgb))
    found = reader.compute([FeatureInput("", Request(id="r"), {"pixels": picture})])[0]
    assert isinstance(found, TextFound)
    return found


def measure(found: TextFound, **request: object) -> Measurement:
    return TextAccuracy().measure(Features({"text": found}), Request(id="r", **request))


TURNS = [
    (0, False, lambda a: a),
    (180, False, lambda a: a[::-1, ::-1]),
    (90, False, lambda a: np.rot90(a, 3)),
    (270, False, lambda a: np.rot90(a, 1)),
    (0, True, lambda a: a[:, ::-1]),
]


@pytest.mark.parametrize(("turned", "mirrored", "turn"), TURNS)
def test_which_way_round_writing_stands(
    reader: Text, turned: int, mirrored: bool, turn: object
) -> None:
    found = read(reader, turn(label()))
    line = next(line for line in found.lines if line.text == "ACME Coffee")
    assert (line.turned, line.mirrored) == (turned, mirrored)
    result = measure(found, metadata={"text": "ACME Coffee"})
    assert result.score is not None
    assert (result.score == 1.0) == (turned == 0 and not mirrored)
    assert result.score == 1.0 or result.score < 0.6
    assert [m.licence for m in result.models] == ["Apache-2.0"]


def test_reading_survives_blur_and_compression(reader: Text) -> None:
    found = read(reader, jpeg(blurred(label(), 1.5), 30))
    assert found.text == "ACME Coffee Dark roast beans Net 250 g"


def test_a_wrong_letter_is_counted(reader: Text) -> None:
    result = measure(read(reader, label("ACNE Coffee")), prompt='a tin that reads "ACME Coffee"')
    assert result.metrics["cer"] == pytest.approx(1 / 11)


def test_photographs_without_writing(reader: Text) -> None:
    for name in ("chelsea", "astronaut"):
        result = measure(read(reader, photograph(name)))
        assert result.unscored is Unscored.NO_REFERENCE
        assert result.metrics["characters"] == 0


@pytest.mark.parametrize("shape", [(1, 1, 3), (20, 3000, 3)])
def test_odd_shapes_hold_no_text(reader: Text, shape: tuple[int, int, int]) -> None:
    assert read(reader, np.full(shape, 200, np.uint8)).lines == ()


def test_what_should_be_read() -> None:
    both = Request(id="r", prompt='says "B"', metadata={"text": "A"})
    assert expected_text(both) == "A"
    assert expected_text(Request(id="r", prompt='“One” and "two"')) == "One two"
    assert expected_text(Request(id="r", prompt="it's a dog's life")) == ""
