"""Rounds and deliveries are the same whether everybody is ranked or contenders alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentinelqa.retry import RetryPolicy
from sentinelqa.scheduling import COHORT, Closed, Planned, Ranking, Scheduler
from sentinelqa.types import Candidate, Judged, Outcome, Request, Settings, Verdict

SETTINGS = Settings(model="m")
COUNT = 2 * COHORT + 3


def judged_of(candidate: Candidate, *, whole: bool) -> Judged:
    """Half pass; three quarters of the rank are known at once, and hashes are often alike."""
    bits = candidate.seed >> 7
    known, hidden = bits % 4 / 3, bits // 4 % 5 / 4
    rank, ceiling = (3 * known + hidden) / 4, None
    if not whole:
        rank, ceiling = 3 * known / 4, (3 * known + 1) / 4
    passes = bits // 20 % 2 == 0
    verdict = Verdict(
        outcome=Outcome.PASS if passes else Outcome.FAIL,
        rank=rank,
        ceiling=ceiling if passes else None,
    )
    return Judged(candidate=candidate, verdict=verdict, phash=bits // 40 % 16)


def drive(
    policy: RetryPolicy, seed: int, min_distance: float, *, put_off: bool
) -> tuple[list[tuple[object, ...]], int]:
    """Everything that is planned and closed, and how many candidates were ranked."""
    scheduler = Scheduler(settings=SETTINGS, policy=policy, seed=seed, min_distance=min_distance)
    happened: list[tuple[object, ...]] = []
    ranked = 0

    def note(event: Planned | Closed | Ranking | None) -> None:
        nonlocal ranked
        if isinstance(event, Planned):
            happened.append((event.request.id, event.round.count, event.round.why))
        elif isinstance(event, Closed):
            by_id = {j.candidate.id: j for j in event.judged}
            ranks = [by_id[i].verdict for i in event.selection.delivered]
            happened.append((event.request.id, event.selection, event.stop, ranks))
        elif isinstance(event, Ranking):
            for judged in event.judged:
                assert judged.verdict.ceiling is not None
                ranked += 1
                note(scheduler.ranked(judged_of(judged.candidate, whole=True)))

    position = 0
    while position < COUNT or scheduler.open:
        while position < COUNT and scheduler.may_admit(position):
            request = Request(id=f"r{position}", prompt="p", deliver=1 + position % 3)
            note(scheduler.admit(request, position))
            position += 1
        for candidate in scheduler.take(4, partial=True):
            note(scheduler.judged(judged_of(candidate, whole=not put_off)))
    return happened, ranked


@settings(max_examples=20, deadline=None)
@given(
    policy=st.sampled_from(
        [
            RetryPolicy(first=3, max=12, retries=3),
            RetryPolicy(first=8, max=16, retries=1, give_up_below=0),
            RetryPolicy(first=4, max=4, retries=0, best_of=10),
        ]
    ),
    seed=st.integers(0, 10_000),
    min_distance=st.sampled_from([0.0, 1.5 / 64, 3 / 64]),
)
def test_rounds_and_deliveries_do_not_hang_on_who_is_ranked(
    policy: RetryPolicy, seed: int, min_distance: float
) -> None:
    whole, none = drive(policy, seed, min_distance, put_off=False)
    spared, some = drive(policy, seed, min_distance, put_off=True)

    assert none == 0
    assert some > 0
    assert spared == whole


def test_a_round_that_falls_short_in_any_order_is_followed_before_anybody_is_ranked() -> None:
    scheduler = Scheduler(
        settings=SETTINGS, policy=RetryPolicy(first=2, max=4, retries=1, give_up_below=0), seed=1
    )
    scheduler.admit(Request(id="r", prompt="p", deliver=3), 0)
    events = []
    for candidate in scheduler.take(2, partial=True):
        verdict = Verdict(outcome=Outcome.PASS, rank=0.1, ceiling=0.9)
        events.append(scheduler.judged(Judged(candidate=candidate, verdict=verdict)))
    assert isinstance(events[-1], Planned)

    for candidate in scheduler.take(2, partial=True):
        verdict = Verdict(outcome=Outcome.PASS, rank=0.2, ceiling=1.0)
        events.append(scheduler.judged(Judged(candidate=candidate, verdict=verdict)))
    asked = events[-1]
    assert isinstance(asked, Ranking)
    assert len(asked.judged) == 3
    for judged in asked.judged:
        last = scheduler.ranked(replace(judged, verdict=Verdict(outcome=Outcome.PASS, rank=0.95)))
    assert isinstance(last, Closed)
    assert last.selection.delivered == tuple(j.candidate.id for j in asked.judged)


@pytest.mark.parametrize("wanted", [1, 2])
def test_a_winner_that_is_known_needs_no_ranking_of_the_others(wanted: int) -> None:
    scheduler = Scheduler(
        settings=SETTINGS, policy=RetryPolicy(first=4, max=4, retries=0, best_of=3), seed=1
    )
    scheduler.admit(Request(id="r", prompt="p", deliver=wanted), 0)
    for rank, candidate in zip((0.9, 0.8, 0.1), scheduler.take(3, partial=True), strict=True):
        ceiling = 0.5 if rank == 0.1 else None
        verdict = Verdict(outcome=Outcome.PASS, rank=rank, ceiling=ceiling)
        event = scheduler.judged(Judged(candidate=candidate, verdict=verdict))
    assert isinstance(event, Closed)
