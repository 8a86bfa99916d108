"""What vision-language judges say of a picture: that it shows the prompt, that nothing is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from sentinelqa.dimensions.base import MetricSpec
from sentinelqa.features.base import Features
from sentinelqa.features.judge_client import DEFECTS
from sentinelqa.types import Measurement, Request, Tier, Unscored

_DISAGREE = 0.5
_SHOWS = 'Does this picture show "'


@dataclass(frozen=True, slots=True)
class VqaAlignment:
    """The probability that a vision-language model answers yes to "does this picture show ...?".

    The form of VQAScore (Lin et al., 2024), which follows compound prompts (counts, relations,
    attributes) far better than a CLIP does. ``yes`` is the median over the configured judges and is
    the score; ``spread`` is their largest disagreement, uncertain from 0.5. A judge that does not
    answer is no vote; with fewer than half answering it is unscored (``error``), without any
    configured one too (``model_missing``).

    Blind to what its model is blind to, and swayed by lettering in the picture.
    """

    name: str = "vqa_alignment"
    version: str = "1"
    tier: Tier = "generic"
    needs: tuple[str, ...] = ("judge",)
    reference_needs: tuple[str, ...] = ()

    @property
    def metrics(self) -> Mapping[str, MetricSpec]:
        return _METRICS

    def measure(self, features: Features, request: Request) -> Measurement:
        """Score one picture against ``request.prompt``."""
        verdicts = features["judge"]
        asked = [q for q in verdicts.answers if q.startswith(_SHOWS)]
        if not asked:
            return Measurement.without_score(
                self.name,
                Unscored.NOT_APPLICABLE,
                "there is no prompt to compare with",
                models=verdicts.models,
            )
        yes, spread = verdicts.answers[asked[0]], verdicts.spread.get(asked[0], 0.0)
        return Measurement(
            dimension=self.name,
            score=yes,
            metrics={"yes": yes, "spread": spread},
            uncertain=spread >= _DISAGREE,
            models=verdicts.models,
        )


@dataclass(frozen=True, slots=True)
class SemanticArtifacts:
    """One minus the probability that a vision-language model sees something wrong.

    The judges are asked about wrong anatomy and about impossible objects; ``worst`` is the higher
    probability of yes, and one minus it is the score. This is the part of artifacts that the
    technical detectors of ``artifacts`` cannot see. Uncertain where judges differ by 0.5.

    Models of 2025 miss most subtle faults, such as a sixth finger in a busy picture.
    """

    name: str = "semantic_artifacts"
    version: str = "1"
    tier: Tier = "generic"
    needs: tuple[str, ...] = ("judge",)
    reference_needs: tuple[str, ...] = ()
    questions: tuple[str, ...] = DEFECTS

    @property
    def metrics(self) -> Mapping[str, MetricSpec]:
        return _METRICS_OF_DEFECTS

    def measure(self, features: Features, request: Request) -> Measurement:
        """Score one picture."""
        verdicts = features["judge"]
        asked = [q for q in self.questions if q in verdicts.answers]
        if not asked:
            note = "the judges were asked about no defect"
            return Measurement.without_score(
                self.name, Unscored.NOT_APPLICABLE, note, models=verdicts.models
            )
        worst = max(verdicts.answers[q] for q in asked)
        spread = max(verdicts.spread.get(q, 0.0) for q in asked)
        return Measurement(
            dimension=self.name,
            score=1 - worst,
            metrics={"worst": worst, "spread": spread},
            uncertain=spread >= _DISAGREE,
            models=verdicts.models,
        )


_SPREAD = MetricSpec("float", "largest difference between two judges", "", 0.0, 1.0)
_METRICS: Mapping[str, MetricSpec] = MappingProxyType(
    {"yes": MetricSpec("float", "probability of yes", "", 0.0, 1.0), "spread": _SPREAD}
)
_METRICS_OF_DEFECTS: Mapping[str, MetricSpec] = MappingProxyType(
    {"worst": MetricSpec("float", "probability of a defect", "", 0.0, 1.0), "spread": _SPREAD}
)
