"""A rubric as the pipeline uses it: checked, resolved, frozen and picklable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from sentinelqa.rubric.expressions import Expression
from sentinelqa.rubric.rules import RuleMeasure
from sentinelqa.types import Tier

Severity = Literal["fail", "review", "warn"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """Bounds on a score or a metric.

    Attributes:
        name: of the check: the dimension, ``dimension.metric``, or a rule's name.
        source: the measurement that is looked at.
        metric: which of its metrics; empty means the score.
        label: what to call the value in reasons; empty means ``name``.
        unit: of the metric, for messages.
        by_note: the measurement's own note is a better reason than its number.
        low, high: what passes, both ends included; ``None`` where there is no bound.
        review_low, review_high: where failing begins; between them and the bounds a person decides.
    """

    name: str
    tier: Tier
    source: str
    metric: str = ""
    label: str = ""
    unit: str = ""
    low: float | None = None
    high: float | None = None
    review_low: float | None = None
    review_high: float | None = None
    severity: Severity = "fail"
    message: str = ""
    by_note: bool = False

    @property
    def sources(self) -> tuple[str, ...]:
        """The measurements that it needs."""
        return (self.source,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A custom rule that is an expression.

    Attributes:
        sources: the measurements that its expression reads.
    """

    name: str
    expression: Expression
    sources: tuple[str, ...]
    severity: Severity = "fail"
    message: str = ""
    tier: Tier = "custom"


Check = Threshold | Rule
"""What is decided: one line of a verdict each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rubric:
    """Everything that a verdict depends on.

    Attributes:
        checks: thresholds and rules, generic tier first, in the order of the file.
        rank: dimension -> weight; the weights sum to 1. Empty: the mean of all scores.
        min_distance: of the perceptual hashes of delivered images, a share of their bits.
        on_unscored: what a fact (no reference, not applicable, undecidable) means.
        models: feature -> model id, where the rubric names one.
        allow_unpinned: whether these may be models that were never pinned.
        advice: what works, but should be known: a calibration that no longer fits.
        rule_measures: measurements of custom rules, beside those of dimensions.
        dimensions: names of the dimensions in use, in tier order, those only in ``rank`` last.
        resolved: the whole rubric in YAML, as it applies: ``extends`` resolved.
        hash: sha256 of ``resolved`` in canonical form.
        folder: where relative paths in it start.
    """

    name: str
    version: str
    checks: tuple[Check, ...]
    resolved: str
    hash: str
    use_case: str = ""
    description: str = ""
    rank: Mapping[str, float] = field(default_factory=dict)
    min_distance: float = 0.0
    on_unscored: Literal["fail", "review"] = "fail"
    models: Mapping[str, str] = field(default_factory=dict)
    allow_unpinned: bool = False
    rule_measures: tuple[RuleMeasure, ...] = ()
    dimensions: tuple[str, ...] = ()
    folder: str = ""
    advice: tuple[str, ...] = ()

    @property
    def thresholds(self) -> tuple[Threshold, ...]:
        """The checks that compare with bounds, those of custom rules among them."""
        return tuple(c for c in self.checks if isinstance(c, Threshold))

    @property
    def rules(self) -> tuple[Check, ...]:
        """The custom rules, whatever their kind. Each has a ``name``."""
        return tuple(c for c in self.checks if c.tier == "custom")

    def measures(self) -> list[RuleMeasure]:
        """What custom rules measure: like dimensions, but with parameters from the rubric."""
        return list(self.rule_measures)
