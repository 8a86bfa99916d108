"""What the dimensions of faces share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from sentinelqa.errors import ScoringError
from sentinelqa.types import Measurement, Unscored

if TYPE_CHECKING:
    from sentinelqa.features.face import FaceSet


def no_face(dimension: str, found: FaceSet) -> Measurement:
    """The measurement of a quality of faces where there is none."""
    return Measurement.without_score(
        dimension, Unscored.NOT_APPLICABLE, "no face was found", models=found.models
    )


def no_reference(references: Sequence[Mapping[str, object]], feature: str) -> tuple[Unscored, str]:
    """Why none of ``references`` can be compared with: not there, unreadable, or without a face."""
    if not references:
        return Unscored.NO_REFERENCE, "there is no reference image"
    errors = [r[feature] for r in references if isinstance(r[feature], ScoringError)]
    if len(errors) == len(references):
        return Unscored.ERROR, f"no reference could be read: {errors[0]}"
    return Unscored.NO_REFERENCE, "no face was found in the references"


def falling(value: float, half: float, power: int) -> float:
    """1 at 0, one half at ``half``, towards 0 beyond; the steeper the higher ``power``."""
    return 1 / (1 + (abs(value) / half) ** power)


def rising(value: float, half: float, power: int) -> float:
    """0 at 0, one half at ``half``, towards 1 beyond."""
    return 1 - falling(max(value, 0.0), half, power)
