"""Text in a picture as data, and how far it is from what it should say. No network here."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sentinelqa.types import ModelUse

MAX_COMPARED = 2000


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """One line of text.

    Attributes:
        text: as read in the direction that reads best.
        score: the recogniser's confidence, 0 to 1.
        corners: 4 x 2 pixels of the frame, clockwise from the upper left.
        turned: degrees clockwise that the writing is turned: 0, 90, 180 or 270.
        mirrored: it reads best mirrored left to right.
        plain: what it reads without turning back or mirroring; empty when that is nothing.
    """

    text: str
    score: float
    corners: NDArray[np.float64]
    turned: int = 0
    mirrored: bool = False
    plain: str = ""

    @property
    def upright(self) -> bool:
        """Whether it reads as it stands."""
        return self.turned == 0 and not self.mirrored


@dataclass(frozen=True, slots=True, eq=False)
class TextFound:
    """The lines of a picture in reading order, and the models that read them."""

    lines: tuple[Line, ...]
    models: tuple[ModelUse, ...] = ()

    @property
    def text(self) -> str:
        """Everything that was read, lines joined by blanks."""
        return " ".join(line.text for line in self.lines)

    @property
    def as_it_stands(self) -> tuple[str, ...]:
        """The lines without turning or mirroring any: those that need it as they are misread."""
        read = (line.text if line.upright else line.plain for line in self.lines)
        return tuple(text for text in read if text)


def normalised(text: str) -> str:
    """Case, width and runs of blanks levelled, so that they do not count as errors."""
    return re.sub(r"\s+", " ", unicodedata.normalize("NFKC", text)).strip().casefold()


def character_errors(read: str, expected: str) -> float:
    """Edit distance over the length of ``expected``, after :func:`normalised`; can exceed 1."""
    read, expected = normalised(read)[:MAX_COMPARED], normalised(expected)[:MAX_COMPARED]
    if not expected:
        return float(bool(read))
    return _distance(read, expected) / len(expected)


def best_errors(lines: tuple[str, ...], expected: str) -> tuple[float, str]:
    """The lowest error over all runs of neighbouring lines, and that run: a label may carry more
    than what is asked for."""
    runs = [" ".join(lines[i:j]) for i in range(len(lines)) for j in range(i + 1, len(lines) + 1)][
        :400
    ]
    if not runs:
        return 1.0, ""
    return min((character_errors(run, expected), run) for run in runs)


def _distance(first: str, second: str) -> int:
    row = list(range(len(second) + 1))
    for i, left in enumerate(first, 1):
        diagonal, row[0] = row[0], i
        for j, right in enumerate(second, 1):
            cost = min(row[j] + 1, row[j - 1] + 1, diagonal + (left != right))
            diagonal, row[j] = row[j], cost
    return row[-1]
