"""Whether a picture is a copy of one that the team has already."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from sentinelqa.dimensions.base import MetricSpec
from sentinelqa.dimensions.duplicate import BITS, DISTINCT, SAME
from sentinelqa.features.base import Features
from sentinelqa.types import Measurement, Request, Tier


@dataclass(frozen=True, slots=True)
class SeenBefore:
    """Hamming distance of 64-bit perceptual hashes to an index of known pictures.

    The index is a file that ``sentinelqa known`` writes from folders: an existing catalog, or what
    earlier runs delivered. ``SENTINELQA_KNOWN`` names it; without it the dimension is unscored
    (``model_missing``). Distances and score are those of ``duplicate``: 0 up to 6 bits, 1 from 18
    on, the nearer of the picture and its mirror image. ``known`` is the picture it resembles, given
    up to 18 bits. The index names the version of its hashes; after a release that changes them it
    is refused, and made again.

    Among very many known pictures chance comes nearer: of a million hashes drawn by lot the nearest
    differs in about 13 bits, and pictures are less various than that. Blind to crops of
    more than about 5 % and to rotations.
    """

    name: str = "seen_before"
    version: str = "1"
    tier: Tier = "use_case"
    needs: tuple[str, ...] = ("known",)
    reference_needs: tuple[str, ...] = ()

    @property
    def metrics(self) -> Mapping[str, MetricSpec]:
        return _METRICS

    def measure(self, features: Features, request: Request) -> Measurement:
        """Compare one picture with the index."""
        found = features["known"]
        nearest = min(found.distance, found.mirrored_distance)
        like = found.name if found.distance <= found.mirrored_distance else found.mirrored_name
        return Measurement(
            dimension=self.name,
            score=min(1.0, max(0.0, (nearest - SAME) / (DISTINCT - SAME))),
            metrics={
                "distance": found.distance,
                "mirrored_distance": found.mirrored_distance,
                "known": like if nearest < DISTINCT else "",
                "pictures": found.count,
            },
            uncertain=SAME < nearest < DISTINCT,
            models=found.models,
        )


_METRICS: Mapping[str, MetricSpec] = MappingProxyType(
    {
        "distance": MetricSpec("int", "bits that differ from the nearest known", "bits", 0, BITS),
        "mirrored_distance": MetricSpec("int", "the same of the mirror image", "bits", 0, BITS),
        "known": MetricSpec("str", "the known picture that it resembles"),
        "pictures": MetricSpec("int", "pictures in the index", "count", 0),
    }
)
