"""Early rejection replayed: denoising per delivered image with and without it, quota for quota.

    python -m benchmarks.halfway

A trace holds for every candidate whether it would pass and how it looks after the halting step. The
two agree within a request as published rewards do after step 8 of 20 (Spearman .58 to .74
off the shelf, .62 to .84 for rewards trained on noisy predictions; arXiv:2511.22242), and pass
rates are as far apart as there. The real scheduler and the real rule run over it: the pilot, the
audit and every candidate that is finished are paid for. Measured per request with its quota, since
one threshold over all prompts would only keep easy requests from delivering too much.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from sentinelqa.cascade import ONE_IN, is_surveyed
from sentinelqa.retry import RetryPolicy
from sentinelqa.scheduling import COHORT, Closed, Scheduler
from sentinelqa.screening import Screener, Screening, Sighting
from sentinelqa.types import Candidate, Judged, Outcome, Request, Settings, Verdict

BATCH = 16
PASSED, FAILED = Verdict(outcome=Outcome.PASS), Verdict(outcome=Outcome.FAIL)
SPREAD = 1.8
"""Of requests' mean quality over that of candidates within one: gives pass rates per request whose
10/25/50/75/90 % quantiles are 0, 0, .08, .42 and .81 at a quarter passing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """Requests x candidates: quality in the end, and the score half way."""

    passed: NDArray[np.bool_]
    quality: NDArray[np.float64]
    preview: NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """What a run over a trace cost and delivered.

    Attributes:
        denoising: in whole candidates.
        quality: mean of what was delivered.
        lost: share of candidates that would have passed, of those that met the rule, which the rule
            would drop.
    """

    denoising: float
    images: int
    filled: float
    quality: float
    dropped: int
    lost: float


def trace(requests: int, budget: int, passing: float, agreement: float, seed: int) -> Trace:
    """Gaussian quality, with a Spearman correlation of ``agreement`` within a request."""
    random = np.random.default_rng(seed)
    pearson = 2 * np.sin(np.pi * agreement / 6)
    mean = random.normal(0, SPREAD, (requests, 1))
    inner = random.normal(0, 1, (requests, budget))
    noise = random.normal(0, 1, (requests, budget))
    quality = mean + inner
    spread = NormalDist(0, float(np.hypot(SPREAD, 1)))
    bound = spread.inv_cdf(1 - passing) if passing < 1 else -np.inf
    return Trace(
        passed=quality > bound,
        quality=quality,
        preview=mean + pearson * inner + np.sqrt(1 - pearson**2) * noise,
    )


class Replay:
    """One run of the scheduler over a trace."""

    def __init__(self, data: Trace, wanted: int, screening: Screening | None) -> None:
        self._data = data
        self._wanted = wanted
        self._screener = None if screening is None else Screener(screening, COHORT)
        self._rules: dict[int, tuple[bool, object]] = {}
        self._delivered: dict[int, list[int]] = {}
        self.denoising = 0.0
        self.dropped: list[bool] = []
        self.good = 0

    def go(self) -> Outcomes:
        """Every request to its end."""
        policy = RetryPolicy(
            first=4 * self._wanted,
            max=self._data.passed.shape[1],
            retries=10,
            give_up_below=0.05,
        )
        scheduler = Scheduler(settings=Settings(model="trace"), policy=policy, seed=1)
        position = 0
        while True:
            while position < len(self._data.passed) and scheduler.may_admit(position):
                request = Request(id=str(position), deliver=self._wanted)
                self._note(scheduler.admit(request, position))
                position += 1
            batch = scheduler.take(BATCH, partial=True)
            if not batch:
                return self._outcomes()
            for candidate in batch:
                verdict = self._judge(candidate)
                self._note(scheduler.judged(Judged(candidate=candidate, verdict=verdict)))

    def _judge(self, candidate: Candidate) -> Verdict:
        place = int(candidate.request_id), candidate.index
        passed = bool(self._data.passed[place])
        screener = self._screener
        if screener is None or not screener.looks(place[0]):
            self.denoising += 1
            return PASSED if passed else FAILED
        scores = {"preview": float(self._data.preview[place])}
        rule = screener.rule(place[0])
        self.good += passed and rule is not None
        dropped = rule is not None and rule.drops(scores)
        if dropped:
            self.dropped.append(passed)
            if not is_surveyed(candidate.id):
                self.denoising += screener.screening.at
                return FAILED
        self.denoising += 1
        if candidate.round == 1:
            screener.note(*place, Sighting(scores, passed, ONE_IN if dropped else 1))
        return PASSED if passed else FAILED

    def _note(self, event: object) -> None:
        if isinstance(event, Closed):
            chosen = set(event.selection.delivered)
            self._delivered[int(event.request.id)] = [
                j.candidate.index for j in event.judged if j.candidate.id in chosen
            ]

    def _outcomes(self) -> Outcomes:
        quality = [self._data.quality[r, i] for r, found in self._delivered.items() for i in found]
        return Outcomes(
            denoising=self.denoising,
            images=len(quality),
            filled=float(np.mean([len(f) >= self._wanted for f in self._delivered.values()])),
            quality=float(np.mean(quality)),
            dropped=len(self.dropped),
            lost=sum(self.dropped) / max(1, self.good),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """With early rejection over without, per delivered image."""

    denoising: float
    images: float
    quality: float
    dropped: int
    lost: float


def compare(
    *,
    passing: float,
    agreement: float,
    at: float = 0.4,
    lose: float = 0.05,
    wanted: int = 4,
    requests: int = 400,
    seeds: int = 2,
) -> Found:
    """The mean over a few traces."""
    pairs = []
    for seed in range(seeds):
        data = trace(requests, 8 * wanted, passing, agreement, seed)
        whole = Replay(data, wanted, None).go()
        early = Replay(data, wanted, Screening(at=at, lose=lose)).go()
        pairs.append((early, whole))

    def ratio(name: str) -> float:
        return float(np.mean([getattr(e, name) / getattr(w, name) for e, w in pairs]))

    return Found(
        denoising=ratio("denoising") / ratio("images"),
        images=ratio("images"),
        quality=float(np.mean([e.quality - w.quality for e, w in pairs])),
        dropped=sum(e.dropped for e, _ in pairs),
        lost=float(np.mean([e.lost for e, _ in pairs])),
    )


def main() -> None:
    """Print the table."""
    print(
        f"{'passing':>8}{'agreement':>10}{'lose':>6}{'denoising/image':>17}{'images':>8}{'lost':>7}"
    )
    for passing in (0.1, 0.25, 0.5):
        for agreement in (0.45, 0.65, 0.8):
            for lose in (0.05, 0.1):
                found = compare(passing=passing, agreement=agreement, lose=lose)
                print(
                    f"{passing:>8.0%}{agreement:>10.2f}{lose:>6.0%}{found.denoising:>17.3f}"
                    f"{found.images:>8.3f}{found.lost:>7.1%}"
                )


if __name__ == "__main__":
    main()
