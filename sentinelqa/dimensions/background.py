"""What lies behind the subject: plain or busy, and of which colour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import NDArray

from sentinelqa.dimensions.base import MetricSpec
from sentinelqa.features.base import Features
from sentinelqa.features.foreground import WORKING_SIZE, Foreground, border_ring
from sentinelqa.features.fringe import fringe_share
from sentinelqa.features.person import Person
from sentinelqa.features.pixels import Picture
from sentinelqa.types import Measurement, Request, Tier, Unscored

_HALF = 4.0
_NEAR = 10.0
_SMALLEST = 16
_MARGIN = 0.02
_FRINGE_SIZE = 1024


@dataclass(frozen=True, slots=True)
class Background:
    """Uniformity and colour of the background.

    The background is what the features ``foreground`` (before plain backgrounds) and ``person``
    (where the rubric names its model) leave over. Where neither finds a subject it is the outer
    tenth of the frame on the left, the top and the right (people and tables reach the lower edge);
    ``rests_on`` says which: ``person``, ``subject`` or ``border``. The score follows ISO/IEC
    29794-5's background uniformity: ``gradient``, the mean Sobel magnitude of the luma over the
    background, at 512 pixels, in levels a pixel, through ``1 / (1 + (gradient / 4)^2)``. Plain
    backdrops have 0.1 to 2, busy ones 5 and more.

    ``halo``, where a person was found: the share of the person's edge along which a line is
    brighter or darker than both sides, as careless cut-outs have it. Nine photographs lie under
    0.39, people pasted onto a plain ground under 0.17; a fringe of 3 pixels and 60 levels, or 6 and
    30, gives 0.5 to 1.0 wherever it stands out from both sides.

    ``white_p5`` is the fifth percentile of the smallest channel along the frame's border at full
    size: 255 is pure white; 250 is what a strict marketplace asks, 242 forgives slight noise. (The
    share of pixels above 250 fails on noise that nobody sees.) ``spread`` is the 95th percentile of
    the distance (ΔE*ab) to the background's median colour, ``clutter`` the share beyond 10.

    Blind to: meaning (a plain background of the wrong place), and to a busy scene that is blurred
    beyond recognition, which is plain by this measure. A soft gradient counts as uniform. A light
    fringe before a dark ground beside a light subject is no halo by this measure.
    """

    name: str = "background"
    version: str = "3"
    tier: Tier = "use_case"
    needs: tuple[str, ...] = ("pixels", "foreground", "person")
    reference_needs: tuple[str, ...] = ()

    @property
    def metrics(self) -> Mapping[str, MetricSpec]:
        return _METRICS

    def measure(self, features: Features, request: Request) -> Measurement:
        """Score one picture."""
        picture, foreground, person = features["pixels"], features["foreground"], features["person"]
        behind, rests_on = background_mask(foreground, person)
        if min(picture.width, picture.height) < _SMALLEST or behind.sum() < _SMALLEST:
            note = "no background is left beside the subject"
            return Measurement.without_score(
                self.name, Unscored.UNDECIDABLE, note, models=person.models
            )
        lab = picture.lab_within(WORKING_SIZE)[behind]
        colour = np.median(lab, axis=0)
        away = np.linalg.norm(lab - colour, axis=1)
        gradient = mean_gradient(picture.grey_within(WORKING_SIZE), behind)
        ring = picture.overview[border_ring(picture.overview.shape)]
        halo = _halo(picture, person)
        return Measurement(
            dimension=self.name,
            score=1 / (1 + (gradient / _HALF) ** 2),
            metrics={
                "gradient": gradient,
                "white_p5": float(np.percentile(ring.min(axis=1), 5)),
                "lightness": float(colour[0]),
                "chroma": float(np.hypot(colour[1], colour[2])),
                "spread": float(np.percentile(away, 95)),
                "clutter": float((away > _NEAR).mean()),
                "share": float(behind.mean()),
                "plain": foreground.plain,
                "rests_on": rests_on,
                **({} if halo is None else {"halo": halo}),
            },
            models=person.models,
        )


def background_mask(foreground: Foreground, person: Person) -> tuple[NDArray[np.bool_], str]:
    """Pixels of the background, a little away from the subject's edge, and what found them."""
    height, width = foreground.mask.shape
    found = [
        mask
        for mask in (person.mask, foreground.mask if foreground.plain else None)
        if mask is not None
    ]
    if found:
        reach = max(1, round(min(height, width) * _MARGIN))
        kernel = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
        subject = np.logical_or.reduce(found).astype(np.uint8)
        behind = np.asarray(cv2.dilate(subject, kernel) == 0)
        return behind, "subject" if person.mask is None else "person"
    outer = np.zeros((height, width), bool)
    outer[: max(1, height // 10)] = True
    outer[: height // 2, : max(1, width // 10)] = True
    outer[: height // 2, -max(1, width // 10) :] = True
    return outer, "border"


def _halo(picture: Picture, person: Person) -> float | None:
    if person.mask is None:
        return None
    grey = picture.grey_within(_FRINGE_SIZE)
    height, width = grey.shape
    mask = cv2.resize(
        person.mask.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST
    )
    return fringe_share(grey, mask > 0)


def mean_gradient(grey: NDArray[np.float32], where: NDArray[np.bool_]) -> float:
    """Mean Sobel magnitude, levels a pixel, over the pixels ``where``."""
    across = cv2.Sobel(grey, cv2.CV_32F, 1, 0, scale=0.125)
    down = cv2.Sobel(grey, cv2.CV_32F, 0, 1, scale=0.125)
    # OpenCV's ``magnitude`` differs in the last bit with where memory lies
    return float(np.sqrt(across * across + down * down)[where].mean())


_METRICS: Mapping[str, MetricSpec] = MappingProxyType(
    {
        "gradient": MetricSpec("float", "mean gradient of the background", "levels/px", 0.0, 255.0),
        "white_p5": MetricSpec(
            "float", "5th percentile of the border's smallest channel", "levels", 0.0, 255.0
        ),
        "lightness": MetricSpec("float", "L* of the median colour", "L*", 0.0, 100.0),
        "chroma": MetricSpec("float", "C* of the median colour", "C*", 0.0, 190.0),
        "spread": MetricSpec("float", "95th percentile of distance to it", "ΔE*ab", 0.0, 300.0),
        "clutter": MetricSpec("float", "background beyond 10 ΔE of it", "share", 0.0, 1.0),
        "share": MetricSpec("float", "background over the frame", "share", 0.0, 1.0),
        "plain": MetricSpec("bool", "the border is of one colour"),
        "rests_on": MetricSpec("str", "what was left out: person, subject, or all but the border"),
        "halo": MetricSpec("float", "fringed part of the person's edge", "share", 0.0, 1.0),
    }
)
