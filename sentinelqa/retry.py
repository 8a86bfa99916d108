"""What a request does next: another round, or stop. Pure, so a resumed run decides the same.

The pass rate of a request is unknown and differs from request to request; most of the waste is in
requests that will not deliver. So it is estimated as a Beta posterior: a weak prior pooled over
earlier requests, and the request's own verdicts. Top-ups are sized to the shortfall, and a request
whose remaining budget will almost surely not deliver is given up.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sentinelqa.types import Judged, Outcome, Settings

PRIOR_STRENGTH = 2.0
"""Pseudo-candidates that the pooled pass rate of earlier requests counts for. Weak, because pass
rates of requests are far apart; with no earlier request it is the uniform prior."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change to one setting: ``steps: "+10"`` adds, ``steps: 30`` replaces."""

    key: str
    value: float | int | str
    relative: bool = False

    def apply(self, old: Any) -> Any:
        """The new value; text is appended, a number is added or replaced."""
        if not self.relative:
            return self.value
        if isinstance(self.value, str):
            return f"{old}{self.value}"
        return old + self.value

    def __str__(self) -> str:
        if self.relative and not isinstance(self.value, str):
            return f"{self.key} {self.value:+g}"
        return f"{self.key} {'added' if self.relative else '='} {self.value}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjustment:
    """When enough of a round's failures name ``fails``, the next round changes ``changes``.

    ``fails`` holds names of dimensions or rules; empty matches every short round.
    """

    fails: tuple[str, ...]
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """The budget of a request, and how it is spent.

    Attributes:
        first: candidates of the first round.
        max: candidates over all rounds.
        retries: rounds after the first.
        give_up_below: stop when the chance that the rest of the budget fills the request falls
            below this; 0 never gives up.
        best_of: generate exactly this many in one round, and take the best; 0 means adaptive.
    """

    first: int
    max: int
    retries: int
    adjustments: tuple[Adjustment, ...] = ()
    give_up_below: float = 0.02
    best_of: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What a round generates with; the part of a round that adjustments change."""

    settings: Settings
    prompt: str
    negative_prompt: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One finished or planned round of a request."""

    number: int
    recipe: Recipe
    count: int
    why: str = ""
    judged: Sequence[Judged] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """No further round, and why: ``enough``, ``rounds``, ``budget`` or ``stalled``."""

    kind: str
    reason: str


