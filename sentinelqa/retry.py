"""What a request does next: another round, or stop. Pure, so a resumed run decides the same.

The pass rate of a request is unknown and differs from request to request; most of the waste is in
requests that will not deliver. So it is estimated as a Beta posterior: a prior fitted to earlier
requests, and the request's own verdicts. Rounds are so short that hardly a candidate comes after
the last that was wanted, and no longer than the row of failures that would settle the matter. A
request whose remaining budget will most likely not deliver is given up.
``benchmarks/candidates.py`` replays all of this on traces.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sentinelqa.screening import NAME as EARLY_REJECTION
from sentinelqa.types import Judged, Outcome, Settings

STRENGTH = (0.5, 4.0)
"""The least and the most pseudo-candidates that earlier requests count for. Never many: the next
request may be unlike all before it."""
UNKNOWN_STRENGTH = 2.0
"""Without earlier requests the prior is uniform."""
LATE = 0.2
"""A candidate joins a round unless the request is filled before it with more than this chance."""
LAST_ROUND = 0.9
"""The last round that is allowed is sized to this share of what the whole budget would achieve."""


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
            below this; 0 never gives up. It buys a lower cost per delivered image with requests
            that a full budget would have filled.
        least: candidates of a round after the first, where the budget has them: what fills a
            batch in a job of few requests, whose empty slots would cost as much.
        best_of: generate exactly this many in one round, and take the best; 0 means adaptive.
    """

    first: int
    max: int
    retries: int
    adjustments: tuple[Adjustment, ...] = ()
    give_up_below: float = 0.05
    least: int = 1
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
    """No further round, and why: ``enough``, ``rounds``, ``budget`` or ``stalled``.

    Attributes:
        unused: candidates of the budget that were not made.
        chance: that they would have filled the request; the price of giving it up.
    """

    kind: str
    reason: str
    unused: int = 0
    chance: float = 0.0


_PRICE = re.compile(r"the chance that (\d+) more candidates give the \d+ missing is ([\d.]+)%")


def price_of(reason: str) -> tuple[int, float] | None:
    """The budget that a request did not use and the chance that it would have filled it, from the
    recorded reason of a stop; ``None`` where nothing that was left could have."""
    found = _PRICE.search(reason)
    return (int(found[1]), float(found[2]) / 100) if found else None


@dataclass(frozen=True, slots=True)
class PassRate:
    """Passed and judged candidates of earlier requests, and how far apart those requests are.

    Attributes:
        passed_pairs, judged_pairs: ordered pairs of distinct candidates of one request, where both
            passed and in all. Their ratio estimates the mean of the squared pass rate.
    """

    passed: float = 0
    judged: float = 0
    passed_pairs: float = 0
    judged_pairs: float = 0

    @classmethod
    def of_request(cls, passed: int, judged: int) -> PassRate:
        """What one request's round says."""
        return cls(passed, judged, passed * (passed - 1), judged * (judged - 1))

    @property
    def mean(self) -> float:
        """Posterior mean under a uniform prior."""
        return (self.passed + 1) / (self.judged + 2)

    @property
    def prior(self) -> tuple[float, float]:
        """The Beta distribution with this mean, fitted to the spread between requests.

        Rates are often bimodal: some requests nearly always pass, others never do. The method of
        moments for the beta-binomial (Skellam 1948), with the strength kept within bounds.
        """
        strength = UNKNOWN_STRENGTH
        if self.judged_pairs:
            mean = self.passed / self.judged
            variance = self.passed_pairs / self.judged_pairs - mean**2
            strength = STRENGTH[1]
            if variance > 0:
                strength = mean * (1 - mean) / variance - 1
            strength = min(max(strength, STRENGTH[0]), STRENGTH[1])
        return strength * self.mean, strength * (1 - self.mean)

    def scaled(self, share: float) -> PassRate:
        """The same rates, seen on a share of the candidates."""
        return PassRate(
            self.passed * share,
            self.judged * share,
            self.passed_pairs * share,
            self.judged_pairs * share,
        )

    def __add__(self, other: PassRate) -> PassRate:
        return PassRate(
            self.passed + other.passed,
            self.judged + other.judged,
            self.passed_pairs + other.passed_pairs,
            self.judged_pairs + other.judged_pairs,
        )


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


