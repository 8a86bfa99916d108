"""Whether the subject has the colour that was asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import NDArray

from sentinelqa.dimensions.base import MetricSpec
from sentinelqa.errors import ScoringError
from sentinelqa.features.base import Features
from sentinelqa.features.colour import delta_e
from sentinelqa.features.colour_names import (
    ACHROMATIC,
    NAMES,
    basic_name,
    is_hex,
    lab_of_hex,
    name_indices,
)
from sentinelqa.features.foreground import WORKING_SIZE, Foreground
from sentinelqa.features.pixels import Picture
from sentinelqa.features.prompts import contrasts
from sentinelqa.types import Measurement, Metric, Request, Tier, Unscored

_HALF = 6.0
_SAMPLE = 2000
_ENOUGH = 0.5
_CHROMA = 12.0
_COLUMNS = ("colour", "color")

Colours = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Colour:
    """The subject's colour against, in this order: the request's ``colour`` column when it holds a
    hex code, a reference image, or a colour name from that column or the prompt.

    Against a hex code or a reference: ``delta_e``, the CIEDE2000 difference of the dominant colour
    (hex code) or of the median colour (reference), through ``1 / (1 + (delta_e / 6)^3)``: 3 is the
    eye's limit across pictures, 6 what heavy JPEG costs by itself.

    Against a name: ``named_share``, the part of the subject's pixels that are called so. Each pixel
    gets the name of the nearest of some examples per name (CIEDE2000); pixels without a hue do not
    count unless the name is black, white or grey. The score is that share over 0.5, at most 1.

    The subject comes from ``foreground``; undecidable without a plain background. Blind to: which
    part has the colour, coloured light, and names beyond the eleven basic ones. Neighbouring names
    (orange and brown, blue and purple) are a matter of taste near their border: ``dominant_hex``
    says what was measured.
    """

    name: str = "colour"
    version: str = "1"
    tier: Tier = "use_case"
    needs: tuple[str, ...] = ("pixels", "foreground")
    reference_needs: tuple[str, ...] = ("pixels", "foreground")
    reference_optional: bool = True

    @property
    def metrics(self) -> Mapping[str, MetricSpec]:
        return _METRICS

    def measure(self, features: Features, request: Request) -> Measurement:
        """Score one picture."""
        sample = subject_colours(features["pixels"], features["foreground"])
        if sample is None:
            note = "no subject can be told from the background"
            return Measurement.without_score(self.name, Unscored.UNDECIDABLE, note)
        main = dominant(sample)
        metrics: dict[str, Metric] = {
            "dominant_hex": to_hex(main),
            "dominant": NAMES[int(name_indices(main[None])[0])],
            "lightness": float(main[0]),
            "a": float(main[1]),
            "b": float(main[2]),
        }
        asked = next((str(request.metadata[c]) for c in _COLUMNS if c in request.metadata), "")
        if is_hex(asked):
            return self._by_distance(float(delta_e(main, lab_of_hex(asked))), metrics)
        references = [_reference_colour(r) for r in features.references]
        known = [r for r in references if r is not None]
        if known:
            median = np.median(sample, axis=0)
            return self._by_distance(min(float(delta_e(median, r)) for r in known), metrics)
        wanted = basic_name(asked or contrasts(request.prompt).colour)
        if not wanted:
            note = "neither a reference, nor a colour column, nor the prompt names one basic colour"
            return Measurement.without_score(
                self.name, Unscored.NO_REFERENCE, note, metrics=metrics
            )
        share = named_share(sample, wanted)
        metrics |= {"wanted": wanted, "named_share": share}
        return Measurement(dimension=self.name, score=min(1.0, share / _ENOUGH), metrics=metrics)

    def _by_distance(self, distance: float, metrics: dict[str, Metric]) -> Measurement:
        score = 1 / (1 + (distance / _HALF) ** 3)
        return Measurement(
            dimension=self.name, score=score, metrics={**metrics, "delta_e": distance}
        )


def subject_colours(picture: Picture, foreground: Foreground) -> Colours | None:
    """At most 2,000 evenly spaced L*a*b* colours of the subject; ``None`` without a subject."""
    colours = picture.lab_within(WORKING_SIZE)[foreground.mask]
    if not len(colours):
        return None
    return np.asarray(colours[:: max(1, len(colours) // _SAMPLE)], np.float64)


def dominant(sample: Colours) -> Colours:
    """The mean of the colours in and around the fullest cell of a coarse L*a*b* grid."""
    cells = np.floor(sample / [20, 12, 12]).astype(int)
    distinct, counts = np.unique(cells, axis=0, return_counts=True)
    centre = (distinct[counts.argmax()] + 0.5) * [20, 12, 12]
    near = np.abs(sample - centre) <= [15, 12, 12]
    return np.asarray(sample[near.all(axis=1)].mean(axis=0), np.float64)


def named_share(sample: Colours, wanted: str) -> float:
    """The part of ``sample`` that is called ``wanted``."""
    if wanted not in ACHROMATIC:
        sample = sample[np.hypot(sample[:, 1], sample[:, 2]) >= _CHROMA]
    if not len(sample):
        return 0.0
    return float((name_indices(sample) == NAMES.index(wanted)).mean())


def to_hex(colour: Colours) -> str:
    """``#rrggbb`` of an L*a*b* colour."""
    rgb = cv2.cvtColor(colour.astype(np.float32).reshape(1, 1, 3), cv2.COLOR_LAB2RGB).ravel()
    return "#" + "".join(f"{round(float(v) * 255):02x}" for v in np.clip(rgb, 0, 1))


def _reference_colour(reference: Mapping[str, object]) -> Colours | None:
    picture, foreground = reference["pixels"], reference["foreground"]
    if isinstance(picture, ScoringError) or isinstance(foreground, ScoringError):
        return None
    assert isinstance(picture, Picture)
    assert isinstance(foreground, Foreground)
    sample = subject_colours(picture, foreground)
    return None if sample is None else np.asarray(np.median(sample, axis=0), np.float64)


_METRICS: Mapping[str, MetricSpec] = MappingProxyType(
    {
        "delta_e": MetricSpec("float", "difference to the wanted colour", "ΔE2000", 0.0, 200.0),
        "named_share": MetricSpec("float", "subject of the wanted name", "share", 0.0, 1.0),
        "wanted": MetricSpec("str", "the colour name that was asked for"),
        "dominant": MetricSpec("str", "name of the dominant colour"),
        "dominant_hex": MetricSpec("str", "the dominant colour as #rrggbb"),
        "lightness": MetricSpec("float", "L* of the dominant colour", "L*", 0.0, 100.0),
        "a": MetricSpec("float", "a* of the dominant colour", "", -128.0, 128.0),
        "b": MetricSpec("float", "b* of the dominant colour", "", -128.0, 128.0),
    }
)
