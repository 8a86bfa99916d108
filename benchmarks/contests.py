"""Early rejection replayed where the best of a fixed number are wanted.

    python -m benchmarks.contests

Traces as in ``benchmarks/halfway.py``; the rank of a candidate is its quality. A rule drops within
each request, against its siblings, and what is kept is measured by finishing them on paper: of the
images that all candidates would have given, how many are delivered, and of what choosing the best
gains, how much. The pilot and the requests that are finished whole for an audit are paid for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.halfway import Trace, trace
from sentinelqa.contest import Contests, Loss, loss
from sentinelqa.odds import Entrant, Finished
from sentinelqa.scheduling import COHORT
from sentinelqa.screening import Screening

WANTED, MADE = 4, 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What a run with early rejection cost and kept.

    Attributes:
        denoising: over that of finishing everything.
        later: the same for requests under a rule alone, the audit among them.
        gain: share kept of what choosing the best gains in rank.
        images: share of the images that are delivered all the same.
        audited: share of what audited requests delivered that the rule would have dropped.
    """

    denoising: float
    later: float
    gain: float
    images: float
    audited: float


def replay(data: Trace, screening: Screening, wanted: int = WANTED) -> Kept:
    """One run over a trace, request by request."""
    contests = Contests(screening, COHORT)
    spent: list[tuple[float, bool]] = []
    losses: list[Loss] = []
    winners: list[bool] = []
    for position in range(len(data.passed)):
        rule, whole = contests.rule(position), contests.is_whole(position)
        looked = contests.looks(position)
        finished = _finished(data, position, wanted)
        on = [True] * len(finished.entrants)
        if rule is not None:
            looks = rule.looks([e.scores for e in finished.entrants], wanted)
            on = [not look.drops for look in looks]
        if whole and rule is not None:
            winners += _best(finished, on)
        if whole:
            on = [True] * len(on)
        if whole and looked:
            for index, entrant in enumerate(finished.entrants):
                contests.note(position, index, wanted, entrant)
        losses.append(loss(finished, on))
        share = float(np.mean(on))
        spent.append((share + (1 - share) * screening.at, rule is not None))
    return Kept(
        denoising=float(np.mean([cost for cost, _ in spent])),
        later=float(np.mean([cost for cost, ruled in spent if ruled] or [1.0])),
        gain=1 - sum(one.lost_gain for one in losses) / sum(one.gain for one in losses),
        images=1 - sum(one.lost_images for one in losses) / sum(one.images for one in losses),
        audited=float(np.mean(winners or [False])),
    )


def _finished(data: Trace, position: int, wanted: int) -> Finished:
    return Finished(
        wanted,
        tuple(
            Entrant({"preview": float(preview)}, bool(passed), float(quality))
            for preview, passed, quality in zip(
                data.preview[position], data.passed[position], data.quality[position], strict=True
            )
        ),
    )


def _best(finished: Finished, on: list[bool]) -> list[bool]:
    """Of each candidate that is delivered, whether it would have been dropped."""
    order = sorted(
        (n for n, e in enumerate(finished.entrants) if e.passed),
        key=lambda n: -finished.entrants[n].rank,
    )
    return [not on[n] for n in order[: finished.wanted]]


def compare(
    *,
    passing: float,
    agreement: float,
    at: float = 0.4,
    lose: float = 0.05,
    requests: int = 300,
    seeds: int = 4,
) -> Kept:
    """The mean over a few traces."""
    found = [
        replay(trace(requests, MADE, passing, agreement, seed), Screening(at=at, lose=lose))
        for seed in range(seeds)
    ]

    def mean(name: str) -> float:
        return float(np.mean([getattr(one, name) for one in found]))

    return Kept(
        denoising=mean("denoising"),
        later=mean("later"),
        gain=mean("gain"),
        images=mean("images"),
        audited=mean("audited"),
    )


def main() -> None:
    """Print the table."""
    print(
        f"{'requests':>8}{'passing':>9}{'agreement':>10}{'denoising':>11}{'later':>8}{'gain':>8}"
        f"{'images':>8}{'audited':>9}"
    )
    for requests in (300, 1200):
        for passing in (0.25, 0.5, 1.0):
            for agreement in (0.5, 0.65, 0.8):
                found = compare(passing=passing, agreement=agreement, requests=requests)
                print(
                    f"{requests:>8}{passing:>9.0%}{agreement:>10.2f}{found.denoising:>11.3f}"
                    f"{found.later:>8.3f}{found.gain:>8.1%}{found.images:>8.1%}"
                    f"{found.audited:>9.1%}"
                )


if __name__ == "__main__":
    main()
