"""From measurements to a verdict. Pure, and the only place where anything is compared.

The outcome is ``fail`` if any check fails; else ``error`` if a measurement that a check needs is
missing or was an outage; else ``review`` if any check asks for a person; else ``pass``. Because a
fail outranks everything else, scoring may stop at the first one and the outcome stays the same.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sentinelqa.rubric.expressions import Undecidable, as_kind
from sentinelqa.rubric.model import Rubric, Rule, Threshold
from sentinelqa.types import Check, Measurement, Metric, Outcome, Request, Verdict

ROUNDING = 4
"""Decimals that scores are compared with, so that a verdict does not hang on the last bits."""


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What rules may ask of the image file itself; 0 when it could not be read."""

    width: int = 0
    height: int = 0

    def value(self, name: str) -> float:
        """One of :data:`IMAGE_FACTS`."""
        if name == "aspect":
            return self.width / self.height
        if name == "megapixels":
            return self.width * self.height / 1e6
        return {
            "width": self.width,
            "height": self.height,
            "shorter": min(self.width, self.height),
            "longer": max(self.width, self.height),
        }[name]


IMAGE_FACTS = ("width", "height", "shorter", "longer", "aspect", "megapixels")


def decide(
    rubric: Rubric,
    measurements: Mapping[str, Measurement],
    request: Request,
    image: ImageFacts,
) -> Verdict:
    """The verdict on one candidate.

    Args:
        measurements: by name of dimension or ``rule.<name>``. One that is missing means that it was
            not measured: no check that needs it can pass.
    """
    found = [_check(check, rubric, measurements, request, image) for check in rubric.checks]
    outcomes = {result.outcome for result, _ in found}
    outcome = next(
        (o for o in (Outcome.FAIL, Outcome.ERROR, Outcome.REVIEW) if o in outcomes), Outcome.PASS
    )
    if outcome is Outcome.FAIL:
        found = [
            (_not_looked_at(result), "") if _is_missing(check, measurements) else (result, warning)
            for check, (result, warning) in zip(rubric.checks, found, strict=True)
        ]
    settled = outcome in (Outcome.FAIL, Outcome.ERROR)
    floor = _rank(rubric, measurements, None if settled else 0.0)
    whole = settled or all(name in measurements for name in rubric.rank)
    return Verdict(
        outcome=outcome,
        checks=tuple(result for result, _ in found),
        rank=floor,
        ceiling=None if whole else _rank(rubric, measurements, 1.0),
        warnings=tuple(warning for _, warning in found if warning),
    )


def is_decided(
    rubric: Rubric,
    measurements: Mapping[str, Measurement],
    request: Request,
    image: ImageFacts,
) -> bool:
    """Whether the candidate has failed already, whatever else may be measured."""
    return any(
        _check(check, rubric, measurements, request, image)[0].outcome is Outcome.FAIL
        for check in rubric.checks
        if not _is_missing(check, measurements)
    )


def _is_missing(check: Threshold | Rule, measurements: Mapping[str, Measurement]) -> bool:
    return any(source not in measurements for source in check.sources)


def _not_looked_at(check: Check) -> Check:
    return Check(name=check.name, tier=check.tier, outcome=None)


def _check(
    check: Threshold | Rule,
    rubric: Rubric,
    measurements: Mapping[str, Measurement],
    request: Request,
    image: ImageFacts,
) -> tuple[Check, str]:
    """The decision of one check, and its warning if that is all it gives."""
    if isinstance(check, Threshold):
        result = _threshold(check, rubric, measurements)
    else:
        result = _rule(check, rubric, measurements, request, image)
    if check.severity == "warn" and result.outcome is not Outcome.PASS:
        passed = Check(name=check.name, tier=check.tier, outcome=Outcome.PASS, value=result.value)
        return passed, result.reason
    return result, ""


def _threshold(check: Threshold, rubric: Rubric, measurements: Mapping[str, Measurement]) -> Check:
    measurement = measurements.get(check.source)
    if measurement is None:
        return _outage(check, f"{check.name} was not measured")
    value = _metric(measurement, check.metric)
    if value is None or isinstance(value, str) or math.isnan(value):
        return _unscored(check, rubric, measurement)
    value = round(float(value), ROUNDING)
    below = check.low is not None and value < check.low
    above = check.high is not None and value > check.high
    if not (below or above):
        bound = check.low if check.high is None else check.high if check.low is None else None
        return Check(
            name=check.name, tier=check.tier, outcome=Outcome.PASS, value=value, bound=bound
        )
    bound = check.low if below else check.high
    edge = check.review_low if below else check.review_high
    doubtful = edge is not None and (value >= edge if below else value <= edge)
    outcome = Outcome.REVIEW if doubtful or check.severity == "review" else Outcome.FAIL
    return Check(
        name=check.name,
        tier=check.tier,
        outcome=outcome,
        value=value,
        bound=bound,
        reason=check.message
        or (f"{check.name}: {measurement.note}" if check.by_note and measurement.note else "")
        or _out_of_bounds(check, value, float(bound or 0.0), below=below),
    )


