"""How the subject sits in the frame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from sentinelqa.dimensions.base import MetricSpec
from sentinelqa.features.base import Features
from sentinelqa.types import Measurement, Request, Tier, Unscored

_TOUCHING = 0.005


@dataclass(frozen=True, slots=True)
class Framing:
    """Size, centring and completeness of the subject in front of a plain background.

    From the box around the subject (feature ``foreground``), all as shares of the frame's sides:
    ``fill`` is the larger of its width and height (marketplaces ask for about 0.85), ``area`` the
    subject's own area, ``margin_*`` the room on each side, ``off_centre`` the larger offset of the
    box's centre, and ``cut_edges`` the number of frame edges that the subject touches.

    The score is the smallest of three: fill (0 at 0.2, 1 from 0.6 on), centring (1 up to 0.05, 0 at
    0.35), completeness (1, 0.3 and 0.1 for none, one and more cut edges).

    Undecidable without a plain background or without a subject. A cast shadow counts as subject.
    """

    name: str = "framing"
    version: str = "1"
    tier: Tier = "use_case"
    needs: tuple[str, ...] = ("pixels", "foreground")
    reference_needs: tuple[str, ...] = ()

    @property
    def metrics(self) -> Mapping[str, MetricSpec]:
        return _METRICS

    def measure(self, features: Features, request: Request) -> Measurement:
        """Score one picture."""
        foreground = features["foreground"]
        box = foreground.box
        if box is None:
            reason = "nothing stands out of the background" if foreground.plain else _BUSY
            return Measurement.without_score(self.name, Unscored.UNDECIDABLE, reason)
        height, width = foreground.mask.shape
        left, top = box[0] / width, box[1] / height
        right, bottom = 1 - box[2] / width, 1 - box[3] / height
        margins = {"left": left, "top": top, "right": right, "bottom": bottom}
        fill = max(1 - left - right, 1 - top - bottom)
        off_centre = max(abs(left - right), abs(top - bottom)) / 2
        cut = sum(m < _TOUCHING for m in margins.values())
        parts = (
            float(np.interp(fill, [0.2, 0.6], [0, 1])),
            float(np.interp(off_centre, [0.05, 0.35], [1, 0])),
            (1.0, 0.3, 0.1)[min(cut, 2)],
        )
        return Measurement(
            dimension=self.name,
            score=min(parts),
            metrics={
                "fill": fill,
                "area": float(foreground.mask.mean()),
                "off_centre": off_centre,
                "cut_edges": cut,
                "margin": min(margins.values()),
                **{f"margin_{side}": value for side, value in margins.items()},
            },
        )


_BUSY = "the background is not plain, so the subject's outline is unknown"


def _share(summary: str) -> MetricSpec:
    return MetricSpec("float", summary, "share", 0.0, 1.0)


_METRICS: Mapping[str, MetricSpec] = MappingProxyType(
    {
        "fill": _share("the subject's longer extent over the frame's"),
        "area": _share("the subject's area over the frame's"),
        "off_centre": _share("offset of the subject's centre"),
        "cut_edges": MetricSpec("int", "frame edges that the subject touches", "count", 0, 4),
        "margin": _share("the smallest margin"),
        "margin_left": _share("room on the left"),
        "margin_top": _share("room above"),
        "margin_right": _share("room on the right"),
        "margin_bottom": _share("room below"),
    }
)
