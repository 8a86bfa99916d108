"""Declared costs: every component that is dear has one, and none is of something that is gone."""

from __future__ import annotations

import pytest

from benchmarks.rows import r05_costs
from benchmarks.rows.r05_costs import Measured
from sentinelqa import registry
from sentinelqa.costs import DIMENSIONS, FEATURES


def test_every_feature_has_a_cost_and_every_cost_its_component() -> None:
    entries = {name: registry.features.entry(name) for name in registry.features}
    assert set(FEATURES) == {n for n, e in entries.items() if e.target.startswith("sentinelqa.")}
    assert set(DIMENSIONS) <= set(registry.dimensions)


def test_what_is_off_is_named_whatever_the_machine() -> None:
    fair = [Measured(f"feature {n}", 512, 10.0 * n, 20.0 * n) for n in range(1, 5)]
    dear = Measured("dimension colour", 512, 0.2, 40.0)
    cheap = Measured("dimension resolution", 512, 30.0, 0.7)

    usual, off = r05_costs.misjudged([*fair, dear, cheap])

    assert usual == pytest.approx(2.0)
    assert off == [dear, cheap]


def test_ranks_agree_or_not() -> None:
    assert r05_costs.spearman([1, 2, 3, 4], [10, 20, 30, 40]) == pytest.approx(1)
    assert r05_costs.spearman([1, 2, 3, 4], [40, 30, 20, 10]) == pytest.approx(-1)
    assert r05_costs.spearman([1, 1, 2, 2], [5, 6, 7, 8]) == pytest.approx(0.894, abs=0.001)
