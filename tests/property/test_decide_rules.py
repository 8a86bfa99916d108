"""What must hold of every decision, whatever the measurements."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from sentinelqa.decide import ImageFacts, decide, is_decided
from sentinelqa.rubric.loading import load_rubric
from sentinelqa.rubric.model import Rubric
from sentinelqa.types import Measurement, Outcome, Request, Unscored

DIMENSIONS = ("artifacts", "sharpness", "prompt_alignment")
FACTS = ImageFacts(64, 48)
REQUEST = Request(id="a", metadata={"least": 0.2})
TEXT = """\
name: t
tiers:
  generic:
    artifacts:
      - {{min: {artifacts}, review: {review}}}
      - {{metric: noise, max: 8, severity: warn}}
    sharpness: {{min: {sharpness}}}
    prompt_alignment: {{min: {alignment}, severity: review}}
  custom:
    - {{name: both, require: artifacts.score + sharpness.score >= 0.4}}
    - {{name: enough, require: prompt_alignment.score >= request.least}}
on_unscored: {policy}
"""

scores = st.floats(0, 1)
levels = st.integers(0, 20).map(lambda n: n / 20)


@st.composite
def measurements(draw: st.DrawFn) -> dict[str, Measurement]:
    found = {}
    for name in draw(st.lists(st.sampled_from(DIMENSIONS), unique=True)):
        metrics = {"noise": draw(st.floats(0, 20))} if draw(st.booleans()) else {}
        why = draw(st.sampled_from([None, None, None, *Unscored]))
        found[name] = (
            Measurement(dimension=name, score=draw(scores), metrics=metrics)
            if why is None
            else Measurement.without_score(name, why, "why", metrics=metrics)
        )
    return found


@cache
def _rubric(values: tuple[tuple[str, object], ...]) -> Rubric:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.yaml"
        path.write_text(TEXT.format(**dict(values)), encoding="utf-8")
        return load_rubric(path)


@st.composite
def rubrics(draw: st.DrawFn) -> dict[str, object]:
    artifacts = draw(levels)
    return {
        "artifacts": artifacts,
        "review": round(artifacts * draw(st.sampled_from([0.5, 0.8, 1.0])), 3),
        "sharpness": draw(levels),
        "alignment": draw(levels),
        "policy": draw(st.sampled_from(["fail", "review"])),
    }


def build(values: Mapping[str, object]) -> Rubric:
    return _rubric(tuple(sorted(values.items())))


@settings(deadline=None)  # the first use of a rubric reads a file
@given(values=rubrics(), found=measurements())
def test_nothing_passes_that_was_not_measured(
    values: dict[str, object], found: dict[str, Measurement]
) -> None:
    verdict = decide(build(values), found, REQUEST, FACTS)
    if verdict.outcome is Outcome.PASS:
        assert all(found[name].score is not None for name in DIMENSIONS)


@settings(deadline=None)  # the first use of a rubric reads a file
@given(values=rubrics(), found=measurements(), data=st.data())
def test_stopping_at_a_failure_changes_no_outcome(
    values: dict[str, object], found: dict[str, Measurement], data: st.DataObject
) -> None:
    rubric = build(values)
    order = data.draw(st.permutations(sorted(found)))
    so_far: dict[str, Measurement] = {}
    for name in order:
        so_far[name] = found[name]
        if is_decided(rubric, so_far, REQUEST, FACTS):
            break
    full = decide(rubric, found, REQUEST, FACTS)
    early = decide(rubric, so_far, REQUEST, FACTS)
    assert early.outcome == full.outcome
    assert set(early.failed) <= set(full.failed)
    assert not (len(so_far) < len(found)) or early.outcome is Outcome.FAIL


@settings(deadline=None)  # the first use of a rubric reads a file
@given(values=rubrics(), found=measurements(), raised=st.integers(1, 10))
def test_a_stricter_rubric_passes_no_more(
    values: dict[str, object], found: dict[str, Measurement], raised: int
) -> None:
    stricter = {**values, "sharpness": min(1.0, float(str(values["sharpness"])) + raised / 20)}
    verdict = decide(build(stricter), found, REQUEST, FACTS)
    if verdict.outcome is Outcome.PASS:
        assert decide(build(values), found, REQUEST, FACTS).outcome is Outcome.PASS


@settings(deadline=None)  # the first use of a rubric reads a file
@given(values=rubrics(), found=measurements())
def test_the_order_of_measurements_does_not_matter(
    values: dict[str, object], found: dict[str, Measurement]
) -> None:
    rubric = build(values)
    backwards = dict(reversed(found.items()))
    assert decide(rubric, found, REQUEST, FACTS) == decide(rubric, backwards, REQUEST, FACTS)


@settings(deadline=None)  # the first use of a rubric reads a file
@given(values=rubrics(), found=measurements())
def test_every_outcome_has_its_reason(
    values: dict[str, object], found: dict[str, Measurement]
) -> None:
    verdict = decide(build(values), found, REQUEST, FACTS)
    assert bool(verdict.reasons) == (verdict.outcome is not Outcome.PASS)
    assert all(verdict.reasons)
    assert 0 <= verdict.rank <= 1
