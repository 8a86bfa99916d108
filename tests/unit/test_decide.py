"""The decision: precedence, bounds, bands, what unscored means, reasons for people."""

from __future__ import annotations

from pathlib import Path

import pytest

from sentinelqa.decide import ImageFacts, decide, is_decided
from sentinelqa.rubric.loading import load_rubric
from sentinelqa.rubric.model import Rubric
from sentinelqa.types import Check, Measurement, Metric, Outcome, Request, Unscored, Verdict

FACTS = ImageFacts(640, 480)
REQUEST = Request(id="a", prompt="a red mug", metadata={"least": "0.5"})
TEXT = """\
name: t
tiers:
  generic:
    sharpness: {min: 0.45, review: 0.30}
    artifacts:
      - {min: 0.6}
      - {metric: noise, max: 8, review: 10}
      - {metric: blockiness, between: [0, 2], severity: warn}
  custom:
    - {name: wide, require: image.aspect > 1}
    - {name: sharp_enough, require: sharpness.score >= request.least}
    - {name: no_banding, require: artifacts.banding < 5, message: No bands.}
    - {name: doubtful, require: artifacts.banding < 1, severity: review}
rank: {sharpness: 3, artifacts: 1}
"""


@pytest.fixture
def rubric(tmp_path: Path) -> Rubric:
    return _rubric(tmp_path, TEXT)


def _rubric(folder: Path, text: str) -> Rubric:
    path = folder / "t.yaml"
    path.write_text(text, encoding="utf-8")
    return load_rubric(path)


def sharp(score: float) -> Measurement:
    return Measurement(dimension="sharpness", score=score)


def clean(score: float = 0.9, **metrics: Metric) -> Measurement:
    values = {"noise": 1.0, "blockiness": 0.5, "banding": 0.1, **metrics}
    return Measurement(dimension="artifacts", score=score, metrics=values)


def unscored(dimension: str, why: Unscored) -> Measurement:
    return Measurement.without_score(dimension, why, "there is a reason")


def judge(rubric: Rubric, *measurements: Measurement, image: ImageFacts = FACTS) -> Verdict:
    return decide(rubric, {m.dimension: m for m in measurements}, REQUEST, image)


def check(verdict: Verdict, name: str) -> Check:
    return next(c for c in verdict.checks if c.name == name)


def test_all_good_passes_with_a_rank(rubric: Rubric) -> None:
    verdict = judge(rubric, sharp(0.8), clean(0.6))
    assert verdict.outcome is Outcome.PASS
    assert verdict.reasons == ()
    assert verdict.rank == pytest.approx(0.75)


@pytest.mark.parametrize(
    ("score", "outcome"),
    [
        (0.5, Outcome.PASS),
        (0.44996, Outcome.PASS),
        (0.4499, Outcome.REVIEW),
        (0.30, Outcome.REVIEW),
        (0.29996, Outcome.REVIEW),
        (0.2999, Outcome.FAIL),
    ],
)
def test_bounds_and_the_review_band(tmp_path: Path, score: float, outcome: Outcome) -> None:
    rubric = _rubric(
        tmp_path, "name: t\ntiers:\n  generic:\n    sharpness: {min: 0.45, review: 0.3}\n"
    )
    assert judge(rubric, sharp(score)).outcome is outcome


@pytest.mark.parametrize(
    ("noise", "outcome"), [(8, Outcome.PASS), (8.1, Outcome.REVIEW), (10.1, Outcome.FAIL)]
)
def test_an_upper_bound_on_a_metric(rubric: Rubric, noise: float, outcome: Outcome) -> None:
    verdict = judge(rubric, sharp(0.8), clean(noise=noise))
    assert check(verdict, "artifacts.noise").outcome is outcome


def test_reasons_are_sentences_with_numbers(rubric: Rubric) -> None:
    verdict = judge(rubric, sharp(0.2), clean(noise=12.0, banding=7.0))
    shown = "(sharpness.score is 0.2, request.least is 0.5)"
    assert verdict.reasons == (
        "sharpness 0.20 is below 0.45",
        "artifacts.noise 12 levels is above 8",
        f"sharp_enough: sharpness.score >= request.least does not hold {shown}",
        "No bands.",
        "doubtful: artifacts.banding < 1 does not hold (artifacts.banding is 7)",
    )
    assert verdict.failed == ("sharpness", "artifacts.noise", "sharp_enough", "no_banding")


def test_a_near_miss_shows_enough_digits(rubric: Rubric) -> None:
    assert "0.4499 is below 0.45" in judge(rubric, sharp(0.4499), clean()).reasons[0]


