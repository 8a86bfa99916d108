"""Writing and branding behind the subject."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import NDArray

from sentinelqa.dimensions.base import MetricSpec
from sentinelqa.features.base import Features
from sentinelqa.features.foreground import Foreground
from sentinelqa.features.person import Person
from sentinelqa.features.reading import Line
from sentinelqa.types import Measurement, Request, Tier

_LETTERS = 3
_BEHIND = 0.5
_HALF = 0.01
_SHOWN = 200


@dataclass(frozen=True, slots=True)
class BackgroundText:
    """Lines of writing that lie mostly outside the subject.

    A line (feature ``text``) counts when it has three letters or digits and more than half of its
    box lies outside the person, or outside the product before a plain background. Without either
    the whole picture is background (``rests_on: frame``). ``count`` is how many, ``area`` their
    boxes over the frame, ``read`` what they say; the score is ``1 / (1 + (area / 0.01)^2)``, and 1
    without any. A rubric that wants none asks for ``count`` 0.

    On thirteen photographs with writing in the background ten were found out, on sixteen without
    none was accused. Blind to logos without letters, and to writing under about 1.5 % of the
    frame's height.
    """

    name: str = "background_text"
    version: str = "1"
    tier: Tier = "use_case"
    needs: tuple[str, ...] = ("pixels", "foreground", "person", "text")
    reference_needs: tuple[str, ...] = ()

    @property
    def metrics(self) -> Mapping[str, MetricSpec]:
        return _METRICS

    def measure(self, features: Features, request: Request) -> Measurement:
        """Score one picture."""
        picture, person, found = features["pixels"], features["person"], features["text"]
        subject, rests_on = _subject(features["foreground"], person)
        behind = [
            line
            for line in found.lines
            if sum(c.isalnum() for c in line.text) >= _LETTERS
            and _outside(line, subject, subject.shape[1] / picture.width) > _BEHIND
        ]
        frame = float(picture.width * picture.height)
        area = min(1.0, sum(float(cv2.contourArea(_points(line, 1.0))) for line in behind) / frame)
        return Measurement(
            dimension=self.name,
            score=1 / (1 + (area / _HALF) ** 2),
            metrics={
                "count": len(behind),
                "area": area,
                "read": " ".join(line.text for line in behind)[:_SHOWN],
                "rests_on": rests_on,
            },
            models=tuple(dict.fromkeys((*found.models, *person.models))),
        )


def _subject(foreground: Foreground, person: Person) -> tuple[NDArray[np.bool_], str]:
    if person.mask is not None:
        return person.mask, "person"
    if foreground.plain:
        return foreground.mask, "subject"
    return np.zeros(foreground.mask.shape, bool), "frame"


def _outside(line: Line, subject: NDArray[np.bool_], scale: float) -> float:
    """The share of a line's box that lies outside the subject."""
    box = np.zeros(subject.shape, np.uint8)
    cv2.fillConvexPoly(box, np.rint(_points(line, scale)).astype(np.int32), 1)
    inside = box.astype(bool)
    return float((~subject[inside]).mean()) if inside.any() else 0.0


def _points(line: Line, scale: float) -> NDArray[np.float32]:
    return np.asarray(line.corners * scale, np.float32)


_METRICS: Mapping[str, MetricSpec] = MappingProxyType(
    {
        "count": MetricSpec("int", "lines behind the subject", "count", 0),
        "area": MetricSpec("float", "their boxes over the frame", "share", 0.0, 1.0),
        "read": MetricSpec("str", "what they say, at most 200 characters"),
        "rests_on": MetricSpec("str", "what was left out: person, subject, or nothing (frame)"),
    }
)
