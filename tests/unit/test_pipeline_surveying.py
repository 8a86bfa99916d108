"""What the order of measuring is learnt from: the same whoever is faster, and after a resume."""

from __future__ import annotations

import random

from sentinelqa.cascade import ONE_IN, is_surveyed
from sentinelqa.pipeline.surveying import Place, Surveyor
from sentinelqa.scorer import Scored
from sentinelqa.types import Candidate, Check, Outcome, Request, Verdict

SIZE = 64
POSITIONS = range(6 * SIZE)


def candidate(position: int, number: int = 0) -> Candidate:
    return Candidate(id=f"{position}-{number}", request_id=str(position), round=number)


def verdict(position: int) -> Verdict:
    outcome = Outcome.FAIL if position % 3 else Outcome.PASS
    check = Check(name=f"check{position % 5}", tier="generic", outcome=outcome)
    return Verdict(outcome=outcome, checks=(check,))


def scored(position: int) -> Scored:
    return Scored.outage(candidate(position), verdict(position))


def play(surveyor: Surveyor, start: int = 0, *, seed: int = 0) -> dict[int, Place]:
    """Hand out in order, take in at random, never more than 100 out."""
    chance = random.Random(seed)
    places: dict[int, Place] = {}
    out: list[int] = []
    for position in POSITIONS[start:]:
        while len(out) >= 100 or not surveyor.may_begin(position):
            surveyor.judged(scored(out.pop(chance.randrange(len(out)))))
        places[position] = surveyor.place(position)
        surveyor.item(candidate(position), Request(id=str(position)), "", places[position])
        out.append(position)
    return places


def test_the_order_in_which_workers_finish_changes_nothing() -> None:
    places = play(Surveyor(SIZE))
    assert places == play(Surveyor(SIZE), seed=1)
    assert not places[2 * SIZE - 1].survey.failed
    counted = sum(n for _, n in places[POSITIONS[-1]].survey.failed)
    assert counted == sum(is_surveyed(candidate(p).id) for p in POSITIONS[: 4 * SIZE])


def test_a_resumed_run_goes_on_with_the_same_orders() -> None:
    places = play(Surveyor(SIZE))
    start = 3 * SIZE + 7
    history = [(p, candidate(p).id, verdict(p)) for p in POSITIONS[:start]]
    resumed = play(Surveyor(SIZE, history), start, seed=2)
    assert resumed == {p: places[p] for p in POSITIONS[start:]}


def test_a_cohort_waits_for_the_one_before_the_last() -> None:
    surveyor = Surveyor(SIZE)
    surveyor.item(candidate(0), Request(id="0"), "", surveyor.place(0))
    assert surveyor.may_begin(2 * SIZE - 1)
    assert not surveyor.may_begin(2 * SIZE)
    surveyor.judged(scored(0))
    assert surveyor.may_begin(2 * SIZE)


def test_few_candidates_are_measured_in_full_and_none_where_there_is_nothing_to_learn() -> None:
    place = Place(0, Surveyor(SIZE).place(0).survey)
    requests = [Request(id=str(p)) for p in POSITIONS]

    def in_full(surveyor: Surveyor, number: int) -> int:
        candidates = [candidate(p, number) for p in POSITIONS]
        items = [surveyor.item(c, r, "", place) for c, r in zip(candidates, requests, strict=True)]
        return sum(i.in_full for i in items)

    assert 0 < in_full(Surveyor(SIZE), 1) < 2 * len(POSITIONS) / ONE_IN
    assert in_full(Surveyor(SIZE), 2) == 0
    assert in_full(Surveyor(SIZE, learning=False), 1) == 0
