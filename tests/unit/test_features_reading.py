from __future__ import annotations

import numpy as np
import pytest

from sentinelqa.features.reading import (
    Line,
    TextFound,
    best_errors,
    character_errors,
    normalised,
)


@pytest.mark.parametrize(
    ("read", "expected", "errors"),
    [
        ("ACME Coffee", "acme  coffee", 0.0),
        ("ACNE Cofee", "ACME Coffee", 2 / 11),
        ("", "ACME", 1.0),
        ("ACME and more", "ACME", 9 / 4),
        ("ＡＣＭＥ", "ACME", 0.0),
        ("kitten", "sitting", 3 / 7),
    ],
)
def test_character_errors(read: str, expected: str, errors: float) -> None:
    assert character_errors(read, expected) == pytest.approx(errors)


def test_a_label_may_say_more_than_what_was_asked_for() -> None:
    lines = ("Since 1900", "ACME", "Coffee", "Net 250 g")
    assert best_errors(lines, "ACME Coffee") == (0.0, "ACME Coffee")
    assert best_errors((), "ACME") == (1.0, "")


def test_long_texts_are_compared_in_bounded_time() -> None:
    assert character_errors("a" * 50_000, "b" * 50_000) == 1.0
    assert normalised(" A\n\tb ") == "a b"


def test_turned_lines_count_as_they_are_misread() -> None:
    corners = np.zeros((4, 2))
    found = TextFound(
        (
            Line("ACME", 0.99, corners, plain="ACME"),
            Line("Coffee", 0.99, corners, turned=180, plain="aajjo"),
            Line("Beans", 0.99, corners, turned=90),
        )
    )
    assert found.text == "ACME Coffee Beans"
    assert found.as_it_stands == ("ACME", "aajjo")
