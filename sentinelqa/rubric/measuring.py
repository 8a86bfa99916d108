"""The arithmetic of custom rules on features. Imported by workers only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import re2
from numpy.typing import NDArray

from sentinelqa.dimensions.colour import dominant, subject_colours, to_hex
from sentinelqa.features.base import Features
from sentinelqa.features.colour import delta_e
from sentinelqa.features.colour_names import basic_name, examples_of, is_hex, lab_of_hex
from sentinelqa.features.reading import TextFound, normalised
from sentinelqa.rubric.regions import part_of
from sentinelqa.rubric.rules import TextMeasure
from sentinelqa.rubric.templates import fill
from sentinelqa.types import Measurement, Request, Unscored

_HALF = 6.0
_SHOWN = 200


def embedding_of(features: Features, region: str) -> NDArray[np.float32] | None:
    """The image-text model's vector of the picture, or of its ``background`` or ``subject``;
    ``None`` where that part cannot be told from the rest."""
    clip = features["clip"]
    if not region:
        return np.asarray(clip.image_embedding)
    rgb = part_of(features["pixels"], features["foreground"], features["person"], region)
    return None if rgb is None else np.asarray(clip.embedding_of(rgb))


def probability_of(
    clip: Any, image: NDArray[np.float32], statement: str, against: Sequence[str]
) -> float:
    """The share that a softmax over cosines gives to ``statement``, 0 to 1.

    Args:
        clip: a value of the feature ``clip``.
        image: a unit vector of that model.
    """
    texts = [clip.text_embedding(text) for text in (statement, *against)]
    cosines = np.stack(texts).astype(np.float64) @ image.astype(np.float64)
    logits = clip.logit_scale * (cosines - cosines.max())
    shares = np.exp(logits) / np.exp(logits).sum()
    return float(shares[0])


def colour_difference(name: str, near: str, features: Features, request: Request) -> Measurement:
    """CIEDE2000 between the subject's dominant colour and ``near``, a name, hex or column."""
    sample = subject_colours(features["pixels"], features["foreground"])
    if sample is None:
        note = "no subject can be told from the background"
        return Measurement.without_score(name, Unscored.UNDECIDABLE, note)
    wanted = fill(near, request)
    if wanted is None:
        note = f"the request has no value for {near}"
        return Measurement.without_score(name, Unscored.NO_REFERENCE, note)
    main = dominant(sample)
    if is_hex(wanted):
        distance = float(delta_e(main, lab_of_hex(wanted.strip())))
    elif basic_name(wanted):
        distance = float(delta_e(main, examples_of(basic_name(wanted))).min())
    else:
        note = f"{wanted!r} is neither a hex colour nor a basic colour's name"
        return Measurement.without_score(name, Unscored.UNDECIDABLE, note)
    return Measurement(
        dimension=name,
        score=1 / (1 + (distance / _HALF) ** 3),
        metrics={"delta_e": distance, "dominant": to_hex(main)},
    )


def text_holds(rule: TextMeasure, features: Features, request: Request) -> Measurement:
    """Whether what is read keeps a text rule; ``note`` says what is wrong."""
    found = features["text"]
    wanted = {name: fill(getattr(rule, name), request) for name in ("contains", "excludes")}
    if None in wanted.values():
        note = f"the request has no value for {rule.contains or rule.excludes}"
        return Measurement.without_score(
            rule.name, Unscored.NO_REFERENCE, note, models=found.models
        )
    stands = " ".join(found.as_it_stands)
    why = _what_is_wrong(rule, found, stands, wanted["contains"] or "", wanted["excludes"] or "")
    return Measurement(
        dimension=rule.name,
        score=0.0 if why else 1.0,
        metrics={"read": found.text[:_SHOWN], "holds": not why, "why": why},
        note=why,
        models=found.models,
    )


def _what_is_wrong(
    rule: TextMeasure, found: TextFound, stands: str, contains: str, excludes: str
) -> str:
    read = repr(found.text[:_SHOWN]) if found.text else "nothing"
    if rule.none and found.lines:
        return f"no text is wanted, but {read} is read"
    if contains and normalised(contains) not in normalised(stands):
        return f"{contains!r} should be read; read is {read}"
    if excludes and normalised(excludes) in normalised(found.text):
        return f"{excludes!r} must not be read"
    if rule.match and re2.search(rule.match, stands) is None:
        return f"what is read does not match {rule.match!r}; read is {read}"
    # a single sign, such as 0 or x, does not tell which way it stands
    turned = [line.text for line in found.lines if not line.upright and len(line.text.strip()) > 1]
    if rule.upright and turned:
        return f"{turned[0][:_SHOWN]!r} is turned or mirrored"
    return ""