def _out_of_bounds(check: Threshold, value: float, bound: float, *, below: bool) -> str:
    digits = next((d for d in (2, 3) if round(value, d) != round(bound, d)), ROUNDING)
    shown = f"{value:.0f}" if check.metric and value.is_integer() else f"{value:.{digits}f}"
    unit = f" {check.unit}" if check.unit else ""
    side = "below" if below else "above"
    return f"{check.label or check.name} {shown}{unit} is {side} {bound:g}"


def _rule(
    check: Rule,
    rubric: Rubric,
    measurements: Mapping[str, Measurement],
    request: Request,
    image: ImageFacts,
) -> Check:
    values: list[Any] = []
    unscored: list[Measurement] = []
    for variable in check.expression.variables:
        root, member = variable.path
        if root == "image":
            if not image.height:
                return _outage(check, f"{check.name}: the image could not be read")
            values.append(image.value(member))
        elif root == "request":
            values.append(request_value(request, member))
        elif root not in measurements:
            return _outage(check, f"{check.name}: {root} was not measured")
        else:
            values.append(_metric(measurements[root], "" if member == "score" else member))
            if values[-1] is None:
                unscored.append(measurements[root])
    if unscored:
        return _unscored(check, rubric, min(unscored, key=lambda m: not _is_outage(m)))
    return _evaluated(check, rubric, values)


def _evaluated(check: Rule, rubric: Rubric, values: Iterable[Any]) -> Check:
    variables = check.expression.variables
    try:
        given = [as_kind(v, x.kind, x.name) for v, x in zip(values, variables, strict=True)]
        holds = check.expression.evaluate(given)
    except Undecidable as why:
        return _fact_missing(check, rubric, f"{check.name} could not be decided: {why}")
    if holds:
        return Check(name=check.name, tier=check.tier, outcome=Outcome.PASS)
    outcome = Outcome.REVIEW if check.severity == "review" else Outcome.FAIL
    shown: Metric | None = given[0] if len(given) == 1 and not isinstance(given[0], list) else None
    reason = check.message or f"{check.name}: {check.expression.source} does not hold"
    if not check.message and given:
        said = ", ".join(f"{x.name} is {_shown(v)}" for v, x in zip(given, variables, strict=True))
        reason = f"{reason} ({said})"
    return Check(name=check.name, tier=check.tier, outcome=outcome, value=shown, reason=reason)


def _shown(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else repr(value)


REQUEST_FACTS = ("id", "prompt", "negative_prompt", "deliver", "references")


def request_value(request: Request, name: str) -> Any:
    """A value of the request or one of its columns; ``None`` where there is no such column."""
    return getattr(request, name) if name in REQUEST_FACTS else request.metadata.get(name)


def _metric(measurement: Measurement, name: str) -> Metric | None:
    return measurement.metrics.get(name) if name else measurement.score


def _is_outage(measurement: Measurement) -> bool:
    return measurement.unscored is not None and measurement.unscored.is_outage


def _unscored(check: Threshold | Rule, rubric: Rubric, measurement: Measurement) -> Check:
    """What a measurement without the value means for a check that needs it."""
    source = measurement.dimension
    about = check.name if isinstance(check, Threshold) else f"{check.name}: {source}"
    if _is_outage(measurement):
        return _outage(check, f"{about} could not be measured: {measurement.note}")
    why = measurement.note if measurement.unscored else f"this image gives no {check.name}"
    return _fact_missing(check, rubric, f"{about} cannot be judged: {why}")


def _fact_missing(check: Threshold | Rule, rubric: Rubric, reason: str) -> Check:
    gentle = rubric.on_unscored == "review" or check.severity == "review"
    return Check(
        name=check.name,
        tier=check.tier,
        outcome=Outcome.REVIEW if gentle else Outcome.FAIL,
        reason=reason,
    )


def _outage(check: Threshold | Rule, reason: str) -> Check:
    return Check(name=check.name, tier=check.tier, outcome=Outcome.ERROR, reason=reason)


def _rank(rubric: Rubric, measurements: Mapping[str, Measurement], missing: float | None) -> float:
    """The weighted mean of the scores that there are, in [0, 1].

    Args:
        missing: what stands for a dimension that was not measured; ``None`` leaves it out, as one
            without a score is.
    """
    weights = rubric.rank or dict.fromkeys(rubric.dimensions, 1.0)
    scored = [
        (weight, score)
        for name, weight in weights.items()
        if (score := measurements[name].score if name in measurements else missing) is not None
    ]
    total = sum(weight for weight, _ in scored)
    return round(sum(w * s for w, s in scored) / total, 6) if total else 0.0