def first_round(
    recipe: Recipe, wanted: int, policy: RetryPolicy, pooled: PassRate, like: str = ""
) -> Round:
    """The first round: ``policy.first``, or fewer where earlier requests say that fewer will do.

    Either they passed easily, or so many of them are hopeless that a few failures tell; not fewer
    than half for that, because this request may be unlike them, or a quarter where it shares with
    them what tells pass rates apart. Where there is no further round, nothing is saved in this one.

    Args:
        like: what the earlier requests have in common with this one; empty for nothing.
    """
    if policy.best_of:
        return Round(number=1, recipe=recipe, count=policy.best_of, why="best of a fixed number")
    count = min(policy.first, policy.max)
    why = "first round"
    if policy.retries and pooled.judged >= 2 * policy.first:
        needed, telling = _needed(wanted, policy.max, pooled.prior, policy), count
        if not policy.adjustments:
            telling = failures_that_stop(wanted, policy.max, *pooled.prior, policy.give_up_below)
            telling = max(telling, math.ceil(count / (4 if like else 2)))
        if min(needed, telling) < count:
            count = min(needed, telling)
            where = f" where {like}" if like else ""
            why = f"first round, sized to a pass rate of {pooled.mean:.0%} so far{where}"
    return Round(number=1, recipe=recipe, count=count, why=why)


def next_round(standing: Standing, policy: RetryPolicy) -> Round | Stop:
    """Another round for a request whose rounds so far are all judged, or why there is none."""
    rounds = standing.rounds
    short = standing.wanted - standing.delivered
    remaining = policy.max - sum(r.count for r in rounds)
    if short <= 0:
        return Stop(kind="enough", reason="all that was wanted is there", unused=max(0, remaining))
    if policy.best_of:
        return Stop(
            kind="budget", reason=f"the fixed number of {policy.best_of} candidates is used"
        )
    if remaining <= 0:
        return Stop(kind="budget", reason=f"all {policy.max} candidates are used")
    if remaining < short and policy.give_up_below > 0:
        left = "1 candidate is" if remaining == 1 else f"{remaining} candidates are"
        reason = f"{left} left of {policy.max}, and {short} images are missing"
        return Stop(kind="budget", reason=reason, unused=remaining)

    recipe, why = adjust(rounds[-1], policy.adjustments)
    alpha, beta = _posterior(standing, recipe)
    chance = chance_of_at_least(short, remaining, alpha, beta)
    price = f"the chance that {remaining} more candidates give the {short} missing is {chance:.1%}"
    if len(rounds) > policy.retries:
        reason = f"{len(rounds)} rounds are used: {price}"
        return Stop(kind="rounds", reason=reason, unused=remaining, chance=chance)
    if chance < policy.give_up_below:
        reason = f"estimated pass rate {alpha / (alpha + beta):.0%}: {price}"
        return Stop(kind="stalled", reason=reason, unused=remaining, chance=chance)
    count = _top_up(short, remaining, (alpha, beta), policy, left=policy.retries - len(rounds) + 1)
    return Round(number=len(rounds) + 1, recipe=recipe, count=count, why=why)


def _top_up(
    short: int, remaining: int, posterior: tuple[float, float], policy: RetryPolicy, *, left: int
) -> int:
    """How many candidates the next of ``left`` rounds makes.

    As many as the shortfall asks for, cut to steps while there are rounds to take them in: no more
    than a first round, and no more than the failures that would end it. As rounds run out, at least
    half, a quarter, ... of what a last round would need.
    """
    alpha, beta = posterior
    step = min(
        _needed(short, remaining, posterior, policy),
        max(policy.first, short),
        failures_that_stop(short, remaining, alpha, beta, policy.give_up_below),
    )
    last = _enough(short, remaining, alpha, beta)
    share: int = 2 ** (left - 1)
    return min(remaining, max(step, policy.least, math.ceil(last / share)))


def _needed(short: int, most: int, posterior: tuple[float, float], policy: RetryPolicy) -> int:
    """How many candidates the shortfall asks for.

    Where further rounds cost nothing, so few that the last one is hardly ever too late. Where each
    further round changes the settings, as many as will do on average.
    """
    alpha, beta = posterior
    if policy.adjustments:
        return max(short, math.ceil(short * (alpha + beta) / alpha))

    def fills(count: int) -> bool:
        return chance_of_at_least(short, count, alpha, beta) > LATE

    return short + bisect_left(range(short, most), True, key=fills)


