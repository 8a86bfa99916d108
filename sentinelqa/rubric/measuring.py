"""The arithmetic of custom rules on features. Imported by workers only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sentinelqa.dimensions.colour import dominant, subject_colours, to_hex
from sentinelqa.features.base import Features
from sentinelqa.features.colour import delta_e
from sentinelqa.features.colour_names import basic_name, examples_of, is_hex, lab_of_hex
from sentinelqa.rubric.templates import fill
from sentinelqa.types import Measurement, Request, Unscored

_HALF = 6.0


def probability_of(clip: Any, statement: str, against: Sequence[str]) -> float:
    """The share that a softmax over cosines gives to ``statement``, 0 to 1.

    Args:
        clip: a value of the feature ``clip``.
    """
    texts = [clip.text_embedding(text) for text in (statement, *against)]
    cosines = np.stack(texts).astype(np.float64) @ clip.image_embedding.astype(np.float64)
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
