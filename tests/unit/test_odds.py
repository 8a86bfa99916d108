"""The chance to be among the best that pass, against drawing it many times."""

from __future__ import annotations

import numpy as np
import pytest

from sentinelqa.odds import Odds

DRAWS = 20_000


@pytest.mark.parametrize(("ease", "wanted"), [(0.0, 3), (1.0, 2), (-1.0, 2), (4.0, 4)])
def test_a_chance_is_how_often_it_comes_true(ease: float, wanted: int) -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(size=12)
    beside = scores - scores.mean()
    odds = Odds(
        names=("telling",),
        mean=np.zeros(1),
        scale=np.ones(1),
        passing=np.array([ease, 0.7, 0.0]),
        ranking=np.array([0.5, 0.3, 0.0]),
        spread=0.25,
    )

    found = odds.chances([{"telling": float(score)} for score in scores], wanted)

    passed = rng.random((DRAWS, 12)) < 1 / (1 + np.exp(-(ease + 0.7 * beside)))
    ranks = np.where(passed, 0.3 * beside + 0.25 * rng.normal(size=passed.shape), -np.inf)
    places = (-ranks).argsort(axis=1).argsort(axis=1)
    assert found == pytest.approx((passed & (places < wanted)).mean(axis=0), abs=0.02)
