"""From a checked file to the frozen rubric that the pipeline uses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sentinelqa.rubric.meaning import expression_of, metrics_of
from sentinelqa.rubric.model import Check, Rubric, Rule, Threshold
from sentinelqa.rubric.rules import (
    NEUTRAL,
    AskMeasure,
    ColourMeasure,
    RuleMeasure,
    SeenMeasure,
    TextMeasure,
)
from sentinelqa.rubric.schema import RubricFile
from sentinelqa.rubric.schema import Rule as RuleYaml
from sentinelqa.rubric.schema import Threshold as ThresholdYaml
from sentinelqa.types import Tier

SEEN_AT = 0.5
"""Probability at which a statement counts as seen, unless the rule says otherwise."""


def compile_rubric(
    file: RubricFile, *, resolved: str, digest: str, folder: str, advice: tuple[str, ...] = ()
) -> Rubric:
    """The rubric that a resolved, checked file describes."""
    checks: list[Check] = [*_thresholds(file)]
    measures: list[RuleMeasure] = []
    for rule in file.tiers.custom:
        check, measure = _rule(rule)
        checks.append(check)
        if measure is not None:
            measures.append(measure)
    sources = [source for check in checks for source in check.sources]
    total = sum(file.rank.values())
    own = {measure.name for measure in measures}
    used = dict.fromkeys(name for name in (*sources, *file.rank) if name not in own)
    return Rubric(
        name=file.name,
        version=str(file.version),
        use_case=file.use_case,
        description=file.description,
        checks=tuple(checks),
        resolved=resolved,
        hash=digest,
        rank={name: weight / total for name, weight in file.rank.items()},
        min_distance=file.diversity.min_distance if file.diversity else 0.0,
        on_unscored=file.on_unscored,
        models=dict(file.models),
        allow_unpinned=file.allow_unpinned,
        rule_measures=tuple(measures),
        dimensions=tuple(used),
        folder=folder,
        advice=advice,
    )


def _thresholds(file: RubricFile) -> Iterator[Threshold]:
    tiers: tuple[tuple[Tier, dict[str, list[ThresholdYaml] | None]], ...] = (
        ("generic", file.tiers.generic),
        ("use_case", file.tiers.use_case),
    )
    for tier, dimensions in tiers:
        for name, thresholds in dimensions.items():
            for threshold in thresholds or ():
                yield _threshold(name, tier, threshold)


def _threshold(dimension: str, tier: Tier, given: ThresholdYaml) -> Threshold:
    low, high = given.low, given.high
    review = given.review
    both = review if isinstance(review, list) else [review, review]
    metric = given.metric or ""
    unit = metrics_of(dimension)[metric].unit if metric else ""
    return Threshold(
        name=f"{dimension}.{metric}" if metric else dimension,
        tier=tier,
        source=dimension,
        metric=metric,
        unit=unit if unit not in ("share", "count") else "",
        low=low,
        high=high,
        review_low=both[0] if low is not None else None,
        review_high=both[1] if high is not None else None,
        severity=given.severity,
        message=given.message or "",
    )


def _rule(rule: RuleYaml) -> tuple[Check, RuleMeasure | None]:
    if rule.require is not None:
        expression = expression_of(rule)
        roots = dict.fromkeys(variable.path[0] for variable in expression.variables)
        sources = tuple(root for root in roots if root not in ("image", "request"))
        return Rule(
            name=rule.name,
            expression=expression,
            sources=sources,
            severity=rule.severity,
            message=rule.message or "",
        ), None
    if rule.colour is not None:
        colour = ColourMeasure(f"rule.{rule.name}", rule.colour.near)
        label = f"{rule.name}: the difference to {rule.colour.near}"
        return _bounded(rule, "delta_e", label, high=rule.colour.within), colour
    if rule.text is not None:
        text = rule.text
        reading = TextMeasure(
            f"rule.{rule.name}",
            contains=text.contains or "",
            excludes=text.excludes or "",
            match=text.match or "",
            none=text.none,
            upright=text.upright,
        )
        return replace(_bounded(rule, "", rule.name, low=1.0), by_note=True), reading
    return _ask(rule) if rule.ask is not None else _seen(rule)


def _ask(rule: RuleYaml) -> tuple[Check, RuleMeasure]:
    wanted = rule.expect != "no"
    measure = AskMeasure(f"rule.{rule.name}", rule.ask or "", wanted)
    label = f"{rule.name}: the probability of yes to {rule.ask!r}"
    at = SEEN_AT if rule.threshold is None else rule.threshold
    if wanted:
        return _bounded(rule, "probability", label, low=at), measure
    return _bounded(rule, "probability", label, high=at), measure


def _seen(rule: RuleYaml) -> tuple[Check, RuleMeasure]:
    statement = rule.require_seen or rule.reject_if_seen or ""
    wanted = rule.require_seen is not None
    against = [rule.against] if isinstance(rule.against, str) else rule.against or NEUTRAL
    region = "" if rule.region in (None, "whole") else str(rule.region)
    measure = SeenMeasure(f"rule.{rule.name}", statement, tuple(against), wanted, region)
    where = f" in the {region}" if region else ""
    label = f"{rule.name}: the probability of {statement!r}{where}"
    at = SEEN_AT if rule.threshold is None else rule.threshold
    if wanted:
        return _bounded(rule, "probability", label, low=at), measure
    return _bounded(rule, "probability", label, high=at), measure


def _bounded(
    rule: RuleYaml, metric: str, label: str, *, low: float | None = None, high: float | None = None
) -> Threshold:
    return Threshold(
        name=rule.name,
        tier="custom",
        source=f"rule.{rule.name}",
        metric=metric,
        label=label,
        low=low,
        high=high,
        severity=rule.severity,
        message=rule.message or "",
    )
