"""Whether a rubric makes sense: every name, metric and type against what the dimensions declare."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache

import re2

from sentinelqa import registry
from sentinelqa.decide import IMAGE_FACTS
from sentinelqa.dimensions.base import MetricSpec
from sentinelqa.errors import did_you_mean
from sentinelqa.rubric.expressions import Expression, Kind, Scope, check, kind_of
from sentinelqa.rubric.problems import Problem
from sentinelqa.rubric.reading import Key, Marks
from sentinelqa.rubric.schema import RubricFile, Rule, Threshold
from sentinelqa.rubric.syntax import ExpressionError

_REQUEST: Mapping[str, Kind] = {
    "id": "text",
    "prompt": "text",
    "negative_prompt": "text",
    "deliver": "number",
    "references": "list",
}
_NEEDED = {
    "reject_if_seen": "clip",
    "require_seen": "clip",
    "text": "text",
    "colour": "foreground",
    "ask": "judge",
}


@lru_cache(maxsize=256)
def metrics_of(dimension: str) -> Mapping[str, MetricSpec]:
    """The metrics that a dimension declares."""
    metrics: Mapping[str, MetricSpec] = registry.dimensions.load(dimension)().metrics
    return metrics


def scope() -> Scope:
    """The names that expressions may use, of everything that is registered."""
    roots: dict[str, Mapping[str, Kind]] = {name: _Members(name) for name in registry.dimensions}
    roots["image"] = dict.fromkeys(IMAGE_FACTS, "number")
    roots["request"] = _REQUEST
    return Scope(roots, frozenset({"request"}))


class _Members(Mapping[str, Kind]):
    """The values of one dimension, looked up only when an expression names it."""

    def __init__(self, dimension: str) -> None:
        self._dimension = dimension

    @property
    def _kinds(self) -> dict[str, Kind]:
        metrics = metrics_of(self._dimension)
        return {"score": "number", **{name: kind_of(spec.kind) for name, spec in metrics.items()}}

    def __getitem__(self, name: str) -> Kind:
        return self._kinds[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._kinds)

    def __len__(self) -> int:
        return len(self._kinds)


def expression_of(rule: Rule) -> Expression:
    """The checked expression of a ``require`` rule.

    Raises:
        ExpressionError: a name, type or bound is wrong.
    """
    assert rule.require is not None
    return check(rule.require, scope())


def check_meaning(file: RubricFile, marks: Marks) -> list[Problem]:
    """Everything that is wrong with one file of a rubric, in its order."""
    return [
        *_models(file, marks),
        *_dimensions(file, marks),
        *_rules(file, marks),
        *_rank(file, marks),
    ]


def _models(file: RubricFile, marks: Marks) -> Iterator[Problem]:
    for feature in file.models:
        if feature not in registry.features:
            known = did_you_mean(feature, registry.features)
            what = f"models: unknown feature {feature!r}"
            yield Problem(what, marks.where(("models", feature)), known)


def _dimensions(file: RubricFile, marks: Marks) -> Iterator[Problem]:
    tiers = (("generic", file.tiers.generic), ("use_case", file.tiers.use_case))
    for tier, dimensions in tiers:
        for name, thresholds in dimensions.items():
            key: Key = ("tiers", tier, name)
            if name not in registry.dimensions:
                known = did_you_mean(name, registry.dimensions)
                yield Problem(f"unknown dimension {name!r}", marks.where(key), known)
                continue
            if thresholds is None and file.extends is None:
                what = f"{name} has no threshold"
                yield Problem(what, marks.where(key), "write for example {min: 0.5}")
            if tier == "use_case" and name in file.tiers.generic:
                yield Problem(f"{name} is in both tiers", marks.where(key), "keep one")
            listed = not isinstance(thresholds, list) or len(thresholds) > 1
            for index, threshold in enumerate(thresholds or ()):
                below: Key = (*key, index) if listed else key
                yield from _metric(name, threshold, below, marks)


def _metric(name: str, threshold: Threshold, key: Key, marks: Marks) -> Iterator[Problem]:
    if threshold.metric is None:
        return
    declared = metrics_of(name)
    where = marks.where((*key, "metric"))
    if threshold.metric not in declared:
        what = f"{name} has no metric {threshold.metric!r}"
        yield Problem(what, where, did_you_mean(threshold.metric, declared))
    elif declared[threshold.metric].kind not in ("float", "int"):
        kind = declared[threshold.metric].kind
        what = f"{name}.{threshold.metric} is {kind}, which has no bounds"
        yield Problem(what, where, "use a custom rule with require")


def _rules(file: RubricFile, marks: Marks) -> Iterator[Problem]:
    seen: set[str] = set()
    for index, rule in enumerate(file.tiers.custom):
        key: Key = ("tiers", "custom", index)
        if rule.name in seen or rule.name in registry.dimensions:
            what = f"the name {rule.name!r} is taken by another rule or a dimension"
            yield Problem(what, marks.where((*key, "name")), "choose another")
        seen.add(rule.name)
        needed = _NEEDED.get(rule.kind)
        if needed is not None and needed not in registry.features:
            what = f"rule {rule.name!r} needs the feature {needed!r}, which is not there"
            yield Problem(what, marks.where((*key, rule.kind)))
        if rule.require is not None:
            yield from _expression(rule, key, marks)
        if rule.text is not None and rule.text.match is not None:
            yield from _pattern(rule.text.match, (*key, "text", "match"), marks)


def _expression(rule: Rule, key: Key, marks: Marks) -> Iterator[Problem]:
    try:
        expression_of(rule)
    except ExpressionError as error:
        where = marks.where((*key, "require"))
        source = rule.require or ""
        near = source[error.offset : error.offset + 30].split("\n", maxsplit=1)[0]
        at = f" at {near!r}" if near else ""
        yield Problem(f"rule {rule.name!r}: {error.what}{at}", where, error.remedy)


def _pattern(pattern: str, key: Key, marks: Marks) -> Iterator[Problem]:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 1 << 20
    try:
        re2.compile(pattern, options=options)
    except re2.error as error:
        yield Problem(f"not a pattern that RE2 knows: {error}", marks.where(key))


def _rank(file: RubricFile, marks: Marks) -> Iterator[Problem]:
    for name in file.rank:
        if name not in registry.dimensions:
            known = did_you_mean(name, registry.dimensions)
            yield Problem(f"rank: unknown dimension {name!r}", marks.where(("rank", name)), known)
