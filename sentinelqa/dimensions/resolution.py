"""Size of the picture and facts of its file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from sentinelqa.dimensions.base import MetricSpec
from sentinelqa.features.base import Features
from sentinelqa.types import Measurement, Request, Tier

_FULL = 1000


@dataclass(frozen=True, slots=True)
class Resolution:
    """Pixels, colour space and file facts, as decoded; rubrics set thresholds on the metrics.

    The score is the shorter side over 1000 pixels, at most 1: what marketplaces ask for zooming.
    Blind to upscaling: see ``sharpness`` for whether the pixels carry detail.
    """

    name: str = "resolution"
    version: str = "1"
    tier: Tier = "use_case"
    needs: tuple[str, ...] = ("pixels",)
    reference_needs: tuple[str, ...] = ()

    @property
    def metrics(self) -> Mapping[str, MetricSpec]:
        return _METRICS

    def measure(self, features: Features, request: Request) -> Measurement:
        """Score one picture."""
        picture = features["pixels"]
        width, height = picture.width, picture.height
        return Measurement(
            dimension=self.name,
            score=min(1.0, min(width, height) / _FULL),
            metrics={
                "width": width,
                "height": height,
                "shorter": min(width, height),
                "longer": max(width, height),
                "megapixels": width * height / 1e6,
                "aspect": width / height,
                "bits": picture.bits,
                "format": picture.format,
                "mode": picture.mode,
                "profile": picture.icc,
                "alpha": picture.had_alpha,
                "animated": picture.animated,
                "greyscale": picture.is_grey,
            },
        )


_METRICS: Mapping[str, MetricSpec] = MappingProxyType(
    {
        "width": MetricSpec("int", "width, upright", "pixels", 1),
        "height": MetricSpec("int", "height, upright", "pixels", 1),
        "shorter": MetricSpec("int", "the shorter side", "pixels", 1),
        "longer": MetricSpec("int", "the longer side", "pixels", 1),
        "megapixels": MetricSpec("float", "millions of pixels", "MP", 0.0),
        "aspect": MetricSpec("float", "width over height", "", 0.0),
        "bits": MetricSpec("int", "bits per channel in the file", "bits", 1, 64),
        "format": MetricSpec("str", "file format: PNG, JPEG, WEBP ..."),
        "mode": MetricSpec("str", "colour model in the file: RGB, CMYK, P ..."),
        "profile": MetricSpec("str", "colour profile: none, converted or unreadable"),
        "alpha": MetricSpec("bool", "the file has transparency"),
        "animated": MetricSpec("bool", "the file has several frames"),
        "greyscale": MetricSpec("bool", "no pixel has a colour"),
    }
)
