"""Whether the writing in a picture says what it should, the right way round."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from sentinelqa.dimensions.base import MetricSpec
from sentinelqa.features.base import Features
from sentinelqa.features.reading import best_errors
from sentinelqa.types import Measurement, Metric, Request, Tier, Unscored

_COLUMNS = ("text", "label")
_QUOTED = re.compile(r"[\"“]([^\"“”]{1,200})[\"”]")
_LONGEST = 200
_UNSURE = 0.8


@dataclass(frozen=True, slots=True)
class TextAccuracy:
    """What is read against what should be read.

    Expected is the request's column ``text`` or ``label``, else the words in double quotes in the
    prompt. ``cer`` is the character error rate: edit distance over the expected length, with case,
    width and blanks levelled, for the run of neighbouring lines that fits best. Only writing that
    reads as it stands counts: what is turned or mirrored is misread, as a viewer would. The score
    is ``1 - cer``, not below 0.

    Rendered labels read without an error upright; mirrored or upside down they have 0.6 to 0.8.
    Uncertain where a line's confidence is under 0.8. Blind to fonts, kerning and invented letters
    that resemble real ones; scripts beyond Latin and Chinese are read poorly. A word that is
    another word when mirrored is found only through ``cer``.
    """

    name: str = "text"
    version: str = "1"
    tier: Tier = "use_case"
    needs: tuple[str, ...] = ("text",)
    reference_needs: tuple[str, ...] = ()

    @property
    def metrics(self) -> Mapping[str, MetricSpec]:
        return _METRICS

    def measure(self, features: Features, request: Request) -> Measurement:
        """Compare what one picture says with what it should say."""
        found = features["text"]
        metrics: dict[str, Metric] = {
            "read": found.text[:_LONGEST],
            "lines": len(found.lines),
            "characters": sum(c.isalnum() for line in found.lines for c in line.text),
            "mirrored": any(line.mirrored for line in found.lines),
            "upright": all(line.upright for line in found.lines),
        }
        expected = expected_text(request)
        if not expected:
            note = "neither a text column nor quoted words in the prompt say what should be read"
            return Measurement.without_score(
                self.name, Unscored.NO_REFERENCE, note, metrics=metrics, models=found.models
            )
        errors, _ = best_errors(found.as_it_stands, expected)
        metrics |= {"cer": errors, "expected": expected[:_LONGEST]}
        sure = min((line.score for line in found.lines), default=1.0)
        return Measurement(
            dimension=self.name,
            score=max(0.0, 1 - errors),
            metrics=metrics,
            uncertain=sure < _UNSURE,
            models=found.models,
        )


def expected_text(request: Request) -> str:
    """What the picture of ``request`` should say; empty when nobody says."""
    for column in _COLUMNS:
        if value := str(request.metadata.get(column) or "").strip():
            return value
    return " ".join(_QUOTED.findall(request.prompt)).strip()


_METRICS: Mapping[str, MetricSpec] = MappingProxyType(
    {
        "cer": MetricSpec("float", "edit distance over the expected length", "share", 0.0),
        "expected": MetricSpec("str", "what should be read, at most 200 characters"),
        "read": MetricSpec("str", "what was read, at most 200 characters"),
        "lines": MetricSpec("int", "lines of writing", "count", 0),
        "characters": MetricSpec("int", "letters and digits", "count", 0),
        "mirrored": MetricSpec("bool", "some line reads only mirrored"),
        "upright": MetricSpec("bool", "every line reads as it stands"),
    }
)
