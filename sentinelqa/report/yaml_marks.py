"""Where a rubric's bounds stand in its YAML, so that the page can write them anew."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import yaml

from sentinelqa.rubric.model import Rubric

Span = tuple[int, int]


def bound_spans(rubric: Rubric) -> list[dict[str, Span]]:
    """For each check of the rubric the places of its bounds in ``rubric.resolved``.

    Returns:
        Per check a mapping of ``low``, ``high``, ``reviewLow`` and ``reviewHigh`` to offsets in
        characters; empty where a bound is not written down (a rule's built-in one) or the check is
        an expression.
    """
    root = yaml.compose(rubric.resolved, Loader=yaml.SafeLoader)
    found = dict(_named(_children(_children(root)["tiers"])))
    return [found.get(check.name, {}) for check in rubric.checks]


def _named(tiers: Mapping[str, yaml.Node]) -> Iterator[tuple[str, dict[str, Span]]]:
    for tier in ("generic", "use_case"):
        for dimension, node in _children(tiers.get(tier)).items():
            for part in node.value if isinstance(node, yaml.SequenceNode) else [node]:
                keys = _children(part)
                metric = keys.get("metric")
                name = f"{dimension}.{metric.value}" if metric is not None else dimension
                yield name, _bounds(keys)
    custom = tiers.get("custom")
    for part in custom.value if isinstance(custom, yaml.SequenceNode) else []:
        keys = _children(part)
        yield keys["name"].value, _rule_bounds(keys)


def _bounds(keys: Mapping[str, yaml.Node]) -> dict[str, Span]:
    between, review = keys.get("between"), keys.get("review")
    if isinstance(between, yaml.SequenceNode):
        low, high = between.value
        spans = {"low": _span(low), "high": _span(high)}
    else:
        pairs = (("low", "min"), ("high", "max"))
        spans = {side: _span(keys[key]) for side, key in pairs if key in keys}
    if isinstance(review, yaml.SequenceNode):
        low, high = review.value
        return spans | {"reviewLow": _span(low), "reviewHigh": _span(high)}
    if review is not None:
        spans["reviewLow" if "low" in spans else "reviewHigh"] = _span(review)
    return spans


def _rule_bounds(keys: Mapping[str, yaml.Node]) -> dict[str, Span]:
    if "threshold" in keys:
        side = "low" if "require_seen" in keys else "high"
        return {side: _span(keys["threshold"])}
    within = _children(keys.get("colour")).get("within")
    return {"high": _span(within)} if within is not None else {}


def _children(node: yaml.Node | None) -> dict[str, yaml.Node]:
    if not isinstance(node, yaml.MappingNode):
        return {}
    return {key.value: value for key, value in node.value}


def _span(node: yaml.Node) -> Span:
    return node.start_mark.index, node.end_mark.index