def failures_that_stop(
    short: int, remaining: int, alpha: float, beta: float, give_up_below: float
) -> int:
    """After how many failures in a row the rest of ``remaining`` is no longer worth trying."""

    def stops(failures: int) -> bool:
        chance = chance_of_at_least(short, remaining - failures, alpha, beta + failures)
        return chance < give_up_below

    return 1 + bisect_left(range(1, remaining), True, key=stops)


def _enough(short: int, remaining: int, alpha: float, beta: float) -> int:
    """The smallest round that does nearly as well as all that remains."""
    goal = LAST_ROUND * chance_of_at_least(short, remaining, alpha, beta)

    def does(count: int) -> bool:
        return chance_of_at_least(short, count, alpha, beta) >= goal

    return short + bisect_left(range(short, remaining), True, key=does)


def adjust(last: Round, adjustments: Sequence[Adjustment]) -> tuple[Recipe, str]:
    """The recipe of the next round and why it differs from the last one's.

    An adjustment applies when one of the checks it names is behind at least a third of the rejects,
    so that a rare failure does not steer the round; how far rejects were measured otherwise has no
    part in it. The name of a dimension stands for every check on it (``framing`` for
    ``framing.fill``).
    """
    failures: Counter[str] = Counter()
    for judged in last.judged:
        names = [n for n in judged.verdict.failed if n != EARLY_REJECTION]
        failures.update({*names, *(name.partition(".")[0] for name in names)})
    rejects = sum(judged.verdict.outcome is Outcome.FAIL for judged in last.judged)
    recipe, applied = last.recipe, []
    for adjustment in adjustments:
        named = [n for n in adjustment.fails if failures[n] and 3 * failures[n] >= rejects]
        if adjustment.fails and not named:
            continue
        for change in adjustment.changes:
            recipe = _apply(recipe, change)
            cause = f" because {named[0]} failed {failures[named[0]]} times" if named else ""
            applied.append(f"{change}{cause}")
    return recipe, "; ".join(applied) or "new seeds"


def reach(
    start: float, key: str, adjustments: Sequence[Adjustment], retries: int
) -> tuple[float, float]:
    """The least and the most that a number may come to, whatever fails in whichever round."""
    changes = [c for a in adjustments for c in a.changes if c.key == key]
    starts = [start, *(float(c.value) for c in changes if not c.relative)]
    steps = [float(c.value) for c in changes if c.relative]
    down, up = sum(min(s, 0.0) for s in steps), sum(max(s, 0.0) for s in steps)
    return min(starts) + retries * down, max(starts) + retries * up


def chance_of_at_least(wanted: int, tries: int, alpha: float, beta: float) -> float:
    """P(at least ``wanted`` of ``tries`` pass) when the pass rate is Beta(alpha, beta).

    The upper tail of the beta-binomial distribution (Skellam 1948).
    """
    if wanted <= 0:
        return 1.0
    if wanted > tries:
        return 0.0
    log_norm = _log_beta(alpha, beta)

    def exactly(k: int) -> float:
        return math.exp(
            math.lgamma(tries + 1)
            - math.lgamma(k + 1)
            - math.lgamma(tries - k + 1)
            + _log_beta(k + alpha, tries - k + beta)
            - log_norm
        )

    if wanted <= tries // 2:
        return max(0.0, 1.0 - math.fsum(map(exactly, range(wanted))))
    return min(1.0, math.fsum(map(exactly, range(wanted, tries + 1))))


def _posterior(standing: Standing, recipe: Recipe) -> tuple[float, float]:
    """Of the pass rate with ``recipe``: candidates made as the next round would be count, and
    outages say nothing."""
    alpha, beta = standing.pooled.prior
    for judged in (j for r in standing.rounds if r.recipe == recipe for j in r.judged):
        if judged.verdict.outcome is Outcome.PASS:
            alpha += 1
        elif judged.verdict.outcome is not Outcome.ERROR:
            beta += 1
    return alpha, beta


def _apply(recipe: Recipe, change: Change) -> Recipe:
    parts = {"prompt": recipe.prompt, "negative_prompt": recipe.negative_prompt}
    if change.key in parts:
        parts[change.key] = change.apply(parts[change.key])
        return Recipe(settings=recipe.settings, **parts)
    new = change.apply(getattr(recipe.settings, change.key))
    return Recipe(settings=recipe.settings.evolve(**{change.key: new}), **parts)


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
