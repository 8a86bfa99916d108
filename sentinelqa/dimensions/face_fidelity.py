"""Whether the face is the one of the reference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from sentinelqa.dimensions._face import falling, no_face, no_reference
from sentinelqa.dimensions.base import MetricSpec
from sentinelqa.errors import ScoringError
from sentinelqa.features.base import Features
from sentinelqa.types import Measurement, Metric, Request, Tier

_HALF = {"dlib": (0.55, 12), "arcface": (1.15, 12)}
_UNCERTAIN = {"dlib": (0.50, 0.60), "arcface": (1.05, 1.25)}


@dataclass(frozen=True, slots=True)
class FaceFidelity:
    """Distance of the largest face's embedding to those of the reference images.

    ``distance`` is to the nearest reference, ``mean_distance`` the mean over them. For dlib's
    embedding the score is ``1 / (1 + (distance / 0.55)^12)``: 0.76 at 0.50, 0.26 at 0.60. On 140
    pairs of one person and 1,690 of two, 0.50 refused 6.4 % of the former and let none of the
    latter pass; at 0.60 0.7 % and 0.36 %. Uncertain from 0.50 to 0.60.

    For ArcFace-class networks (``models: {face_embedding: auraface}``) the distance is between unit
    vectors, ``sqrt(2 - 2 cos)``, and the map halves at 1.15 (a cosine of 0.34), a customary value
    that was not measured here: calibrate it. Uncertain from 1.05 to 1.25.

    Without references the score says only that there is a face (``rests_on: presence``): the belief
    of the landmark network, 0 to 1.

    Known weakness: the embedding was trained mostly on US celebrities. Between eleven synthetic
    people 9 % of pairs came under 0.60, the nearest two babies at 0.36. It says nothing of whether
    a face is pleasant, or natural.
    """

    name: str = "face_fidelity"
    version: str = "1"
    tier: Tier = "use_case"
    needs: tuple[str, ...] = ("faces", "face_embedding")
    reference_needs: tuple[str, ...] = ("face_embedding",)
    reference_optional: bool = True

    @property
    def metrics(self) -> Mapping[str, MetricSpec]:
        return _METRICS

    def measure(self, features: Features, request: Request) -> Measurement:
        """Compare one picture with the references."""
        found, own = features["faces"], features["face_embedding"]
        if not found.faces or own.vector is None:
            return no_face(self.name, found)
        if not features.references:
            return Measurement(
                dimension=self.name,
                score=found.faces[0].present,
                metrics={"references": 0, "rests_on": "presence"},
                note="there is no reference: only the presence of a face was judged",
                models=found.models,
            )
        known = [r["face_embedding"] for r in features.references]
        vectors = [k for k in known if not isinstance(k, ScoringError) and k.vector is not None]
        models = tuple(dict.fromkeys((*found.models, *own.models)))
        if not vectors:
            why, note = no_reference(features.references, "face_embedding")
            return Measurement.without_score(self.name, why, note, models=models)
        distances = [float(((own.vector - k.vector) ** 2).sum() ** 0.5) for k in vectors]
        metrics: dict[str, Metric] = {
            "distance": min(distances),
            "mean_distance": sum(distances) / len(distances),
            "references": len(vectors),
            "rests_on": "reference",
        }
        low, high = _UNCERTAIN[own.backend]
        return Measurement(
            dimension=self.name,
            score=falling(min(distances), *_HALF[own.backend]),
            metrics=metrics,
            uncertain=low < min(distances) < high,
            models=models,
        )


_METRICS: Mapping[str, MetricSpec] = MappingProxyType(
    {
        "distance": MetricSpec("float", "to the nearest reference face", "", 0.0, 2.0),
        "mean_distance": MetricSpec("float", "mean over the reference faces", "", 0.0, 2.0),
        "references": MetricSpec("int", "reference images with a face", "count", 0),
        "rests_on": MetricSpec("str", "what was judged: reference or presence"),
    }
)
