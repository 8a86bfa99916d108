"""Whether a picture is safe to show at work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from sentinelqa.dimensions.base import MetricSpec
from sentinelqa.features.base import Features
from sentinelqa.types import Measurement, Request, Tier

_SAFE, _UNSAFE = 0.2, 0.8


@dataclass(frozen=True, slots=True)
class SafetyDimension:
    """One minus the probability that the picture is pornographic (Open-NSFW, Yahoo 2016).

    Under 0.2 of ``unsafe`` is safe and above 0.8 is not, by its makers' advice; between them a
    person decides, and the measurement is uncertain. Of 61 clothed portraits the median was 0.006,
    the 90th percentile 0.18, the highest 0.50.

    Blind to violence, hate, drugs, minors, and to drawn or artistic nudity, for which it was not
    trained. It is a filter for the obvious, not a moderation policy.
    """

    name: str = "safety"
    version: str = "1"
    tier: Tier = "use_case"
    needs: tuple[str, ...] = ("safety",)
    reference_needs: tuple[str, ...] = ()

    @property
    def metrics(self) -> Mapping[str, MetricSpec]:
        return _METRICS

    def measure(self, features: Features, request: Request) -> Measurement:
        """Score one picture."""
        value = features["safety"]
        return Measurement(
            dimension=self.name,
            score=1 - value.unsafe,
            metrics={"unsafe": value.unsafe},
            uncertain=_SAFE < value.unsafe < _UNSAFE,
            models=value.models,
        )


_METRICS: Mapping[str, MetricSpec] = MappingProxyType(
    {"unsafe": MetricSpec("float", "probability of pornography", "", 0.0, 1.0)}
)
