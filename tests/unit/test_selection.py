"""Selection: the best that passed, distinct, with deterministic ties."""

from __future__ import annotations

import pytest

from sentinelqa.selection import select
from sentinelqa.types import Candidate, Judged, Outcome, Verdict


def judged(
    index: int, rank: float, outcome: Outcome = Outcome.PASS, phash: int | None = None
) -> Judged:
    return Judged(
        candidate=Candidate(id=f"c{index}", request_id="r", index=index),
        verdict=Verdict(outcome=outcome, rank=rank),
        phash=phash,
    )


def test_takes_the_best_that_passed_and_nothing_else() -> None:
    pool = [
        judged(0, 0.2),
        judged(1, 0.9, Outcome.FAIL),
        judged(2, 0.8),
        judged(3, 0.95, Outcome.REVIEW),
        judged(4, 0.99, Outcome.ERROR),
        judged(5, 0.5),
    ]

    assert select(pool, 2).delivered == ("c2", "c5")


def test_ties_go_to_the_lower_index_whatever_the_order() -> None:
    pool = [judged(i, 0.5) for i in range(4)]

    assert select(pool, 2).delivered == select(reversed(pool), 2).delivered == ("c0", "c1")


def test_a_near_duplicate_gives_way_to_the_better_one() -> None:
    pool = [judged(0, 0.9, phash=0b0), judged(1, 0.8, phash=0b111), judged(2, 0.7, phash=2**64 - 1)]

    selection = select(pool, 3, min_distance=0.08)

    assert selection.delivered == ("c0", "c2")
    assert selection.duplicates == {"c1": "c0"}


def test_six_of_sixty_four_bits_are_far_enough() -> None:
    pool = [judged(0, 0.9, phash=0), judged(1, 0.8, phash=0b111111)]

    assert select(pool, 2, min_distance=0.08).delivered == ("c0", "c1")


def test_without_a_hash_a_candidate_is_distinct() -> None:
    pool = [judged(0, 0.9), judged(1, 0.8)]

    assert select(pool, 2, min_distance=0.5).delivered == ("c0", "c1")


def test_a_negative_number_is_refused() -> None:
    with pytest.raises(ValueError, match="-1"):
        select([], -1)
