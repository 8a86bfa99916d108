"""Retries: another round or a stop, from verdicts alone."""

from __future__ import annotations

import itertools

import pytest

from sentinelqa.retry import (
    LATE,
    Adjustment,
    Change,
    PassRate,
    Recipe,
    RetryPolicy,
    Round,
    Standing,
    Stop,
    adjust,
    chance_of_at_least,
    first_round,
    next_round,
    price_of,
)
from sentinelqa.scheduling import filling
from sentinelqa.types import Candidate, Check, Judged, Outcome, Settings, Verdict

RECIPE = Recipe(settings=Settings(model="m", steps=20, guidance=4.0), prompt="a cup")
POLICY = RetryPolicy(first=8, max=32, retries=3)


def verdict(outcome: Outcome, failed: str = "sharpness") -> Verdict:
    checks = (
        (Check(name=failed, tier="generic", outcome=Outcome.FAIL, reason="low"),)
        if outcome is Outcome.FAIL
        else ()
    )
    return Verdict(outcome=outcome, checks=checks)


def finished(
    passed: int, failed: int, number: int = 1, recipe: Recipe = RECIPE, by: str = "sharpness"
) -> Round:
    outcomes = [Outcome.PASS] * passed + [Outcome.FAIL] * failed
    return Round(
        number=number,
        recipe=recipe,
        count=len(outcomes),
        judged=[
            Judged(
                candidate=Candidate(id=f"{number}-{i}", request_id="r", index=i),
                verdict=verdict(o, by),
            )
            for i, o in enumerate(outcomes)
        ],
    )


def standing(*rounds: Round, wanted: int = 4) -> Standing:
    passed = sum(j.verdict.outcome is Outcome.PASS for r in rounds for j in r.judged)
    return Standing(wanted=wanted, delivered=min(wanted, passed), rounds=rounds)


def test_stops_with_enough() -> None:
    decision = next_round(standing(finished(4, 4)), POLICY)

    assert isinstance(decision, Stop)
    assert decision.kind == "enough"


def test_tops_up_only_what_is_missing() -> None:
    decision = next_round(standing(finished(3, 5)), POLICY)

    assert isinstance(decision, Round)
    assert decision.number == 2
    assert 1 <= decision.count <= 4


def test_stops_when_the_budget_is_spent() -> None:
    policy = RetryPolicy(first=8, max=8, retries=3)

    decision = next_round(standing(finished(3, 5)), policy)

    assert isinstance(decision, Stop)
    assert decision.kind == "budget"


def test_stops_when_the_rounds_are_used() -> None:
    policy = RetryPolicy(first=8, max=64, retries=1)

    decision = next_round(standing(finished(3, 5), finished(0, 2, number=2)), policy)

    assert isinstance(decision, Stop)
    assert decision.kind == "rounds"
    unused, chance = price_of(decision.reason) or (0, 0.0)
    assert unused == 54
    assert chance == pytest.approx(decision.chance, abs=0.0005)


def test_too_small_a_rest_of_the_budget_is_said_plainly() -> None:
    decision = next_round(standing(finished(0, 7)), RetryPolicy(first=7, max=8, retries=3))
    going_on = next_round(
        standing(finished(0, 7)), RetryPolicy(first=7, max=8, retries=3, give_up_below=0.0)
    )

    assert isinstance(decision, Stop)
    assert decision.reason.startswith("1 candidate is left of 8")
    assert isinstance(going_on, Round)


def test_gives_up_a_request_that_will_not_deliver_and_says_the_chance() -> None:
    policy = RetryPolicy(first=24, max=32, retries=3)

    decision = next_round(standing(finished(0, 24)), policy)

    assert isinstance(decision, Stop)
    assert decision.kind == "stalled"
    assert "pass rate" in decision.reason


def test_does_not_give_up_before_an_adjustment_was_tried() -> None:
    policy = RetryPolicy(
        first=24,
        max=32,
        retries=3,
        adjustments=(
            Adjustment(
                fails=("sharpness",), changes=(Change(key="steps", value=10, relative=True),)
            ),
        ),
    )

    decision = next_round(standing(finished(0, 24)), policy)

    assert isinstance(decision, Round)
    assert decision.recipe.settings.steps == 30
    assert "steps +10 because sharpness failed 24 times" in decision.why


def test_an_adjustment_answers_only_what_failed() -> None:
    adjustments = [
        Adjustment(fails=("sharpness",), changes=(Change(key="steps", value=10, relative=True),)),
        Adjustment(
            fails=("prompt_alignment",),
            changes=(
                Change(key="guidance", value=1.5, relative=True),
                Change(key="prompt", value=", in focus", relative=True),
            ),
        ),
    ]

    recipe, why = adjust(finished(0, 4, by="prompt_alignment"), adjustments)

    assert recipe.settings.steps == 20
    assert recipe.settings.guidance == 5.5
    assert recipe.prompt == "a cup, in focus"
    assert "guidance +1.5" in why


def test_a_dimension_stands_for_the_checks_on_its_metrics() -> None:
    wider = Adjustment(fails=("framing",), changes=(Change(key="steps", value=30),))

    recipe, _ = adjust(finished(0, 4, by="framing.fill"), [wider])

    assert recipe.settings.steps == 30


def test_best_of_is_one_fixed_round() -> None:
    policy = RetryPolicy(first=8, max=32, retries=3, best_of=20)

    opening = first_round(RECIPE, 4, policy, PassRate())
    decision = next_round(standing(finished(1, 19)), policy)

    assert opening.count == 20
    assert isinstance(decision, Stop)


