"""What measuring costs, relative to one another: the currency of :mod:`sentinelqa.cascade`.

Milliseconds on one core of one machine (2026), on pictures of 0.02 to 1 megapixel in which there is
something to do. Only their ratios matter, and those roughly; ``sentinelqa bench --row 5`` measures
them again, and names those that are off by more than three times. They are declared rather than
taken by the clock, so that equal runs leave equal evidence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from sentinelqa.dimensions.base import Dimension
from sentinelqa.features.base import Feature


@dataclass(frozen=True, slots=True)
class Cost:
    """Milliseconds for one picture: a fixed part, and one for each megapixel.

    A feature or dimension from elsewhere may have one as its attribute ``cost``.
    """

    fixed: float
    per_megapixel: float = 0.0

    def milliseconds(self, megapixels: float) -> float:
        """For a picture of this size."""
        return self.fixed + self.per_megapixel * megapixels


def cost_of(component: Feature | Dimension) -> Cost:
    """Its attribute ``cost``, what was measured, or a guess: features are dear, dimensions not."""
    declared = getattr(component, "cost", None)
    if isinstance(declared, Cost):
        return declared
    if isinstance(component, Feature):
        return FEATURES.get(component.name, _UNKNOWN_FEATURE)
    return DIMENSIONS.get(component.name, _UNKNOWN_DIMENSION)


_UNKNOWN_FEATURE = Cost(50.0, 50.0)
_UNKNOWN_DIMENSION = Cost(0.2)

FEATURES: Mapping[str, Cost] = MappingProxyType(
    {
        "pixels": Cost(1.0, 22.0),
        "hashes": Cost(0.7, 1.5),
        "clip": Cost(13.0, 10.0),
        "aesthetic": Cost(0.5),
        "foreground": Cost(2.0, 25.0),
        "person": Cost(1.0),
        "keypoints": Cost(20.0, 500.0),
        "faces": Cost(12.0, 30.0),
        "face_embedding": Cost(150.0),
        "safety": Cost(50.0, 10.0),
        "text": Cost(50.0, 850.0),
        "known": Cost(0.5),
        "judge": Cost(3000.0),
    }
)

DIMENSIONS: Mapping[str, Cost] = MappingProxyType(
    {
        "artifacts": Cost(2.0, 115.0),
        "sharpness": Cost(0.8, 14.0),
        "background": Cost(2.0, 40.0),
        "skin_tone": Cost(1.5, 15.0),
        "lighting": Cost(1.5, 18.0),
        "face_sharpness": Cost(2.0),
        "colour": Cost(28.0),
        "identity": Cost(2.0, 150.0),
        "orientation": Cost(3.0, 250.0),
    }
)
