"""What custom rules measure: like dimensions, but with parameters that a rubric gives.

Each is a pure function from features to a measurement called ``rule.<name>``. It knows no
threshold: the rubric compiles one beside it. Heavy arithmetic lives in
:mod:`sentinelqa.rubric.measuring`, imported when a rule first measures.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sentinelqa.dimensions.base import MetricSpec
from sentinelqa.features.base import Features
from sentinelqa.types import Measurement, ModelUse, Request, Tier, Unscored

NEUTRAL = (
    "a photo",
    "a picture",
    "a plain photo of something else",
    "an ordinary picture",
)
"""What a statement is compared with when a rule names no contrary."""

_DISAGREE = 0.5
_PROBABILITY = {
    "probability": MetricSpec("float", "of the statement, or of the answer yes", "", 0.0, 1.0)
}
_DELTA_E = {
    "delta_e": MetricSpec("float", "dominant colour to the wanted one", "ΔE2000", 0.0, 200.0),
    "dominant": MetricSpec("str", "the subject's dominant colour, #rrggbb"),
}
_TEXT = {
    "read": MetricSpec("str", "what was read, at most 200 characters"),
    "holds": MetricSpec("bool", "whether the rule holds"),
    "why": MetricSpec("str", "what is wrong; empty when the rule holds"),
}


@dataclass(frozen=True, slots=True)
class SeenMeasure:
    """How probable a statement is, against its contraries, to the image-text model.

    The probability is the softmax over cosines times the model's own scale, as in zero-shot
    classification (Radford et al. 2021). It is as good as the model: the starter model knows its
    own domain only, and no such model understands "no" or "without".

    With a ``region`` only that part of the picture is looked at, as
    :func:`sentinelqa.rubric.regions.part_of` cuts it out. Where no mask tells subject and
    background apart it is unscored (``undecidable``): never a guess from the whole picture.
    """

    name: str
    statement: str
    against: tuple[str, ...] = NEUTRAL
    wanted: bool = False
    region: str = ""
    version: str = "1"
    tier: Tier = "custom"
    reference_needs: tuple[str, ...] = ()

    @property
    def needs(self) -> tuple[str, ...]:
        """What is looked at; masks only where a region is asked for."""
        return ("pixels", "foreground", "person", "clip") if self.region else ("clip",)

    @property
    def texts(self) -> tuple[str, ...]:
        """What the image-text model must embed."""
        return (self.statement, *self.against)

    @property
    def metrics(self) -> Mapping[str, MetricSpec]:
        return _PROBABILITY

    def measure(self, features: Features, request: Request) -> Measurement:
        """Judge one image."""
        from sentinelqa.rubric.measuring import embedding_of, probability_of

        clip = features["clip"]
        models: tuple[ModelUse, ...] = tuple(clip.models)
        if self.region:
            models += tuple(features["person"].models)
        image = embedding_of(features, self.region)
        if image is None:
            note = f"no mask tells the {self.region} from the rest"
            return Measurement.without_score(self.name, Unscored.UNDECIDABLE, note, models=models)
        probability = probability_of(clip, image, self.statement, self.against)
        return Measurement(
            dimension=self.name,
            score=probability if self.wanted else 1 - probability,
            metrics={"probability": probability},
            models=models,
        )


@dataclass(frozen=True, slots=True)
class ColourMeasure:
    """CIEDE2000 of the subject's dominant colour to a wanted one; the score halves at ΔE 6."""

    name: str
    near: str
    version: str = "1"
    tier: Tier = "custom"
    needs: tuple[str, ...] = ("pixels", "foreground")
    reference_needs: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()

    @property
    def metrics(self) -> Mapping[str, MetricSpec]:
        return _DELTA_E

    def measure(self, features: Features, request: Request) -> Measurement:
        """Judge one image."""
        from sentinelqa.rubric.measuring import colour_difference

        return colour_difference(self.name, self.near, features, request)


@dataclass(frozen=True, slots=True)
class TextMeasure:
    """What is read in the image against what a rule says of it: 1 where it holds, else 0."""

    name: str
    contains: str = ""
    excludes: str = ""
    match: str = ""
    none: bool = False
    upright: bool = False
    version: str = "1"
    tier: Tier = "custom"
    needs: tuple[str, ...] = ("text",)
    reference_needs: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()

    @property
    def metrics(self) -> Mapping[str, MetricSpec]:
        return _TEXT

    def measure(self, features: Features, request: Request) -> Measurement:
        """Judge one image."""
        from sentinelqa.rubric.measuring import text_holds

        return text_holds(self, features, request)


@dataclass(frozen=True, slots=True)
class AskMeasure:
    """The probability of the expected answer to a question, by the judges of this machine.

    Without a configured judge it is unscored (``model_missing``), which is an error, not a pass.
    """

    name: str
    question: str
    wanted: bool = True
    version: str = "1"
    tier: Tier = "custom"
    needs: tuple[str, ...] = ("judge",)
    reference_needs: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()

    @property
    def questions(self) -> tuple[str, ...]:
        """What the judges must be asked."""
        return (self.question,)

    @property
    def metrics(self) -> Mapping[str, MetricSpec]:
        return _PROBABILITY

    def measure(self, features: Features, request: Request) -> Measurement:
        """Judge one image."""
        verdicts = features["judge"]
        yes = float(verdicts.answers[self.question])
        models: tuple[ModelUse, ...] = tuple(verdicts.models)
        return Measurement(
            dimension=self.name,
            score=yes if self.wanted else 1 - yes,
            metrics={"probability": yes},
            uncertain=verdicts.spread.get(self.question, 0.0) >= _DISAGREE,
            models=models,
        )


RuleMeasure = AskMeasure | SeenMeasure | ColourMeasure | TextMeasure
"""One measurement that a rule needs; keeps the contract of a dimension."""
