"""Dropping candidates half way where the best of a fixed number are wanted: what is lost, and what
the rule hangs on."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from sentinelqa.contest import KNOWN, Contest, Contests, Loss, _is_allowed, fit, loss
from sentinelqa.odds import Entrant, Finished
from sentinelqa.screening import Look, Screening

SCREENING = Screening(at=0.4, lose=0.05)
WANTED = 3


def finished(count: int, seed: int, noise: float = 0.6, passing: float = 0.0) -> list[Finished]:
    """Requests of twelve whose level differs; one score half way tells through noise."""
    rng = random.Random(seed)
    made = []
    for _ in range(count):
        level = rng.gauss(0, 1)
        entrants = []
        for _ in range(12):
            quality = level + rng.gauss(0, 1)
            scores = {"telling": quality + rng.gauss(0, noise), "silent": rng.gauss(0, 1)}
            entrants.append(Entrant(scores, quality > passing, 0.5 + quality / 20))
        made.append(Finished(WANTED, tuple(entrants)))
    return made


def kept(rule: Contest, requests: Sequence[Finished]) -> tuple[float, float, float]:
    """Share of the gain, of the images, and of the candidates that go on."""
    on = [
        [not k.drops for k in rule.looks([e.scores for e in f.entrants], WANTED)] for f in requests
    ]
    losses = [loss(f, goes_on) for f, goes_on in zip(requests, on, strict=True)]
    gain = 1 - sum(k.lost_gain for k in losses) / sum(k.gain for k in losses)
    images = 1 - sum(k.lost_images for k in losses) / sum(k.images for k in losses)
    return gain, images, sum(map(sum, on)) / sum(map(len, on))


@pytest.mark.parametrize("passing", [-99.0, 0.0, 1.5])
def test_what_was_promised_is_kept_and_many_are_dropped(passing: float) -> None:
    found = []
    for seed in range(12):
        rule = fit(finished(32, seed, passing=passing), SCREENING)
        assert rule is not None
        found.append(kept(rule, finished(100, 100 + seed, passing=passing)))
    gain, images, going_on = (sum(column) / len(found) for column in zip(*found, strict=True))

    assert gain > 0.945
    assert images > 0.945
    assert going_on < 0.62


def test_what_is_lost_is_counted_place_by_place() -> None:
    of = Finished(2, tuple(Entrant({}, rank > 0.2, rank) for rank in (0.875, 0.5, 0.625, 0.125)))
    gain = 1.5 - 2 * (2 / 3)

    assert loss(of, [True] * 4) == Loss(2, gain)
    assert loss(of, [False, True, True, False]) == Loss(2, gain, 0, 0.375)
    assert loss(of, [True, False, False, True]) == Loss(2, gain, 1, 0.0)
    assert loss(Finished(2, (Entrant({}, False, 0.9),)), [False]) == Loss(0, 0.0)


def test_one_more_request_may_lose_as_much_as_the_worst() -> None:
    none, one, two = (Loss(4, 1.0, lost_images=n) for n in range(3))

    assert _is_allowed([*[none] * 9, one], 0.05)
    assert not _is_allowed([*[none] * 9, two], 0.05)
    assert not _is_allowed([*[none] * 8, one, one], 0.05)
    assert _is_allowed([*[none] * 18, two], 0.05)


def test_a_candidate_is_dropped_beside_better_siblings_and_kept_beside_worse() -> None:
    rule = fit(finished(60, 1), SCREENING)
    assert rule is not None
    middling = {"telling": 0.5, "silent": 0.0}

    def dropped_beside(others: float) -> bool:
        siblings = [{"telling": others + n / 10, "silent": 0.0} for n in range(11)]
        return rule.looks([middling, *siblings], WANTED)[0].drops

    assert dropped_beside(2.0)
    assert not dropped_beside(-2.0)


def test_a_score_that_tells_nothing_takes_no_part() -> None:
    rule = fit(finished(60, 1), SCREENING, {"silent": 5.0})

    assert rule is not None
    assert rule.names == ("telling",)


def test_nothing_is_dropped_where_looking_does_not_pay() -> None:
    assert fit(finished(64, 2, noise=60.0, passing=-99.0), SCREENING) is None


def test_nothing_is_dropped_where_all_are_wanted() -> None:
    every = [Finished(12, f.entrants) for f in finished(40, 3, passing=-99.0)]

    assert fit(every, SCREENING) is None


def test_a_candidate_of_which_nothing_is_known_goes_on() -> None:
    rule = fit(finished(60, 1), SCREENING)
    assert rule is not None
    looks = rule.looks([{}, *({"telling": 3.0 + n, "silent": 0.0} for n in range(11))], WANTED)

    assert (looks[0].standing, looks[0].drops) == (1.0, False)


def test_looks_that_tell_ranks_exactly_rank_siblings_that_are_further_apart() -> None:
    rng = random.Random(1)

    def exact(low: float, high: float) -> Finished:
        ranks = [rng.uniform(low, high) for _ in range(80)]
        return Finished(WANTED, tuple(Entrant({"telling": r}, True, r) for r in ranks))

    rule = fit([exact(0.5, 0.51) for _ in range(16)], SCREENING)
    assert rule is not None
    apart = exact(0.0, 1.0).entrants
    looks = rule.looks([e.scores for e in apart], WANTED)
    best = sorted(range(len(apart)), key=lambda n: -apart[n].rank)

    assert all(0 <= look.standing <= 1 for look in looks)
    assert not any(looks[n].drops for n in best[:2])
    assert all(looks[n].drops for n in best[40:])


def test_ranks_that_are_all_alike_still_bound_the_images() -> None:
    alike = [
        Finished(2, tuple(Entrant(e.scores, e.passed, 1.0) for e in f.entrants))
        for f in finished(48, 5, passing=1.5)
    ]
    rule = fit(alike, SCREENING)

    assert rule is not None
    assert rule.dropped > 0.2


def run(
    contests: Contests, requests: Sequence[Finished], start: int = 0
) -> list[tuple[bool, bool, list[Look]]]:
    """What is decided about each request, all later ones learning from it."""
    decided: list[tuple[bool, bool, list[Look]]] = []
    for position in range(start, len(requests)):
        rule, whole = contests.rule(position), contests.is_whole(position)
        scores = [e.scores for e in requests[position].entrants]
        looks = rule.looks(scores, WANTED) if rule else []
        decided.append((contests.looks(position), whole, looks))
        if whole and contests.looks(position):
            for index, entrant in enumerate(requests[position].entrants):
                contests.note(position, index, WANTED, entrant)
    return decided


def test_a_restart_decides_the_same_whatever_order_the_past_is_read_in() -> None:
    requests = finished(200, 7)
    through = run(Contests(SCREENING, 16), requests)
    wholes = {position for position, (_, whole, _) in enumerate(through) if whole}
    history = [
        (position, index, WANTED, entrant)
        for position in sorted(wholes)
        if position < 192
        for index, entrant in reversed(list(enumerate(requests[position].entrants)))
    ]
    restarted = run(Contests(SCREENING, 16, history), requests, start=176)

    assert wholes >= set(range(32))
    assert 4 < len(wholes - set(range(32))) < 30
    assert restarted == through[176:]


def test_a_run_without_a_rule_that_pays_stops_looking() -> None:
    decided = run(Contests(SCREENING, 16), finished(160, 2, noise=60.0, passing=-99.0))
    looked = [position for position, (looks, _, _) in enumerate(decided) if looks]

    assert looked == list(range(KNOWN + 16))
    assert all(whole for _, whole, _ in decided)


def test_a_long_history_is_not_held() -> None:
    one = finished(1, 1)[0].entrants[0]
    history = ((position, 0, WANTED, one) for position in range(10 * KNOWN))
    contests = Contests(SCREENING, 16, history)
    held = sum(map(len, contests._cohorts.values()))

    assert KNOWN <= held <= KNOWN + 4 * 16
