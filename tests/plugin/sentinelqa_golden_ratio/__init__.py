"""A scorer in 20 lines: how near the picture's sides are to the golden ratio."""

from dataclasses import dataclass, field

from sentinelqa.dimensions.base import MetricSpec
from sentinelqa.types import Measurement

GOLDEN = (1 + 5**0.5) / 2


@dataclass(frozen=True)
class GoldenRatio:
    """One at the golden ratio, falling by the share that the longer side is off."""

    name: str = "golden_ratio"
    version: str = "1"
    tier: str = "use_case"
    needs: tuple[str, ...] = ("pixels",)
    reference_needs: tuple[str, ...] = ()
    metrics: dict[str, MetricSpec] = field(
        default_factory=lambda: {"ratio": MetricSpec("float", "longer over shorter side", low=1.0)}
    )

    def measure(self, features, request):
        picture = features["pixels"]
        sides = sorted((picture.width, picture.height))
        ratio = sides[1] / sides[0]
        score = max(0.0, 1 - abs(ratio / GOLDEN - 1))
        return Measurement(dimension=self.name, score=score, metrics={"ratio": ratio})
