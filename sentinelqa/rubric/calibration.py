"""What a rubric's calibration rests on, and whether that still holds."""

from __future__ import annotations

from sentinelqa import registry
from sentinelqa.errors import UsageError
from sentinelqa.rubric.schema import Calibration, RubricFile


def staleness(file: RubricFile) -> list[str]:
    """Why the thresholds are not what was calibrated; empty when they are.

    A rubric that was never calibrated and need not be is not stale.
    """
    calibration = file.calibration
    if calibration is None:
        return []
    if not calibration.dimensions:
        return ["the rubric asks for a calibration and has none"]
    return [*_dimensions(file, calibration), *_weights(calibration)]


def _dimensions(file: RubricFile, calibration: Calibration) -> list[str]:
    found = []
    tiers = {**file.tiers.generic, **file.tiers.use_case}
    for name, fitted in calibration.dimensions.items():
        current = registry.dimensions.load(name)().version
        if current != fitted.version:
            found.append(
                f"{name} was calibrated on version {fitted.version} of its measure; "
                f"this is version {current}"
            )
        minima = [t.min for t in tiers.get(name) or () if t.metric is None]
        if fitted.min not in minima:
            found.append(f"the threshold of {name} is no longer the calibrated {fitted.min:g}")
    return found


def _weights(calibration: Calibration) -> list[str]:
    from sentinelqa.weights import resolve

    found = []
    for model, sha256 in calibration.weights.items():
        try:
            current = resolve(model).use().sha256
        except UsageError:
            continue  # whoever loads the model says what is wrong with it
        if current != sha256:
            found.append(f"the weights of {model} are not those that were calibrated on")
    return found
