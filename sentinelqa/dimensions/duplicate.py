"""Whether a picture is a copy of a reference rather than a new one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from sentinelqa.dimensions.base import MetricSpec
from sentinelqa.errors import ScoringError
from sentinelqa.features.base import Features
from sentinelqa.types import Measurement, Request, Tier, Unscored

BITS = 64
SAME = 6
DISTINCT = 18


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Hamming distance of 64-bit perceptual hashes to the request's references.

    ``distance`` is to the nearest reference, ``mirrored_distance`` to the nearest one mirrored.
    Recompression, resizing, a stop of exposure and noise move a hash by at most 4 bits; different
    pictures start at 18. The score is 0 up to 6 bits and 1 from 18 on, linear between. Copies among
    the candidates of a request are the selection's affair, and copies of what the team has already
    those of ``seen_before``.

    Blind to crops of more than about 5 % and to rotations.
    """

    name: str = "duplicate"
    version: str = "1"
    tier: Tier = "use_case"
    needs: tuple[str, ...] = ("hashes",)
    reference_needs: tuple[str, ...] = ("hashes",)

    @property
    def metrics(self) -> Mapping[str, MetricSpec]:
        return _METRICS

    def measure(self, features: Features, request: Request) -> Measurement:
        """Compare one picture with the references."""
        own = features["hashes"]
        known = [r["hashes"] for r in features.references]
        readable = [k for k in known if not isinstance(k, ScoringError)]
        if not readable:
            why = Unscored.ERROR if known else Unscored.NO_REFERENCE
            note = (
                "no reference could be read" if known else "there is no reference to compare with"
            )
            return Measurement.without_score(self.name, why, note)
        straight = min((own.phash ^ k.phash).bit_count() for k in readable)
        mirrored = min((own.phash ^ k.mirrored).bit_count() for k in readable)
        nearest = min(straight, mirrored)
        score = min(1.0, max(0.0, (nearest - SAME) / (DISTINCT - SAME)))
        return Measurement(
            dimension=self.name,
            score=score,
            metrics={"distance": straight, "mirrored_distance": mirrored},
            uncertain=SAME < nearest < DISTINCT,
        )


_METRICS: Mapping[str, MetricSpec] = MappingProxyType(
    {
        "distance": MetricSpec(
            "int", "bits that differ from the nearest reference", "bits", 0, BITS
        ),
        "mirrored_distance": MetricSpec(
            "int", "bits that differ from the nearest mirrored reference", "bits", 0, BITS
        ),
    }
)
