"""Judging columns says of every row what judging one candidate says."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from sentinelqa.decide import ImageFacts, decide, request_value
from sentinelqa.rubric.columns import CODES, judge
from sentinelqa.rubric.loading import load_rubric
from sentinelqa.rubric.model import Rubric
from sentinelqa.types import Measurement, Metric, Request, Unscored

RULES = (
    "sharpness.score >= 0.5",
    "abs(sharpness.reblur - 0.3) <= artifacts.noise / 10",
    "artifacts.noise / (sharpness.score - 0.5) > 1 || sharpness.score == 0.5",
    "1 / artifacts.noise > 0.2 && artifacts.noise < 9",
    "!(1 / artifacts.noise > 0.2)",
    "artifacts.worst == 'noise' || artifacts.blank",
    "!artifacts.blank && artifacts.worst.startsWith('b')",
    "artifacts.worst in ['noise', request.colour]",
    "request.size <= image.width ? artifacts.noise < 5 : true",
    "size(request.references) == 1 && request.colour != 'red'",
    "'a.png' in request.references",
    "min(sharpness.score, artifacts.score, 0.4) * 2 >= 0.5",
    "(max(artifacts.noise, 3) - 1 >= 2) == true",
    "image.aspect > 1 || image.megapixels >= 0.003",
    "request.colour.contains('e') && size(request.colour) > 3",
    "-sharpness.reblur < -0.2",
)

share = st.integers(0, 20).map(lambda n: n / 20)


class Rows:
    """Measurements of some candidates as columns."""

    def __init__(self, found: Sequence[tuple[dict[str, Measurement], Request, ImageFacts]]) -> None:
        self._found = found
        self.rows = len(found)

    def value(self, dimension: str, metric: str) -> NDArray[Any]:
        values = []
        for measurements, _, _ in self._found:
            one = measurements.get(dimension)
            value = one and (one.metrics.get(metric) if metric else one.score)
            values.append(value)
        if any(isinstance(v, str) for v in values):
            return np.array(values, object)
        return np.array([np.nan if v is None else float(v) for v in values])

    def measured(self, dimension: str) -> NDArray[np.bool_]:
        return np.array([dimension in m for m, _, _ in self._found])

    def outage(self, dimension: str) -> NDArray[np.bool_]:
        reasons = [m[dimension].unscored if dimension in m else None for m, _, _ in self._found]
        return np.array([r is not None and r.is_outage for r in reasons])

    def image(self, name: str) -> NDArray[np.float64]:
        return np.array([f.value(name) if f.height else np.nan for _, _, f in self._found])

    def request(self, name: str) -> Sequence[Any]:
        return [request_value(r, name) for _, r, _ in self._found]


@cache
def build(rule: str, policy: str, severity: str) -> Rubric:
    text = f"""\
name: t
tiers:
  generic:
    sharpness: {{min: 0.5, review: 0.3}}
    artifacts:
      - {{metric: noise, max: 8, review: 9}}
      - {{min: 0.2, severity: {severity}}}
  custom:
    - name: rule
      require: "{rule}"
      severity: {severity}
rank: {{sharpness: 2, artifacts: 1}}
on_unscored: {policy}
"""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.yaml"
        path.write_text(text, encoding="utf-8")
        return load_rubric(path)


@st.composite
def candidates(draw: st.DrawFn) -> tuple[dict[str, Measurement], Request, ImageFacts]:
    found = {}
    metrics: dict[str, dict[str, Metric]] = {
        "sharpness": {"reblur": draw(share)},
        "artifacts": {
            "noise": draw(st.integers(0, 10)) * 1.0,
            "worst": draw(st.sampled_from(["noise", "banding"])),
            "blank": draw(st.booleans()),
        },
    }
    for name, values in metrics.items():
        kept = {k: v for k, v in values.items() if draw(st.integers(0, 9))}
        why = draw(st.sampled_from([None, None, None, None, *Unscored, "missing"]))
        if why is None:
            found[name] = Measurement(dimension=name, score=draw(share), metrics=kept)
        elif why != "missing":
            found[name] = Measurement.without_score(name, why, "why", metrics=kept)
    columns = {"colour": draw(st.sampled_from(["red", "green"])), "size": draw(st.integers(1, 90))}
    request = Request(
        id="a",
        references=draw(st.sampled_from([(), ("a.png",), ("b.png", "c.png")])),
        metadata={k: v for k, v in columns.items() if draw(st.integers(0, 9))},
    )
    image = draw(st.sampled_from([ImageFacts(64, 48), ImageFacts(48, 64), ImageFacts()]))
    return found, request, image


@settings(deadline=None, max_examples=300)  # the first use of a rubric reads a file
@given(
    found=st.lists(candidates(), min_size=1, max_size=8),
    rule=st.sampled_from(RULES),
    policy=st.sampled_from(["fail", "review"]),
    severity=st.sampled_from(["fail", "review", "warn"]),
)
def test_columns_agree_with_single_decisions(
    found: list[tuple[dict[str, Measurement], Request, ImageFacts]],
    rule: str,
    policy: str,
    severity: str,
) -> None:
    rubric = build(rule, policy, severity)
    judged = judge(rubric, Rows(found))
    for row, (measurements, request, image) in enumerate(found):
        verdict = decide(rubric, measurements, request, image)
        assert CODES[judged.outcome[row]] is verdict.outcome
        assert judged.rank[row] == verdict.rank
        for codes, check in zip(judged.checks, verdict.checks, strict=True):
            if check.outcome is not None:
                assert CODES[codes[row]] is check.outcome
