"""Damage to the picture itself: blocks, lattices, bands, noise, empty frames."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from sentinelqa.dimensions.base import MetricSpec
from sentinelqa.features import damage
from sentinelqa.features.base import Features
from sentinelqa.types import Measurement, Request, Tier, Unscored

NATIVE = 1 << 20
_CROP = 2048
_SMALLEST = 32


@dataclass(frozen=True, slots=True)
class Artifacts:
    """Technical damage, by detectors that need no model; the worst one is the score.

    - ``blockiness``: excess step on an 8-pixel grid, levels of 255; ``1 / (1 + (x / 2.2)^3)``.
    - ``checkerboard``: lattice peaks of upsampling layers, dB; ``1 / (1 + 10^((x - 22) / 6))``.
    - ``banding``: pixels at the steps of posterised gradients, %; ``1 / (1 + (x / 2)^2)``.
    - ``noise``: standard deviation on the flatter half, levels; ``1 / (1 + (x / 12)^4)``.
    - ``blank``: nothing to see, one level or almost one; 0 where true.

    Sources are with the detectors in :mod:`sentinelqa.features.damage`. Measured at the picture's
    own pixels (the central 2048 x 2048 of larger ones), since resizing would hide what is looked
    for. Nine clean photographs lie under 0.7 levels, 9 dB, 0.03 % and 3 levels; JPEG of quality 30
    at 1.6 to 2.7 levels of blockiness, noise of 15 levels at 8 to 10, a checkerboard of two levels
    above 36 dB.

    Blind to anatomy and meaning: melted faces, extra fingers and impossible objects leave these
    numbers untouched, which is why ``rests_on`` says ``technical``. Undecidable under 32 pixels.
    """

    name: str = "artifacts"
    version: str = "1"
    tier: Tier = "generic"
    needs: tuple[str, ...] = ("pixels",)
    reference_needs: tuple[str, ...] = ()

    @property
    def metrics(self) -> Mapping[str, MetricSpec]:
        return _METRICS

    def measure(self, features: Features, request: Request) -> Measurement:
        """Score one picture."""
        grey = features["pixels"].grey_within(NATIVE)
        if min(grey.shape) < _SMALLEST:
            note = f"the picture is under {_SMALLEST} pixels wide or high"
            return Measurement.without_score(self.name, Unscored.UNDECIDABLE, note)
        top = max(0, (grey.shape[0] - _CROP) // 16 * 8)
        left = max(0, (grey.shape[1] - _CROP) // 16 * 8)
        grey = grey[top : top + _CROP, left : left + _CROP]
        blank = damage.is_blank(grey)
        found = {name: detect(grey) for name, (detect, _) in _DETECTORS.items()}
        scores = {name: to_score(found[name]) for name, (_, to_score) in _DETECTORS.items()}
        technical = 0.0 if blank else min(scores.values())
        worst = "blank" if blank else min(scores, key=lambda name: scores[name])
        return Measurement(
            dimension=self.name,
            score=technical,
            metrics={
                **found,
                "blank": blank,
                "technical": technical,
                "worst": worst,
                "rests_on": "technical",
            },
            note=f"worst: {worst}" if technical < 0.9 else "",
        )


def technical_score(grey: damage.Plane) -> float:
    """The smallest of the detectors' scores for a luma plane, 0 to 1. Blank frames pass."""
    return min(to_score(detect(grey)) for detect, to_score in _DETECTORS.values())


def _falling(half: float, power: int) -> damage.ToScore:
    return lambda x: 1 / (1 + (x / half) ** power)


_DETECTORS: Mapping[str, tuple[damage.Detector, damage.ToScore]] = MappingProxyType(
    {
        "blockiness": (damage.blockiness, _falling(2.2, 3)),
        "checkerboard": (damage.checkerboard, lambda x: float(1 / (1 + 10 ** ((x - 22) / 6)))),
        "banding": (damage.banding, _falling(2.0, 2)),
        "noise": (damage.noise, _falling(12.0, 4)),
    }
)

_METRICS: Mapping[str, MetricSpec] = MappingProxyType(
    {
        "blockiness": MetricSpec("float", "excess step on an 8-pixel grid", "levels", 0.0, 255.0),
        "checkerboard": MetricSpec("float", "lattice peaks of upsampling layers", "dB", 0.0),
        "banding": MetricSpec("float", "pixels at posterised steps", "%", 0.0, 200.0),
        "noise": MetricSpec("float", "noise on the flatter half", "levels", 0.0, 255.0),
        "blank": MetricSpec("bool", "nothing is to be seen"),
        "technical": MetricSpec("float", "score of these detectors alone", "", 0.0, 1.0),
        "worst": MetricSpec("str", "the detector that decided the score"),
        "rests_on": MetricSpec("str", "what was looked at: technical"),
    }
)