@dataclass(frozen=True, slots=True)
class PassRate:
    """Passed and judged candidates of earlier requests, for the pooled prior."""

    passed: int = 0
    judged: int = 0

    @property
    def mean(self) -> float:
        """Posterior mean under a uniform prior."""
        return (self.passed + 1) / (self.judged + 2)

    def __add__(self, other: PassRate) -> PassRate:
        return PassRate(self.passed + other.passed, self.judged + other.judged)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a request stands between rounds.

    Attributes:
        delivered: distinct candidates that passed and would be delivered now.
        pooled: the pass rate of earlier requests.
    """

    wanted: int
    delivered: int
    rounds: Sequence[Round]
    pooled: PassRate = field(default_factory=PassRate)


def first_round(recipe: Recipe, wanted: int, policy: RetryPolicy, pooled: PassRate) -> Round:
    """The first round, smaller than ``policy.first`` where earlier requests passed easily."""
    if policy.best_of:
        return Round(number=1, recipe=recipe, count=policy.best_of, why="best of a fixed number")
    count = min(policy.first, policy.max)
    why = "first round"
    if pooled.judged >= 2 * policy.first:
        needed = max(wanted, math.ceil(wanted / pooled.mean))
        if needed < count:
            count = needed
            why = f"first round, sized to a pass rate of {pooled.mean:.0%} so far"
    return Round(number=1, recipe=recipe, count=count, why=why)


def next_round(standing: Standing, policy: RetryPolicy) -> Round | Stop:
    """Another round for a request whose rounds so far are all judged, or why there is none."""
    rounds = standing.rounds
    short = standing.wanted - standing.delivered
    used = sum(r.count for r in rounds)
    if short <= 0:
        return Stop(kind="enough", reason="all that was wanted is there")
    if policy.best_of:
        return Stop(
            kind="budget", reason=f"the fixed number of {policy.best_of} candidates is used"
        )
    if len(rounds) > policy.retries:
        return Stop(kind="rounds", reason=f"{len(rounds)} rounds are used")
    remaining = policy.max - used
    if remaining <= 0:
        return Stop(kind="budget", reason=f"all {policy.max} candidates are used")

    recipe, why = adjust(rounds[-1], policy.adjustments)
    passed, failed = _evidence(rounds, recipe)
    alpha = PRIOR_STRENGTH * standing.pooled.mean + passed
    beta = PRIOR_STRENGTH * (1 - standing.pooled.mean) + failed
    chance = chance_of_at_least(short, remaining, alpha, beta)
    rate = alpha / (alpha + beta)
    if chance < policy.give_up_below:
        return Stop(
            kind="stalled",
            reason=f"estimated pass rate {rate:.0%}: the chance that {remaining} more candidates "
            f"give the {short} missing is {chance:.1%}",
        )
    count = min(remaining, max(short, math.ceil(short / rate)), max(policy.first, short))
    return Round(number=len(rounds) + 1, recipe=recipe, count=count, why=why)


def adjust(last: Round, adjustments: Sequence[Adjustment]) -> tuple[Recipe, str]:
    """The recipe of the next round and why it differs from the last one's.

    An adjustment applies when one of the checks it names is behind at least half as many rejects
    as the most frequent one, so that a rare failure does not steer the round. The name of a
    dimension stands for every check on it (``framing`` for ``framing.fill``).
    """
    failures: Counter[str] = Counter()
    for judged in last.judged:
        names = judged.verdict.failed
        failures.update({*names, *(name.partition(".")[0] for name in names)})
    top = max(failures.values(), default=0)
    recipe, applied = last.recipe, []
    for adjustment in adjustments:
        named = [n for n in adjustment.fails if failures[n] and 2 * failures[n] >= top]
        if adjustment.fails and not named:
            continue
        for change in adjustment.changes:
            recipe = _apply(recipe, change)
            cause = f" because {named[0]} failed {failures[named[0]]} times" if named else ""
            applied.append(f"{change}{cause}")
    return recipe, "; ".join(applied) or "new seeds"


def chance_of_at_least(wanted: int, tries: int, alpha: float, beta: float) -> float:
    """P(at least ``wanted`` of ``tries`` pass) when the pass rate is Beta(alpha, beta).

    The upper tail of the beta-binomial distribution (Skellam 1948).
    """
    if wanted <= 0:
        return 1.0
    if wanted > tries:
        return 0.0
    log_norm = _log_beta(alpha, beta)
    return min(
        1.0,
        math.fsum(
            math.exp(
                math.lgamma(tries + 1)
                - math.lgamma(k + 1)
                - math.lgamma(tries - k + 1)
                + _log_beta(k + alpha, tries - k + beta)
                - log_norm
            )
            for k in range(wanted, tries + 1)
        ),
    )


def _evidence(rounds: Sequence[Round], recipe: Recipe) -> tuple[int, int]:
    """Passed and failed candidates made as the next round would be. Outages say nothing."""
    same = [j for r in rounds if r.recipe == recipe for j in r.judged]
    passed = sum(j.verdict.outcome is Outcome.PASS for j in same)
    unsure = sum(j.verdict.outcome is Outcome.ERROR for j in same)
    return passed, len(same) - passed - unsure


def _apply(recipe: Recipe, change: Change) -> Recipe:
    parts = {"prompt": recipe.prompt, "negative_prompt": recipe.negative_prompt}
    if change.key in parts:
        parts[change.key] = change.apply(parts[change.key])
        return Recipe(settings=recipe.settings, **parts)
    new = change.apply(getattr(recipe.settings, change.key))
    return Recipe(settings=recipe.settings.evolve(**{change.key: new}), **parts)


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
