"""Dropping candidates half way: the bound on good ones lost, and what the rule hangs on."""

from __future__ import annotations

import random

import pytest

from sentinelqa.cascade import ONE_IN
from sentinelqa.screening import Rule, Screener, Screening, Sighting, cutoff_of, fit

SCREENING = Screening(at=0.4, lose=0.1)


def sightings(count: int, seed: int, noise: float = 1.0) -> list[Sighting]:
    """Two scores half way: one tells of the outcome through noise, the other tells nothing."""
    rng = random.Random(seed)
    made = []
    for _ in range(count):
        quality = rng.gauss(0, 1)
        scores = {"telling": quality + rng.gauss(0, noise), "silent": rng.gauss(0, 1)}
        made.append(Sighting(scores, quality > 0.5))
    return made


def test_few_good_candidates_are_lost_and_many_bad_ones_dropped() -> None:
    lost, dropped = [], []
    for seed in range(25):
        rule = fit(sightings(300, seed), SCREENING)
        assert rule is not None
        fresh = sightings(300, 1000 + seed)
        good = [rule.drops(s.scores) for s in fresh if s.passed]
        bad = [rule.drops(s.scores) for s in fresh if not s.passed]
        lost.append(sum(good) / len(good))
        dropped.append(sum(bad) / len(bad))

    assert sum(lost) / len(lost) < 0.11
    assert sum(dropped) / len(dropped) > 0.3


def test_a_score_that_tells_nothing_takes_no_part() -> None:
    rule = fit(sightings(400, 1), SCREENING)

    assert rule is not None
    assert set(rule.ladders) == {"telling"}


def test_of_scores_that_agree_the_cheapest_remains() -> None:
    pilot = [
        Sighting(
            {**s.scores, "dear": s.scores["telling"] * 2, "other": -s.scores["silent"]}, s.passed
        )
        for s in sightings(400, 1)
    ]

    rule = fit(pilot, SCREENING, {"dear": 300.0, "telling": 2.0})

    assert rule is not None
    assert set(rule.ladders) == {"telling"}


def test_a_dear_score_that_adds_something_takes_part() -> None:
    rng = random.Random(4)
    pilot = []
    for _ in range(600):
        one, other = rng.gauss(0, 1), rng.gauss(0, 1)
        scores = {"cheap": one + rng.gauss(0, 0.3), "dear": other + rng.gauss(0, 0.3)}
        pilot.append(Sighting(scores, one > 0 and other > 0))

    rule = fit(pilot, SCREENING, {"dear": 300.0, "cheap": 2.0})

    assert rule is not None
    assert set(rule.ladders) == {"cheap", "dear"}


@pytest.mark.parametrize("noise", [30.0, 100.0])
def test_nothing_is_dropped_where_looking_does_not_pay(noise: float) -> None:
    assert fit(sightings(400, 2, noise), SCREENING) is None


def test_nothing_is_dropped_when_nearly_all_pass() -> None:
    passing = [Sighting({"telling": 1.0 + n % 7}, n % 50 != 0) for n in range(400)]

    assert fit(passing, SCREENING) is None


def test_a_score_that_is_missing_does_not_drop() -> None:
    rule = Rule(ladders={"telling": (1.0, 2.0)}, cutoff=0.9, dropped=0.5)

    assert not rule.drops({})
    assert rule.drops({"telling": 0.5})
    assert not rule.drops({"telling": 4.0})


def test_a_score_that_some_lack_still_takes_part() -> None:
    pilot = [
        Sighting({k: v for k, v in s.scores.items() if n % 5 or k != "telling"}, s.passed)
        for n, s in enumerate(sightings(400, 1))
    ]

    rule = fit(pilot, SCREENING)

    assert rule is not None
    assert set(rule.ladders) == {"telling"}


def test_an_audited_candidate_stands_for_those_that_were_not() -> None:
    alike = [(n / 100, 1) for n in range(100)]

    assert cutoff_of(alike, 0.1) == pytest.approx(0.09)
    assert cutoff_of(alike, 0.1, unseen=4) == pytest.approx(0.05)
    assert cutoff_of([(0.0, 16), *alike], 0.1) == 0.0
    assert cutoff_of([], 0.1) == 0.0


def replayed(seed: int) -> list[bool]:
    """Whether each good candidate under a rule was dropped; those of the pilot look much better
    than those of all later requests."""
    screener, rng = Screener(SCREENING, 16), random.Random(seed)
    made = iter(sightings(8 * 480, seed, noise=0.7))
    lost = []
    for position in range(480):
        rule = screener.rule(position)
        for index in range(8):
            one = next(made)
            if position < 32:
                one = Sighting({"telling": one.scores["telling"] + 1.5 * one.passed}, one.passed)
            dropped = rule is not None and rule.drops(one.scores)
            if rule is not None and one.passed:
                lost.append(dropped)
            if not dropped or rng.randrange(ONE_IN) == 0:
                stands_for = ONE_IN if dropped else 1
                screener.note(position, index, Sighting(one.scores, one.passed, stands_for))
    return lost


def test_after_an_unlucky_pilot_the_cutoff_moves_to_what_was_promised() -> None:
    lost = [replayed(seed) for seed in range(100, 104)]

    early = [dropped for run in lost for dropped in run[:60]]
    late = [dropped for run in lost for dropped in run[-600:]]
    assert sum(early) / len(early) > 0.4
    assert 0.05 < sum(late) / len(late) < 0.18


def test_few_steps_are_made_in_one_go() -> None:
    assert SCREENING.step(8) == 0
    assert SCREENING.step(20) == 8


def test_a_restart_finds_the_same_rules() -> None:
    """Also when later cohorts are finished by then, and whatever order they are read in."""
    pilot = {(n // 8, n % 8): s for n, s in enumerate(sightings(8 * 16 * 6, 5))}
    through = Screener(SCREENING, 16)
    rules = []
    for position in range(96):
        rules.append((through.looks(position), through.rule(position)))
        for index in range(8):
            through.note(position, index, pilot[position, index])
    history = [(p, i, s) for (p, i), s in reversed(pilot.items())]
    restarted = Screener(SCREENING, 16, history)

    assert rules[0] == (True, None)
    assert rules[-1][1] is not None
    assert [(restarted.looks(p), restarted.rule(p)) for p in range(40, 96)] == rules[40:]
