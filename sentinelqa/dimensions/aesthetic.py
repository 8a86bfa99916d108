"""Whether people would like a picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from sentinelqa.dimensions.base import MetricSpec
from sentinelqa.features.base import Features
from sentinelqa.types import Measurement, Request, Tier


@dataclass(frozen=True, slots=True)
class AestheticDimension:
    """The rating that a learned head on CLIP embeddings predicts, over 10.

    LAION's improved-aesthetic-predictor was fitted to ratings of photographs and paintings by its
    raters' taste: 5 is ordinary, 6.5 striking. ``rating`` is 1 to 10; the score is ``rating / 10``,
    kept within 0 and 1. For ranking, not for gates: it prefers dramatic light and shallow focus,
    and rates plain product pictures low.

    Offline, without the head and a CLIP ViT-L/14, it is unscored (``model_missing``).
    """

    name: str = "aesthetic"
    version: str = "1"
    tier: Tier = "use_case"
    needs: tuple[str, ...] = ("aesthetic",)
    reference_needs: tuple[str, ...] = ()

    @property
    def metrics(self) -> Mapping[str, MetricSpec]:
        return _METRICS

    def measure(self, features: Features, request: Request) -> Measurement:
        """Score one picture."""
        taste = features["aesthetic"]
        return Measurement(
            dimension=self.name,
            score=min(1.0, max(0.0, taste.rating / 10)),
            metrics={"rating": taste.rating},
            models=taste.models,
        )


_METRICS: Mapping[str, MetricSpec] = MappingProxyType(
    {"rating": MetricSpec("float", "predicted mean rating", "of 10")}
)
