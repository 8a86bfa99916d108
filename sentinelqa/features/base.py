"""What a feature is: something computed from an image once, and shared by all who need it.

A dimension or a rule that compares images with texts of its own names them in an optional
attribute ``texts: tuple[str, ...]``. The caller hands the texts of all consumers to the feature
``clip``, which encodes them in batches; ``value.text_embedding(text)`` then answers from its cache.
Texts that follow from the request's prompt need no declaration
(:mod:`sentinelqa.features.prompts`). In the same way ``questions`` reach the feature ``judge``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from sentinelqa.errors import ScoringError
from sentinelqa.types import ModelUse, Request


@dataclass(frozen=True, slots=True)
class FeatureInput:
    """One image to compute a feature of.

    Attributes:
        path: the image file, readable from this process.
        request: what the image is for; a prompt embedding depends on it.
        features: the values of the features that this one ``needs``.
    """

    path: str
    request: Request
    features: Mapping[str, Any] = field(default_factory=dict)


@runtime_checkable
class Feature(Protocol):
    """Computes one kind of value for a batch of images. Construction is cheap and picklable.

    ``name`` and ``version`` identify the values: a change of the arithmetic is a new version.
    ``needs`` names the features that must be computed first.
    """

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    @property
    def needs(self) -> tuple[str, ...]: ...

    @property
    def models(self) -> tuple[ModelUse, ...]:
        """The models that have a part; empty for plain arithmetic. Known after ``load``."""
        ...

    def load(self, device: str) -> None:
        """Load weights, once per process, onto ``cpu``, ``cuda`` or ``cuda:1``.

        Raises:
            ModelError: the weights are not here; dimensions that need them become
                ``unscored: model_missing``.
        """
        ...

    def compute(self, batch: Sequence[FeatureInput]) -> Sequence[Any | ScoringError]:
        """One value per input, in the same order.

        An image that cannot be handled gives a :class:`ScoringError` in its place, so that it
        takes nobody with it. Where one image takes long (minutes for a batch), say
        :func:`sentinelqa.heartbeat.progress` after each, or the worker is taken for hung.
        """
        ...


class Features(Mapping[str, Any]):
    """The values computed for one image, and those of its request's reference images.

    Attributes:
        references: one mapping per reference image, in the request's order; each holds the
            features that a dimension's ``reference_needs`` name. A reference that could not be
            read holds a :class:`ScoringError` under the feature's name.
    """

    def __init__(
        self, values: Mapping[str, Any], references: Sequence[Mapping[str, Any]] = ()
    ) -> None:
        self._values = dict(values)
        self.references: tuple[Mapping[str, Any], ...] = tuple(references)

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)
