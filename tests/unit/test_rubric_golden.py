"""The shipped rubrics judge their own examples as they say."""

from __future__ import annotations

from pathlib import Path

import pytest

from sentinelqa.errors import SentinelError
from sentinelqa.rubric.loading import load_rubric, read_layers, shipped_rubrics
from sentinelqa.rubric.trials import cases_of, run_examples
from sentinelqa.scorer import dimensions_of, features_of
from sentinelqa.weights import feature_models, resolve

FOLDER = Path(__file__).parents[2] / "rubrics" / "examples"


def missing(name: str) -> str:
    """A model that this machine lacks; CI fetches none."""
    rubric = load_rubric(name)
    try:
        for feature in features_of(rubric, dimensions_of(rubric)):
            for model in feature_models(feature, rubric.models.get(feature)):
                resolve(model)
    except SentinelError as error:
        return str(error)
    return ""


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.full) if name == "marketplace" else name
        for name in sorted(shipped_rubrics())
    ],
)
def test_the_examples_come_out_as_expected(name: str) -> None:
    if reason := missing(name):
        pytest.skip(reason)

    surprises = [one.surprise for one in run_examples(name) if not one.ok]

    assert surprises == []


@pytest.mark.parametrize("name", sorted(shipped_rubrics()))
def test_a_shipped_rubric_shows_what_passes_and_what_fails_and_why(name: str) -> None:
    cases = cases_of(name)

    assert {"pass", "fail"} <= {case.expect for case in cases}
    assert [case.image for case in cases if case.expect == "fail" and not case.because] == []


def test_every_example_picture_belongs_to_a_rubric() -> None:
    used = {
        Path(path).name
        for rubric in shipped_rubrics().values()
        for example in read_layers(rubric)[-1].file.examples
        for path in (example.image, *example.references)
    }

    there = {path.name for path in FOLDER.iterdir() if path.suffix in (".png", ".jpg")}
    assert there == used
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 1_000_000
