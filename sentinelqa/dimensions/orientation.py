"""Whether the product stands as in the reference: neither mirrored nor turned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from sentinelqa.dimensions.base import MetricSpec
from sentinelqa.errors import ScoringError
from sentinelqa.features.base import Features
from sentinelqa.features.keypoints import match
from sentinelqa.types import Measurement, Request, Tier, Unscored

_FEWEST = 25
_TURNED = 45.0


@dataclass(frozen=True, slots=True)
class Orientation:
    """SIFT inliers of the picture, and of its mirror image, on the reference.

    ``direct`` and ``mirrored`` count keypoints that one homography maps onto the best reference; on
    three labels 170 to 233 against 15 to 24, swapped when mirrored. The score is ``direct / (direct
    + mirrored)``, at most 0.1 when the picture is turned by more than 45 degrees (``turn``,
    clockwise).

    Undecidable when neither reaches 25 inliers: another motif, one without detail, or one that is
    its own mirror image. A product that a generator has drawn anew often matches its reference too
    little for this. Uncertain between 0.35 and 0.65.
    """

    name: str = "orientation"
    version: str = "1"
    tier: Tier = "use_case"
    needs: tuple[str, ...] = ("keypoints",)
    reference_needs: tuple[str, ...] = ("keypoints",)

    @property
    def metrics(self) -> Mapping[str, MetricSpec]:
        return _METRICS

    def measure(self, features: Features, request: Request) -> Measurement:
        """Compare one picture with the references."""
        own = features["keypoints"]
        known = [r["keypoints"] for r in features.references]
        readable = [k for k in known if not isinstance(k, ScoringError)]
        if not readable:
            why = Unscored.ERROR if known else Unscored.NO_REFERENCE
            note = "no reference could be read" if known else "there is no reference image"
            return Measurement.without_score(self.name, why, note)
        fits = [(match(own.direct, k.direct), match(own.mirrored, k.direct)) for k in readable]
        direct, mirrored = max(fits, key=lambda fit: max(fit[0].inliers, fit[1].inliers))
        found = {"direct": direct.inliers, "mirrored": mirrored.inliers}
        if max(direct.inliers, mirrored.inliers) < _FEWEST:
            note = f"fewer than {_FEWEST} places of the picture fit on the reference"
            return Measurement.without_score(self.name, Unscored.UNDECIDABLE, note, metrics=found)
        share = direct.inliers / (direct.inliers + mirrored.inliers)
        better = direct if share >= 0.5 else mirrored
        turned = share >= 0.5 and abs(direct.turn) > _TURNED
        return Measurement(
            dimension=self.name,
            score=min(share, 0.1) if turned else share,
            metrics={**found, "is_mirrored": share < 0.5, "turn": better.turn},
            uncertain=0.35 < share < 0.65,
        )


_METRICS: Mapping[str, MetricSpec] = MappingProxyType(
    {
        "direct": MetricSpec("int", "inliers as it stands", "count", 0),
        "mirrored": MetricSpec("int", "inliers of the mirror image", "count", 0),
        "is_mirrored": MetricSpec("bool", "the mirror image fits better"),
        "turn": MetricSpec("float", "turned clockwise against the reference", "degrees", -180, 180),
    }
)
