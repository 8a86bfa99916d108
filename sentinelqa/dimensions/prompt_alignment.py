"""Does the image show what the prompt says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from sentinelqa.dimensions.base import MetricSpec
from sentinelqa.features.base import Features
from sentinelqa.features.prompts import Contrasts, contrasts
from sentinelqa.types import Measurement, Metric, Request, Tier, Unscored

_RESOLUTION = 0.002
_CUT_TOO_MUCH = 0.25
_STARTER_NOTE = (
    "the starter model knows studio pictures of single objects; pull a larger one for others"
)


def _probability(what: str) -> MetricSpec:
    return MetricSpec("float", f"probability of {what}", low=0.0, high=1.0)


@dataclass(frozen=True, slots=True)
class PromptAlignment:
    """Calibrated image-text similarity: the prompt against prompts that differ in one part.

    A bare cosine means little: it depends on the model and on the prompt's wording. So the prompt
    competes, in a softmax with the model's own logit scale, as in zero-shot classification
    (Radford et al., "Learning Transferable Visual Models From Natural Language Supervision", 2021):

    - ``subject``: against descriptions of pictures that show nothing in particular;
    - ``object``: against the same prompt with 31 other everyday objects in its place;
    - ``colour``: against the same prompt with the other ten basic colours in its place;
    - ``background``: against the same prompt with other backgrounds (reported, not in the score).

    Each is a probability, 0 to 1; parts that the prompt does not have are left out. The score is
    the smallest of ``subject``, ``object`` and ``colour``: a picture must be right in all. A guess
    among all rivals scores about 0.03.

    Uncertain where the best rival is within 0.002 of the prompt's cosine (embeddings move by about
    0.0007 with the batch they were computed in) or more than a quarter of the prompt's tokens lie
    beyond what the model reads.

    Blind to: counts, spatial relations, negation ("without"), attributes bound to one of several
    objects, and whatever the model was not trained on. Prompts are taken apart by English word
    patterns.
    """

    name: str = "prompt_alignment"
    version: str = "1"
    tier: Tier = "generic"
    needs: tuple[str, ...] = ("clip",)
    reference_needs: tuple[str, ...] = ()

    @property
    def metrics(self) -> Mapping[str, MetricSpec]:
        return _METRICS

    def measure(self, features: Features, request: Request) -> Measurement:
        """Score one image against ``request.prompt``."""
        prompt = request.prompt.strip()
        clip = features["clip"]
        if not prompt:
            note = "there is no prompt to compare with"
            return Measurement.without_score(self.name, Unscored.NOT_APPLICABLE, note)
        rivals = contrasts(request.prompt)
        own = float(clip.cosines([request.prompt])[0])
        others = dict(zip(rivals.texts, clip.cosines(rivals.texts).tolist(), strict=True))
        parts = {
            part: softmax_share(own, [others[text] for text in texts], clip.logit_scale)
            for part, texts in _groups(rivals)
            if texts
        }
        scored = (*rivals.other_objects, *rivals.other_colours, *rivals.neutral)
        best_rival = max(scored, key=lambda text: others[text])
        margin = own - others[best_rival]
        metrics: dict[str, Metric] = {
            "cosine": own,
            "margin": margin,
            "best_rival": best_rival,
            "tokens_cut": clip.tokens_cut,
            **parts,
        }
        starter = any(m.id == "starter-clip" for m in clip.models)
        return Measurement(
            dimension=self.name,
            score=min(parts[p] for p in ("subject", "object", "colour") if p in parts),
            metrics=metrics,
            uncertain=abs(margin) < _RESOLUTION or clip.tokens_cut > _CUT_TOO_MUCH,
            models=clip.models,
            note=_STARTER_NOTE if starter else "",
        )


def softmax_share(own: float, others: Sequence[float], scale: float) -> float:
    """The probability that a softmax over cosines times ``scale`` gives to ``own``."""
    logits = scale * (np.asarray(others, np.float64) - own)
    return float(1 / (1 + np.exp(np.minimum(logits, 700)).sum()))


def _groups(rivals: Contrasts) -> Sequence[tuple[str, tuple[str, ...]]]:
    return (
        ("subject", rivals.neutral),
        ("object", rivals.other_objects),
        ("colour", rivals.other_colours),
        ("background", rivals.other_backgrounds),
    )


_METRICS: Mapping[str, MetricSpec] = MappingProxyType(
    {
        "cosine": MetricSpec("float", "cosine of image and prompt", low=-1.0, high=1.0),
        "margin": MetricSpec("float", "cosine less the best rival's", low=-2.0, high=2.0),
        "best_rival": MetricSpec("str", "the contrasting prompt that fits best"),
        "tokens_cut": MetricSpec(
            "float", "part of the prompt beyond the model's limit", unit="share", low=0.0, high=1.0
        ),
        "subject": _probability("the prompt against pictures of nothing in particular"),
        "object": _probability("the prompt's object against other objects"),
        "colour": _probability("the prompt's colour against other colours"),
        "background": _probability("the prompt's background against other backgrounds"),
    }
)