def test_a_warning_stops_nothing(rubric: Rubric) -> None:
    verdict = judge(rubric, sharp(0.8), clean(blockiness=3.0))
    assert verdict.outcome is Outcome.PASS
    assert verdict.warnings == ("artifacts.blockiness 3 levels is above 2",)
    assert verdict.reasons == ()


def test_fail_outranks_error_outranks_review(rubric: Rubric) -> None:
    broken = unscored("artifacts", Unscored.ERROR)
    assert judge(rubric, sharp(0.1), broken).outcome is Outcome.FAIL
    assert judge(rubric, sharp(0.8), broken).outcome is Outcome.ERROR
    assert judge(rubric, sharp(0.8), clean(banding=2.0)).outcome is Outcome.REVIEW
    missing = judge(rubric, sharp(0.8))
    assert missing.outcome is Outcome.ERROR
    assert "artifacts was not measured" in missing.reasons


@pytest.mark.parametrize("why", list(Unscored))
@pytest.mark.parametrize("policy", ["fail", "review"])
def test_what_unscored_means(tmp_path: Path, why: Unscored, policy: str) -> None:
    text = f"name: t\ntiers:\n  generic:\n    sharpness: {{min: 0.1}}\non_unscored: {policy}\n"
    verdict = judge(_rubric(tmp_path, text), unscored("sharpness", why))
    assert verdict.outcome == ("error" if why.is_outage else policy)
    assert "there is a reason" in verdict.reasons[0]


@pytest.mark.parametrize("why", list(Unscored))
def test_an_unscored_name_leaves_a_rule_unscored(tmp_path: Path, why: Unscored) -> None:
    text = (
        "name: t\ntiers:\n  custom:\n    - {name: r, require: true || sharpness.score > 0.1}\n"
        "on_unscored: review\n"
    )
    verdict = judge(_rubric(tmp_path, text), unscored("sharpness", why))
    assert verdict.outcome == ("error" if why.is_outage else "review")


def test_a_metric_that_this_image_does_not_have_is_a_fact(rubric: Rubric) -> None:
    measurement = Measurement(dimension="artifacts", score=0.9, metrics={"noise": 1.0})
    verdict = judge(rubric, sharp(0.9), measurement)
    assert check(verdict, "no_banding").outcome is Outcome.FAIL


def test_a_metric_beside_a_missing_score_counts(tmp_path: Path) -> None:
    text = "name: t\ntiers:\n  generic:\n    sharpness: {metric: reblur, min: 0.1}\n"
    measurement = Measurement.without_score(
        "sharpness", Unscored.UNDECIDABLE, "flat", metrics={"reblur": 0.2}
    )
    assert judge(_rubric(tmp_path, text), measurement).outcome is Outcome.PASS


def test_an_image_that_could_not_be_read_is_an_error(tmp_path: Path) -> None:
    text = "name: t\ntiers:\n  custom:\n    - {name: wide, require: image.width > 10}\n"
    rubric = _rubric(tmp_path, text)
    assert judge(rubric, image=ImageFacts()).outcome is Outcome.ERROR
    assert judge(rubric, image=ImageFacts(9, 9)).outcome is Outcome.FAIL


def test_a_missing_column_is_not_a_pass(tmp_path: Path) -> None:
    text = "name: t\ntiers:\n  custom:\n    - {name: r, require: request.colour != 'red'}\n"
    verdict = judge(_rubric(tmp_path, text))
    assert verdict.outcome is Outcome.FAIL
    assert verdict.reasons == ("r could not be decided: there is no request.colour",)


def test_what_was_not_looked_at_has_no_outcome(rubric: Rubric) -> None:
    verdict = judge(rubric, sharp(0.1))
    assert check(verdict, "artifacts").outcome is None
    assert "artifacts" not in " ".join(verdict.reasons)


def test_scoring_may_stop_at_the_first_failure_only(rubric: Rubric) -> None:
    assert is_decided(rubric, {"sharpness": sharp(0.1)}, REQUEST, FACTS)
    assert not is_decided(rubric, {"sharpness": sharp(0.8)}, REQUEST, FACTS)
    assert not is_decided(rubric, {}, REQUEST, FACTS)


def test_rank_uses_what_was_measured(rubric: Rubric) -> None:
    broken = unscored("artifacts", Unscored.UNDECIDABLE)
    assert judge(rubric, sharp(0.8), broken).rank == pytest.approx(0.8)
    assert judge(rubric).rank == 0.0


def test_without_weights_rank_is_the_mean_of_all_scores(tmp_path: Path) -> None:
    text = "name: t\ntiers:\n  generic:\n    sharpness: {min: 0.1}\n    artifacts: {min: 0.1}\n"
    assert judge(_rubric(tmp_path, text), sharp(0.8), clean(0.4)).rank == pytest.approx(0.6)
