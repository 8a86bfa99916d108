"""Whether the product is the one of the reference, as far as detail and colour show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from sentinelqa.dimensions.base import MetricSpec
from sentinelqa.dimensions.colour import subject_colours
from sentinelqa.errors import ScoringError
from sentinelqa.features.base import Features
from sentinelqa.features.colour import delta_e
from sentinelqa.features.keypoints import match
from sentinelqa.types import Measurement, Metric, Request, Tier, Unscored

_NEEDED = ("pixels", "foreground", "keypoints")
_HALF_INLIERS = 40
_HALF_DELTA = 9.0
_FEWEST = 40


@dataclass(frozen=True, slots=True)
class Identity:
    """SIFT inliers on the best reference, and the difference of the subjects' median colours.

    ``inliers`` maps through ``1 - 1 / (1 + (inliers / 40)^2)``: the same object from about the same
    side has 60 and more, blurred and compressed still 60 to 99, another object under 10.
    ``delta_e`` (CIEDE2000, only where both stand before a plain background) through ``1 / (1 + (x /
    9)^3)``. The score is the smaller.

    Partial, and says so (``rests_on``): detail and colour on a surface, not the shape. A product
    that was drawn anew, or seen from another side, matches little however faithful it is; a learned
    similarity is needed there. Undecidable when the reference has under 40 keypoints.
    """

    name: str = "identity"
    version: str = "1"
    tier: Tier = "use_case"
    needs: tuple[str, ...] = _NEEDED
    reference_needs: tuple[str, ...] = _NEEDED

    @property
    def metrics(self) -> Mapping[str, MetricSpec]:
        return _METRICS

    def measure(self, features: Features, request: Request) -> Measurement:
        """Compare one picture with the references."""
        known = features.references
        readable = [
            r for r in known if not any(isinstance(r[name], ScoringError) for name in _NEEDED)
        ]
        if not readable:
            why = Unscored.ERROR if known else Unscored.NO_REFERENCE
            note = "no reference could be read" if known else "there is no reference image"
            return Measurement.without_score(self.name, why, note)
        detailed = [r for r in readable if len(r["keypoints"].direct.places) >= _FEWEST]
        if not detailed:
            note = f"the reference has fewer than {_FEWEST} places to recognise it by"
            return Measurement.without_score(self.name, Unscored.UNDECIDABLE, note)
        compared = [_compare(features, reference) for reference in detailed]
        score, metrics = max(compared, key=lambda pair: pair[0])
        return Measurement(dimension=self.name, score=score, metrics=metrics)


def _compare(features: Features, other: Mapping[str, Any]) -> tuple[float, dict[str, Metric]]:
    inliers = match(features["keypoints"].direct, other["keypoints"].direct).inliers
    score = 1 - 1 / (1 + (inliers / _HALF_INLIERS) ** 2)
    metrics: dict[str, Metric] = {"inliers": inliers, "rests_on": "detail"}
    colours = [subject_colours(f["pixels"], f["foreground"]) for f in (features, other)]
    medians = [np.median(sample, axis=0) for sample in colours if sample is not None]
    if len(medians) == 2:
        distance = float(delta_e(medians[0], medians[1]))
        score = min(score, 1 / (1 + (distance / _HALF_DELTA) ** 3))
        metrics |= {"delta_e": distance, "rests_on": "detail and colour"}
    return score, metrics


_METRICS: Mapping[str, MetricSpec] = MappingProxyType(
    {
        "inliers": MetricSpec("int", "places that fit on the reference", "count", 0),
        "delta_e": MetricSpec("float", "difference of the median colours", "ΔE2000", 0.0, 200.0),
        "rests_on": MetricSpec("str", "what was judged: detail, or detail and colour"),
    }
)
