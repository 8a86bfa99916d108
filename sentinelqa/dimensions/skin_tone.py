"""Whether skin is exposed and coloured as in the reference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sentinelqa.dimensions._face import falling, no_face, no_reference
from sentinelqa.dimensions.base import MetricSpec
from sentinelqa.errors import ScoringError
from sentinelqa.features import colour
from sentinelqa.features.base import Features
from sentinelqa.features.skin import monk_tone, skin, typology_angle
from sentinelqa.types import Measurement, Metric, Request, Tier, Unscored

if TYPE_CHECKING:
    from sentinelqa.features.face import FaceSet
    from sentinelqa.features.pixels import Picture

_FEWEST = 25
_CLIPPED = 250
_MUCH_CLIPPED = 0.05


@dataclass(frozen=True, slots=True)
class Skin:
    """What is measured of a face's skin.

    Attributes:
        luminance: median in linear light, 0 to 1.
        lab: L*a*b* of the median colour.
        clipped: share of pixels with a channel at 250 or more.
    """

    luminance: float
    lab: NDArray[np.float64]
    clipped: float


@dataclass(frozen=True, slots=True)
class SkinTone:
    """Exposure and colour of the skin against the nearest reference.

    Over both cheeks and the middle of the forehead of the largest face: ``stops`` is log2 of the
    ratio of median linear luminances, ``delta_e`` the CIEDE2000 difference of median colours. Both
    are exact to 0.01 stops downwards; upwards, light skin clips (a skin of luminance 0.70 can never
    read above +0.5), which is why ``clipped`` is a metric of its own.

    The score is the smaller of ``1 / (1 + (stops / 1.25)^4)`` and ``1 / (1 + (delta_e / 18)^4)``:
    two photographs of one person differ by 0.2 stops and 7.5 ΔE in the median, 0.44 and 12 at the
    90th percentile, so finer drift cannot be told from ordinary light. Skin tone does not tell
    people apart.

    ``ita`` (individual typology angle) and ``monk`` (nearest Monk tone, 1 to 10) describe skin *as
    lit in this picture*: a stop less light moves the angle by 15 to 55 degrees. They are for
    reports and audits, not for gates. Greyscale pictures have neither, and only ``stops`` counts.
    """

    name: str = "skin_tone"
    version: str = "1"
    tier: Tier = "use_case"
    needs: tuple[str, ...] = ("pixels", "faces")
    reference_needs: tuple[str, ...] = ("pixels", "faces")

    @property
    def metrics(self) -> Mapping[str, MetricSpec]:
        return _METRICS

    def measure(self, features: Features, request: Request) -> Measurement:
        """Compare one picture with the references."""
        found, picture = features["faces"], features["pixels"]
        if not found.faces:
            return no_face(self.name, found)
        own = measure_skin(picture, found)
        if own is None:
            note = "the face is too small or too far out of the frame to show skin"
            return Measurement.without_score(
                self.name, Unscored.UNDECIDABLE, note, models=found.models
            )
        grey = picture.is_grey
        metrics = _describe(own, grey=grey)
        known = [s for r in features.references if (s := _of_reference(r)) is not None]
        if not known:
            why, note = no_reference(features.references, "faces")
            return Measurement.without_score(
                self.name, why, note, metrics=metrics, models=found.models
            )
        compared = [(_stops(own, s), float(colour.delta_e(own.lab, s.lab))) for s in known]
        stops, delta = min(compared, key=lambda pair: (abs(pair[0]), pair[1]))
        metrics["stops"] = stops
        score = falling(stops, 1.25, 4)
        if not grey:
            metrics["delta_e"] = delta
            score = min(score, falling(delta, 18.0, 4))
        return Measurement(
            dimension=self.name,
            score=score,
            metrics=metrics,
            uncertain=grey or own.clipped > _MUCH_CLIPPED,
            note="greyscale: only the exposure was compared" if grey else "",
            models=found.models,
        )


def measure_skin(picture: Picture, found: FaceSet) -> Skin | None:
    """The skin of the largest face; ``None`` where too few of its pixels are in the frame."""
    if not found.faces:
        return None
    mask = skin(found.faces[0], picture.rgb.shape)
    if mask.sum() < _FEWEST:
        return None
    pixels = picture.rgb[mask]
    return Skin(
        luminance=float(np.median(picture.luminance[mask])),
        lab=np.median(colour.lab(pixels).astype(np.float64), axis=0),
        clipped=float((pixels.max(axis=1) >= _CLIPPED).mean()),
    )


def _stops(own: Skin, other: Skin) -> float:
    return float(np.log2(max(own.luminance, 1e-4) / max(other.luminance, 1e-4)))


def _describe(own: Skin, *, grey: bool) -> dict[str, Metric]:
    light, _, b = own.lab.tolist()
    metrics: dict[str, Metric] = {
        "luminance": own.luminance,
        "lightness": light,
        "clipped": own.clipped,
    }
    if not grey:
        metrics |= {"ita": typology_angle(light, b), "monk": monk_tone(own.lab)}
    return metrics


def _of_reference(reference: Mapping[str, object]) -> Skin | None:
    picture, found = reference["pixels"], reference["faces"]
    if isinstance(picture, ScoringError) or isinstance(found, ScoringError):
        return None
    return measure_skin(picture, found)  # type: ignore[arg-type]


_METRICS: Mapping[str, MetricSpec] = MappingProxyType(
    {
        "stops": MetricSpec("float", "brighter than the reference", "stops", -14.0, 14.0),
        "delta_e": MetricSpec("float", "colour difference to the reference", "ΔE2000", 0.0, 200.0),
        "luminance": MetricSpec("float", "median luminance in linear light", "", 0.0, 1.0),
        "lightness": MetricSpec("float", "L* of the skin", "L*", 0.0, 100.0),
        "clipped": MetricSpec("float", "skin with a channel at 250 or more", "share", 0.0, 1.0),
        "ita": MetricSpec("float", "individual typology angle as lit", "degrees", -180.0, 180.0),
        "monk": MetricSpec("int", "nearest Monk skin tone as lit", "", 1, 10),
    }
)
