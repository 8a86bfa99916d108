"""A rubric in plain English."""

from __future__ import annotations

from collections.abc import Iterator

from sentinelqa import registry
from sentinelqa.rubric.meaning import metrics_of
from sentinelqa.rubric.model import Check, Rubric, Rule, Threshold
from sentinelqa.rubric.rules import AskMeasure, ColourMeasure, SeenMeasure, TextMeasure
from sentinelqa.rubric.timing import SIDE, Timing, declared
from sentinelqa.types import TIERS

_TIERS = {
    "generic": "Generic quality",
    "use_case": "For this use case",
    "custom": "Rules of the business",
}
_SEVERITY = {
    "fail": "it is rejected",
    "review": "a person decides",
    "warn": "it passes with a warning",
}


def explain(rubric: Rubric, timing: Timing | None = None) -> str:
    """What the rubric asks for, what happens to an image, what is loaded and what it costs.

    Args:
        timing: the cost, if it was measured here; else the declared one is given.
    """
    return "\n".join([*_lines(rubric), *_cost(timing or declared(rubric))]) + "\n"


def loads(rubric: Rubric) -> tuple[str, ...]:
    """The features that the rubric needs, directly or through others."""
    from sentinelqa.scorer import dimensions_of, features_of

    return tuple(features_of(rubric, dimensions_of(rubric)))


def _lines(rubric: Rubric) -> Iterator[str]:
    yield f"{rubric.name}, version {rubric.version}"
    if rubric.description:
        yield rubric.description.strip()
    for tier in TIERS:
        checks = [check for check in rubric.checks if check.tier == tier]
        if checks:
            yield ""
            yield f"{_TIERS[tier]}:"
            yield from (f"  - {_sentence(check, rubric)}" for check in checks)
    yield ""
    yield "An image passes only if every line above holds; a good score in one never makes up for"
    yield "another. The first failure ends its scoring."
    meaning = "is rejected" if rubric.on_unscored == "fail" else "goes to a person"
    yield f"An image for which something cannot be judged {meaning}. Where a scorer broke down,"
    yield "it is an error, and never a pass."
    yield _ranking(rubric)
    if rubric.min_distance:
        bits = -(-rubric.min_distance * 64 // 1)
        yield f"Delivered images of a request differ in at least {bits:.0f} of 64 hash bits."
    yield ""
    yield f"Loads: {', '.join(loads(rubric))}."
    for feature, model in rubric.models.items():
        yield f"The model for {feature} is {model}; the thresholds belong to it."
    yield from (f"Note: {text}." for text in rubric.advice)


def _cost(timing: Timing) -> Iterator[str]:
    about = "" if timing.here else "roughly "
    cost = f"{about}{timing.milliseconds:.0f} ms"
    yield f"Costs {cost} per image of {SIDE} x {SIDE} pixels on one CPU core, less where it stops"
    if timing.here:
        yield "early; measured on this machine just now."
    else:
        yield "early; an estimate from another machine: --measure takes the time here."
    if timing.without:
        missing = ", ".join(name.removeprefix("rule.") for name in timing.without)
        yield f"Not counted, because it could not be measured here: {missing}."


def _ranking(rubric: Rubric) -> str:
    if not rubric.rank:
        return "What passes is ordered by the mean of its scores."
    shares = [f"{name} ({weight:.0%})" for name, weight in rubric.rank.items()]
    return f"What passes is ordered by {', '.join(shares)}."


def _sentence(check: Check, rubric: Rubric) -> str:
    ending = f" Otherwise {_SEVERITY[check.severity]}."
    if isinstance(check, Rule):
        said = check.message or f"{check.expression.source} must be true."
        source = f" ({check.expression.source})" if check.message else ""
        return f"{check.name}: {said}{source}{ending}"
    if check.tier == "custom":
        return f"{check.name}: {_measured(check, rubric)}{ending}"
    return f"{_name(check)}: {_bounds(check)}{_band(check)}{ending}"


def _name(check: Threshold) -> str:
    summary = registry.dimensions.entry(check.source).summary
    if check.metric:
        summary = metrics_of(check.source)[check.metric].summary
    return f"{check.name} ({summary})"


def _bounds(check: Threshold) -> str:
    unit = f" {check.unit}" if check.unit else ""
    if check.low is not None and check.high is not None:
        return f"from {check.low:g} to {check.high:g}{unit}."
    if check.low is not None:
        return f"at least {check.low:g}{unit}."
    return f"at most {check.high:g}{unit}."


def _band(check: Threshold) -> str:
    edges = [edge for edge in (check.review_low, check.review_high) if edge is not None]
    if not edges:
        return ""
    return (
        f" Down to {edges[0]:g} a person decides."
        if check.low is not None
        else (f" Up to {edges[0]:g} a person decides.")
    )


def _measured(check: Threshold, rubric: Rubric) -> str:
    measure = next(m for m in rubric.rule_measures if m.name == check.source)
    said = f"{check.message} " if check.message else ""
    if isinstance(measure, SeenMeasure):
        verb = "must show" if measure.wanted else "must not show"
        bound = check.low if measure.wanted else check.high
        against = " / ".join(repr(text) for text in measure.against)
        shown = f"{measure.statement!r} (probability {bound:g}; against {against})"
        subject = f"The image's {measure.region}" if measure.region else "The image"
        return f"{said}{subject} {verb} {shown}."
    if isinstance(measure, AskMeasure):
        answer = (
            f"yes, probability from {check.low:g}"
            if measure.wanted
            else (f"no, probability of yes up to {check.high:g}")
        )
        return f"{said}Judges are asked {measure.question!r} and must say {answer}."
    if isinstance(measure, ColourMeasure):
        return f"{said}The subject's colour is within ΔE2000 {check.high:g} of {measure.near}."
    assert isinstance(measure, TextMeasure)
    asked = {
        f"must read {measure.contains!r}": bool(measure.contains),
        f"must not read {measure.excludes!r}": bool(measure.excludes),
        f"must match {measure.match!r}": bool(measure.match),
        "must be free of text": measure.none,
        "must read the right way round": measure.upright,
    }
    return f"{said}The image {' and '.join(text for text, wanted in asked.items() if wanted)}."
