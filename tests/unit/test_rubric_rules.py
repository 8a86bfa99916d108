"""What custom rules measure, on features that stand still, and what is decided from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from sentinelqa.decide import ImageFacts, decide
from sentinelqa.features.base import Features
from sentinelqa.features.foreground import find_foreground
from sentinelqa.features.judge import Verdicts
from sentinelqa.features.pixels import Picture
from sentinelqa.features.reading import Line, TextFound
from sentinelqa.rubric.loading import load_rubric
from sentinelqa.types import Measurement, Request, Unscored, Verdict

REQUEST = Request(id="a", metadata={"label": "ACME Soap", "shade": "#c81e1e"})


@dataclass
class Clip:
    """Unit vectors on a circle, by the angle that each text was given."""

    angles: dict[str, float]
    image: float = 0.0
    logit_scale: float = 20.0
    models: tuple[()] = ()
    asked: list[str] = field(default_factory=list)

    @property
    def image_embedding(self) -> np.ndarray:  # type: ignore[type-arg]
        return np.array([np.cos(self.image), np.sin(self.image)], np.float32)

    def text_embedding(self, text: str) -> np.ndarray:  # type: ignore[type-arg]
        self.asked.append(text)
        angle = self.angles.get(text, 1.0)
        return np.array([np.cos(angle), np.sin(angle)], np.float32)


def measure(
    folder: Path, rule: str, features: dict[str, object], request: Request = REQUEST
) -> tuple[Measurement, Verdict]:
    path = folder / "r.yaml"
    path.write_text(f"name: r\ntiers:\n  custom:\n    - {{name: it, {rule}}}\n", encoding="utf-8")
    rubric = load_rubric(path)
    (one,) = rubric.measures()
    assert set(one.needs) <= set(features)
    found = one.measure(Features(features), request)
    assert set(found.metrics) <= set(one.metrics)
    return found, decide(rubric, {found.dimension: found}, request, ImageFacts(9, 9))


def test_a_statement_that_is_seen_is_rejected(tmp_path: Path) -> None:
    rule = "reject_if_seen: a logo, against: [a wall, a room]"
    near = Clip({"a logo": 0.1, "a wall": 1.2})
    found, verdict = measure(tmp_path, rule, {"clip": near})
    assert near.asked == ["a logo", "a wall", "a room"]
    assert verdict.outcome == "fail"
    assert "the probability of 'a logo' 1" in verdict.reasons[0]
    assert found.score == pytest.approx(1 - float(found.metrics["probability"]))
    far = Clip({"a logo": 1.2, "a wall": 0.1})
    assert measure(tmp_path, rule, {"clip": far})[1].outcome == "pass"


def test_a_statement_that_must_be_seen(tmp_path: Path) -> None:
    rule = "require_seen: a logo, against: a wall, threshold: 0.9"
    equal = Clip({"a logo": 0.5, "a wall": 0.5})
    found, verdict = measure(tmp_path, rule, {"clip": equal})
    assert found.score == pytest.approx(0.5)
    assert verdict.outcome == "fail"


def test_statements_are_declared_for_embedding(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(
        "name: r\ntiers:\n  custom:\n    - {name: it, require_seen: a cat, against: a dog}\n",
        encoding="utf-8",
    )
    assert load_rubric(path).measures()[0].texts == ("a cat", "a dog")


@pytest.mark.parametrize(
    ("near", "outcome"),
    [
        ("'#c81e1e'", "pass"),
        ("red", "pass"),
        ("blue", "fail"),
        ("'{shade}'", "pass"),
        ("'{nothing}'", "fail"),
    ],
)
def test_the_subjects_colour(near: str, outcome: str, tmp_path: Path) -> None:
    rgb = np.full((64, 64, 3), 255, np.uint8)
    rgb[16:48, 16:48] = (200, 30, 30)
    picture = Picture(rgb)
    features = {"pixels": picture, "foreground": find_foreground(picture)}
    rule = f"colour: {{near: {near}, within: 6}}"
    found, verdict = measure(tmp_path, rule, features)
    assert verdict.outcome == outcome
    assert (found.unscored is Unscored.NO_REFERENCE) == (near == "'{nothing}'")


def test_a_colour_without_a_subject_is_undecidable(tmp_path: Path) -> None:
    picture = Picture(np.full((64, 64, 3), 255, np.uint8))
    features = {"pixels": picture, "foreground": find_foreground(picture)}
    assert measure(tmp_path, "colour: {near: red}", features)[0].unscored is Unscored.UNDECIDABLE


def line(text: str, *, mirrored: bool = False) -> Line:
    return Line(text, 0.99, np.zeros((4, 2)), mirrored=mirrored, plain="" if mirrored else text)


@pytest.mark.parametrize(
    ("rule", "lines", "wrong"),
    [
        ("{none: true}", [], ""),
        ("{none: true}", [line("SALE")], "no text is wanted"),
        ("{contains: acme  SOAP}", [line("ACME"), line("Soap 100 g")], ""),
        ("{contains: '{label}'}", [line("ACME Soap")], ""),
        ("{contains: '{label}'}", [line("ACNE Soap")], "'ACME Soap' should be read"),
        ("{contains: ACME}", [line("ACME", mirrored=True)], "should be read"),
        ("{excludes: sale}", [line("Big SALE")], "'sale' must not be read"),
        ("{excludes: sale}", [line("ACME")], ""),
        ("{match: '^[A-Z]{4} \\d+$'}", [line("ACME 100")], ""),
        ("{match: '^[A-Z]{4} \\d+$'}", [line("ACME")], "does not match"),
        ("{upright: true}", [line("ACME")], ""),
        ("{upright: true}", [line("ACME", mirrored=True)], "turned or mirrored"),
        ("{upright: true}", [line("ACME"), line("0", mirrored=True)], ""),
    ],
)
def test_text_rules(rule: str, lines: list[Line], wrong: str, tmp_path: Path) -> None:
    features: dict[str, object] = {"text": TextFound(tuple(lines))}
    found, verdict = measure(tmp_path, f"text: {rule}", features)
    assert found.score == (0.0 if wrong else 1.0)
    assert verdict.outcome == ("fail" if wrong else "pass")
    assert wrong in "".join(verdict.reasons)


@pytest.mark.parametrize(
    ("rule", "yes", "outcome"),
    [
        ("ask: Is it open?", 0.7, "pass"),
        ("ask: Is it open?, threshold: 0.8", 0.7, "fail"),
        ("ask: Is it open?, expect: 'no'", 0.7, "fail"),
        ("ask: Is it open?, expect: no", 0.2, "pass"),
    ],
)
def test_questions_to_judges(rule: str, yes: float, outcome: str, tmp_path: Path) -> None:
    features: dict[str, object] = {"judge": Verdicts({"Is it open?": yes})}
    assert measure(tmp_path, rule, features)[1].outcome == outcome
