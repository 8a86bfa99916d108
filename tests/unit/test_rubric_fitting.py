"""The arithmetic of calibration, on numbers."""

from __future__ import annotations

import numpy as np
import pytest

from sentinelqa.rubric.fitting import clopper_pearson, cross_validate, fit, separation, suspects


@pytest.mark.parametrize(
    ("hits", "total", "low", "high"),
    [
        (0, 60, 0.0, 0.05963),
        (60, 60, 0.94037, 1.0),
        (1, 10, 0.00253, 0.44502),
        (5, 10, 0.18709, 0.81291),
        (2, 100, 0.00243, 0.07038),
    ],
)
def test_clopper_pearson_intervals(hits: int, total: int, low: float, high: float) -> None:
    found = clopper_pearson(hits, total)
    assert found == (pytest.approx(low, abs=1e-5), pytest.approx(high, abs=1e-5))


def test_the_interval_of_nothing_is_everything() -> None:
    assert clopper_pearson(0, 0) == (0.0, 1.0)


def test_separation_of_a_clean_cut_and_of_a_coin() -> None:
    low, high = np.linspace(0, 0.4, 20), np.linspace(0.5, 1, 20)
    clean = separation(high, low)
    assert (clean.auc, clean.overlap) == (1.0, 0.0)
    assert clean.adds_something
    same = separation(low, low)
    assert same.auc == 0.5
    assert not same.adds_something
    assert separation(low, high).auc == 0.0
    assert clean.roc[0] == (0.0, 0.0)
    assert clean.roc[-1] == (1.0, 1.0)


def test_roc_rises() -> None:
    rng = np.random.default_rng(0)
    roc = np.array(separation(rng.normal(1, 1, 40), rng.normal(0, 1, 40)).roc)
    assert (np.diff(roc, axis=0) >= 0).all()


def test_fitting_keeps_the_goal_and_prefers_the_cheap_dimension() -> None:
    rng = np.random.default_rng(1)
    good = np.column_stack([rng.uniform(0.6, 1, 50), rng.uniform(0, 1, 50)])
    bad = np.column_stack([rng.uniform(0, 0.5, 50), rng.uniform(0, 1, 50)])
    cuts = fit(good, bad, 0.02)
    assert ((bad >= cuts).all(axis=1)).mean() <= 0.02
    assert ((good >= cuts).all(axis=1)).mean() >= 0.98
    assert 0.5 < cuts[0] < 0.6


@pytest.mark.parametrize("goal", [0.0, 0.05, 0.2, 0.5])
def test_the_goal_holds_on_what_was_fitted_whatever_the_scores(goal: float) -> None:
    rng = np.random.default_rng(2)
    good, bad = rng.uniform(0, 1, (40, 3)), rng.uniform(0, 1, (60, 3))
    cuts = fit(good, bad, goal)
    assert ((bad >= cuts).all(axis=1)).mean() <= goal


def test_images_without_a_score_never_pass() -> None:
    good = np.array([[0.8], [0.9], [-np.inf]] * 5)
    bad = np.array([[0.1], [-np.inf]] * 6)
    cuts = fit(good, bad, 0.0)
    assert np.isfinite(cuts).all()
    assert (good >= cuts).all(axis=1).sum() == 10


def test_cross_validation_does_not_flatter_noise() -> None:
    rng = np.random.default_rng(3)
    good, bad = rng.uniform(0, 1, (60, 4)), rng.uniform(0, 1, (60, 4))
    held = cross_validate(good, bad, 0.02)
    assert held.true_pass.rate - held.false_pass.rate < 0.2
    again = cross_validate(good, bad, 0.02)
    assert (held.bad == again.bad).all()


def test_swapped_labels_are_suspected() -> None:
    rng = np.random.default_rng(4)
    good, bad = rng.uniform(0.7, 1, (40, 2)), rng.uniform(0, 0.4, (40, 2))
    good[3], bad[5] = 0.05, 0.97
    found = {n: separation(good[:, i], bad[:, i]) for i, n in enumerate("ab")}
    held = cross_validate(good, bad, 0.1)
    wrong = {(s.is_good, s.index) for s in suspects("ab", good, bad, held, found)}
    assert (True, 3) in wrong
    assert wrong <= {(True, 3), (False, 5)}
