"""What a dimension is: a pure function from features to a measurement. It knows no threshold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from sentinelqa.features.base import Features
from sentinelqa.types import Measurement, Request, Tier


@dataclass(frozen=True, slots=True)
class MetricSpec:
    """What a dimension declares of one metric, so that rubrics can be checked when they are read.

    Attributes:
        kind: the type of its values.
        unit: ``stops``, ``degrees``, ``ΔE2000``, ``share``, ``count``; empty for plain numbers.
        low, high: the range that values lie in; ``None`` where there is no bound.
        summary: one line for the reference.
    """

    kind: Literal["float", "int", "bool", "str"]
    summary: str
    unit: str = ""
    low: float | None = None
    high: float | None = None


@runtime_checkable
class Dimension(Protocol):
    """Judges one quality. Pure and fast: all heavy work happens in features.

    The class docstring gives the measure, its source, units, range, how the raw metric maps to
    the score, and what it is blind to.
    """

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str:
        """A change of the arithmetic or of the map to the score is a new version."""
        ...

    @property
    def tier(self) -> Tier: ...

    @property
    def needs(self) -> tuple[str, ...]:
        """Names of the features read from the image."""
        ...

    @property
    def reference_needs(self) -> tuple[str, ...]:
        """Names of the features read from the request's reference images; often empty."""
        ...

    @property
    def metrics(self) -> Mapping[str, MetricSpec]:
        """The metrics that a measurement may carry, by name."""
        ...

    def measure(self, features: Features, request: Request) -> Measurement:
        """Score one image from its features.

        Every feature in ``needs`` is present and is a value: the caller turns a feature that
        failed into an unscored measurement before it gets here.
        """
        ...


def insists_on_references(dimension: Dimension) -> bool:
    """Whether a request without reference images leaves this dimension unscored.

    One that has something else to go by, such as a colour's name, says ``reference_optional``.
    """
    optional = getattr(dimension, "reference_optional", False)
    return bool(dimension.reference_needs) and not optional
