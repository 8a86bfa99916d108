from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from sentinelqa.dimensions.prompt_alignment import PromptAlignment, softmax_share
from sentinelqa.features.base import Features
from sentinelqa.features.prompts import contrasts
from sentinelqa.types import Measurement, ModelUse, Request, Unscored

PROMPT = "a red shoe, white background"


@dataclass(frozen=True)
class Similarities:
    """Cosines by text, as a CLIP value gives them."""

    known: dict[str, float]
    default: float = 0.20
    tokens_cut: float = 0.0
    logit_scale: float = 100.0
    models: tuple[ModelUse, ...] = (ModelUse(id="m", sha256="s"),)

    def cosines(self, texts: Any) -> np.ndarray:
        return np.array([self.known.get(text, self.default) for text in texts])


def measure(value: Similarities, prompt: str = PROMPT) -> Measurement:
    return PromptAlignment().measure(Features({"clip": value}), Request(id="r", prompt=prompt))


def test_the_right_picture_scores_high() -> None:
    result = measure(Similarities({PROMPT: 0.30}))
    assert result.score is not None
    assert result.score > 0.99
    assert not result.uncertain
    assert result.models == (ModelUse(id="m", sha256="s"),)
    assert set(result.metrics) == set(PromptAlignment().metrics)


def test_a_wrong_colour_is_found_though_the_object_is_right() -> None:
    rivals = contrasts(PROMPT)
    blue = "a blue shoe, white background"
    result = measure(Similarities({PROMPT: 0.30, blue: 0.33}))
    assert result.metrics["colour"] == pytest.approx(1 / (1 + np.exp(3)), rel=0.01)
    assert result.metrics["object"] > 0.99
    assert result.score == result.metrics["colour"]
    assert result.metrics["best_rival"] == blue
    assert blue in rivals.other_colours


def test_a_guess_scores_near_nothing() -> None:
    result = measure(Similarities({}))
    assert result.score == pytest.approx(1 / (1 + len(contrasts(PROMPT).other_objects)))
    assert result.uncertain


def test_parts_that_the_prompt_lacks_are_left_out() -> None:
    result = measure(Similarities({}), "three friends laughing together in heavy rain")
    assert {"object", "colour", "background"}.isdisjoint(result.metrics)


def test_no_prompt_is_not_applicable() -> None:
    assert measure(Similarities({}), "  ").unscored is Unscored.NOT_APPLICABLE


def test_a_prompt_that_is_cut_is_uncertain() -> None:
    assert measure(Similarities({PROMPT: 0.4}, tokens_cut=0.5)).uncertain


def test_softmax_share_at_the_ends() -> None:
    assert softmax_share(1.0, [-1.0], 1000.0) == pytest.approx(1.0)
    assert softmax_share(-1.0, [1.0], 1000.0) == pytest.approx(0.0)
    assert softmax_share(0.2, [0.2, 0.2, 0.2], 100.0) == pytest.approx(0.25)
