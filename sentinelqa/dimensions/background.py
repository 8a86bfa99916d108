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
from sentinelqa.types import Measurement, Request, Tier, Unscored

_HALF = 4.0
_NEAR = 10.0
_SMALLEST = 16
_MARGIN = 0.02


@dataclass(frozen=True, slots=True)
class Background:
    """Uniformity and colour of the background.

    The background is what the feature ``foreground`` leaves over; on a busy background, where no
    subject can be told apart, it is the outer tenth of the frame on the left, the top and the right
    (people and tables reach the lower edge). The score follows ISO/IEC 29794-5's background
    uniformity: ``gradient``, the mean Sobel magnitude of the luma over the background, at 512
    pixels, in levels a pixel, through ``1 / (1 + (gradient / 4)^2)``. Plain backdrops have 0.1 to
    2, busy ones 5 and more.

    ``white_p5`` is the fifth percentile of the smallest channel along the frame's border at full
    size: 255 is pure white; 250 is what a strict marketplace asks, 242 forgives slight noise. (The
    share of pixels above 250 fails on noise that nobody sees.) ``spread`` is the 95th percentile of
    the distance (ΔE*ab) to the background's median colour, ``clutter`` the share beyond 10.

    Blind to: meaning (a plain background of the wrong place), and to a busy scene that is blurred
    beyond recognition, which is plain by this measure. A soft gradient counts as uniform.
    """

    name: str = "background"
    version: str = "1"
    tier: Tier = "use_case"
    needs: tuple[str, ...] = ("pixels", "foreground")
    reference_needs: tuple[str, ...] = ()

    @property
    def metrics(self) -> Mapping[str, MetricSpec]:
        return _METRICS

    def measure(self, features: Features, request: Request) -> Measurement:
        """Score one picture."""
        picture, foreground = features["pixels"], features["foreground"]
        behind = background_mask(foreground)
        if min(picture.width, picture.height) < _SMALLEST or behind.sum() < _SMALLEST:
            note = "no background is left beside the subject"
            return Measurement.without_score(self.name, Unscored.UNDECIDABLE, note)
        lab = picture.lab_within(WORKING_SIZE)[behind]
        colour = np.median(lab, axis=0)
        away = np.linalg.norm(lab - colour, axis=1)
        gradient = mean_gradient(picture.grey_within(WORKING_SIZE), behind)
        ring = picture.rgb[border_ring(picture.rgb.shape)]
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
            },
        )


def background_mask(foreground: Foreground) -> NDArray[np.bool_]:
    """Pixels of the background, a little away from the subject's edge."""
    height, width = foreground.mask.shape
    if foreground.plain:
        reach = max(1, round(min(height, width) * _MARGIN))
        kernel = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
        return np.asarray(cv2.dilate(foreground.mask.astype(np.uint8), kernel) == 0)
    outer = np.zeros((height, width), bool)
    outer[: max(1, height // 10)] = True
    outer[: height // 2, : max(1, width // 10)] = True
    outer[: height // 2, -max(1, width // 10) :] = True
    return outer


def mean_gradient(grey: NDArray[np.float32], where: NDArray[np.bool_]) -> float:
    """Mean Sobel magnitude, levels a pixel, over the pixels ``where``."""
    across = cv2.Sobel(grey, cv2.CV_32F, 1, 0, scale=0.125)
    down = cv2.Sobel(grey, cv2.CV_32F, 0, 1, scale=0.125)
    return float(cv2.magnitude(across, down)[where].mean())


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
    }
)