def test_the_first_round_shrinks_where_earlier_requests_passed_easily() -> None:
    assert first_round(RECIPE, 4, POLICY, PassRate()).count == 8
    assert first_round(RECIPE, 4, POLICY, PassRate(passed=95, judged=100)).count == 4
    assert first_round(RECIPE, 4, POLICY, PassRate.of_request(10, 100)).count == 8


def test_the_only_round_does_not_shrink() -> None:
    policy = RetryPolicy(first=8, max=8, retries=0)

    assert first_round(RECIPE, 4, policy, PassRate(passed=95, judged=100)).count == 8


def test_hardly_a_candidate_of_a_round_comes_too_late() -> None:
    policy = RetryPolicy(first=20, max=200, retries=10)
    half = standing(finished(10, 10), wanted=20)

    decision = next_round(half, policy)

    assert isinstance(decision, Round)
    assert chance_of_at_least(10, decision.count - 1, 11, 11) <= LATE
    assert chance_of_at_least(10, decision.count, 11, 11) > LATE
    assert 10 < decision.count < 20


def test_a_round_after_which_settings_change_is_sized_to_the_shortfall() -> None:
    adjusting = RetryPolicy(
        first=20,
        max=200,
        retries=3,
        adjustments=(Adjustment(fails=("other",), changes=(Change(key="steps", value=30),)),),
    )

    decision = next_round(standing(finished(10, 10), wanted=20), adjusting)

    assert isinstance(decision, Round)
    assert decision.count == 20


def test_a_job_of_few_requests_tops_up_in_whole_batches() -> None:
    state = standing(finished(7, 1), wanted=8)

    alone = next_round(state, filling(POLICY, batch=16, requests=1))
    many = next_round(state, filling(POLICY, batch=16, requests=500))

    assert isinstance(alone, Round)
    assert alone.count == 16
    assert isinstance(many, Round)
    assert many.count == 1


def test_the_first_round_shrinks_to_half_where_most_requests_are_hopeless() -> None:
    hopeless = PassRate.of_request(0, 50)

    assert first_round(RECIPE, 4, POLICY, hopeless).count == 4


def test_the_prior_is_as_far_apart_as_earlier_requests_were() -> None:
    apart = sum((PassRate.of_request(n, 8) for n in (0, 0, 8, 8)), PassRate())
    alike = sum((PassRate.of_request(4, 8) for _ in range(4)), PassRate())

    assert sum(apart.prior) < 1 < sum(alike.prior)
    assert apart.prior[0] == pytest.approx(apart.prior[1])
    assert PassRate().prior == (1.0, 1.0)


def test_a_round_is_no_longer_than_the_failures_that_would_end_the_request() -> None:
    policy = RetryPolicy(first=40, max=48, retries=9, give_up_below=0.05)

    decision = next_round(standing(finished(0, 8)), policy)

    assert isinstance(decision, Round)
    after = standing(finished(0, 8), finished(0, decision.count, number=2))
    before = standing(finished(0, 8), finished(0, decision.count - 1, number=2))
    assert isinstance(next_round(after, policy), Stop)
    assert isinstance(next_round(before, policy), Round)


def test_the_last_round_uses_what_the_budget_allows() -> None:
    """A request that passes one time in eight must not fail for want of rounds."""
    policy = RetryPolicy(first=8, max=64, retries=1)

    decision = next_round(standing(finished(1, 7)), policy)

    assert isinstance(decision, Round)
    assert decision.count > 30


def test_a_stop_says_what_was_not_used_and_what_it_may_have_cost() -> None:
    policy = RetryPolicy(first=8, max=32, retries=3, give_up_below=0.5)

    decision = next_round(standing(finished(0, 8)), policy)

    assert isinstance(decision, Stop)
    assert decision.unused == 24
    unused, chance = price_of(f"{decision.reason}; 8 failed sharpness") or (0, 0.0)
    assert unused == 24
    assert chance == pytest.approx(decision.chance, abs=0.0005)
    assert price_of("all 32 candidates are used") is None
    assert 0 < decision.chance < 0.5


@pytest.mark.parametrize(
    ("wanted", "tries", "passed", "failed"), [(2, 5, 1, 3), (1, 4, 0, 6), (4, 4, 3, 0)]
)
def test_the_chance_agrees_with_summing_over_the_posterior(
    wanted: int, tries: int, passed: int, failed: int
) -> None:
    """Against a plain numerical integral over the Beta posterior."""
    a, b, grid = passed + 1, failed + 1, 20_000
    weight = total = 0.0
    for i in range(grid):
        p = (i + 0.5) / grid
        density = p ** (a - 1) * (1 - p) ** (b - 1)
        tail = sum(
            _choose(tries, k) * p**k * (1 - p) ** (tries - k) for k in range(wanted, tries + 1)
        )
        weight += density
        total += density * tail

    assert chance_of_at_least(wanted, tries, a, b) == pytest.approx(total / weight, abs=1e-4)


def test_a_round_never_exceeds_the_budget() -> None:
    for passed, failed in itertools.product(range(4), range(20)):
        state = standing(finished(passed, failed + 4))
        decision = next_round(state, POLICY)
        if isinstance(decision, Round):
            assert decision.count <= POLICY.max - (passed + failed + 4)
            assert decision.count >= 4 - passed


def _choose(n: int, k: int) -> int:
    result = 1
    for i in range(k):
        result = result * (n - i) // (i + 1)
    return result
