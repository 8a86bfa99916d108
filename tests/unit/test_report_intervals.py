"""Intervals of rates and of their changes: against published numbers, and by simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from sentinelqa.report.intervals import Joint, Tally, change, sign_test, wilson

Counts = NDArray[np.int64]


def test_wilson_limits_are_those_of_newcombes_table() -> None:
    """Newcombe, Statistics in Medicine 17:857 (1998), table I: 81/263, 15/148, 0/20, 1/29."""
    for hits, total, low, high in (
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ):
        assert wilson(hits / total, total) == pytest.approx((low, high), abs=6e-5)


def test_independent_images_give_newcombes_interval_of_a_difference() -> None:
    """Newcombe, Statistics in Medicine 17:873 (1998), table II: 48/80 and 56/70."""
    first = Tally(hits=_ones(48, 150), looked=_ones(80, 150))
    second = Tally(hits=_ones(56, 150, 80), looked=_ones(70, 150, 80))

    found = change(first, second)

    assert found.difference == pytest.approx(0.2)
    assert (found.low, found.high) == pytest.approx((0.0524, 0.3339), abs=0.005)
    assert found.paired == 0
    assert found.direction == 1


def test_requests_in_pieces_give_what_all_of_them_give() -> None:
    rng = np.random.default_rng(1)
    looked = rng.integers(0, 9, (3, 50))
    tallies = [Tally(hits=rng.binomial(row, 0.4), looked=row) for row in looked]
    joint = Joint(3)
    for piece in (slice(0, 7), slice(7, 8), slice(8, 50)):
        joint.add([Tally(hits=t.hits[piece], looked=t.looked[piece]) for t in tallies])

    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert joint.change(one, other) == change(tallies[one], tallies[other])
    assert [joint.looked(n) for n in range(3)] == looked.sum(axis=1).tolist()


def _ones(count: int, size: int, start: int = 0) -> Counts:
    found = np.zeros(size, np.int64)
    found[start : start + count] = 1
    return found


@pytest.mark.parametrize(
    ("requests", "most", "rate", "shift", "spread", "shared"),
    [
        (12, 12, 0.4, 0.0, 0.25, True),
        (30, 12, 0.3, 0.1, 0.25, True),
        (30, 12, 0.4, 0.1, 0.25, False),
        (100, 1, 0.7, 0.1, 0.0, True),
    ],
)
def test_nineteen_of_twenty_intervals_hold_the_truth(
    requests: int, most: int, rate: float, shift: float, spread: float, shared: bool
) -> None:
    rng = np.random.default_rng(5)
    ease = rng.normal(0, spread, 100_000)
    truth = float((np.clip(rate + shift + ease, 0, 1) - np.clip(rate + ease, 0, 1)).mean())
    held = 0
    for _ in range(300):
        ease = rng.normal(0, spread, requests)
        other = ease if shared else rng.normal(0, spread, requests)
        first = _drawn(rng, np.clip(rate + ease, 0, 1), most)
        second = _drawn(rng, np.clip(rate + shift + other, 0, 1), most)
        found = change(first, second)
        held += found.low <= truth <= found.high

    assert 0.9 <= held / 300 <= 1.0


def _drawn(rng: np.random.Generator, rates: NDArray[np.float64], most: int) -> Tally:
    looked = rng.integers(1, most + 1, len(rates))
    return Tally(hits=rng.binomial(looked, rates), looked=looked)


def test_requests_in_common_make_the_interval_narrower() -> None:
    easy, hard = np.array([12, 11, 12, 10] * 4), np.array([1, 0, 2, 1] * 4)
    first = np.concatenate([easy, hard])
    looked = np.full(32, 12)
    same = change(Tally(first - (first > 1), looked), Tally(first, looked))
    mixed = change(Tally(first[::-1] - (first[::-1] > 1), looked), Tally(first, looked))

    assert same.high - same.low < 0.5 * (mixed.high - mixed.low)


def test_all_or_nothing_still_has_an_interval() -> None:
    looked = np.full(5, 6)
    found = change(Tally(np.zeros(5, np.int64), looked), Tally(np.zeros(5, np.int64), looked))

    assert found.low < -0.1
    assert found.high > 0.1
    assert found.direction == 0


def test_nothing_to_look_at_has_no_interval() -> None:
    empty = Tally(np.zeros(3, np.int64), np.zeros(3, np.int64))
    found = change(empty, Tally(np.ones(3, np.int64), np.ones(3, np.int64)))

    assert found.difference is None
    assert math.isnan(found.low)
    assert found.direction == 0


def test_the_sign_test_counts_both_sides() -> None:
    assert sign_test(3, 0) == 0.25
    assert sign_test(0, 3) == 0.25
    assert sign_test(5, 5) == 1.0
    assert sign_test(0, 0) == 1.0
    assert sign_test(9, 1) == pytest.approx(22 / 1024)
    assert sign_test(540, 461) == pytest.approx(sign_test(539, 461), rel=0.1)  # either side of 1000
    assert sign_test(50_000, 50_000) == 1.0
