"""Candidates per delivered image: the allocator replayed on traces, against what is usual.

    python -m benchmarks.candidates

A trace says for every request which of its candidates would pass. Pass rates per request are as
bimodal as published reward traces have them: Beta(0.3, 0.9) has the 10/25/50/75/90 % quantiles 0,
.01, .10, .42 and .76, where FLUX and SDXL under three rewards have 0, 0, .08, .44 and .78 (the data
of arXiv:2511.22242, a quarter passing). The real scheduler runs over them, in batches of 16.
Compared:

- ``retry``: rounds of 4 K until K passed or the budget is spent;
- ``fixed``: 4 K for everybody;
- ``oracle``: knows every pass rate; requests whose budget would not do on average cost it nothing,
  and with the others it stops at the K-th that passes.

``lost`` is the price: the share of requests that are short, but a full budget would have filled.
A candidate costs one unit of device and scoring time; batches that leave with empty slots cost all
of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sentinelqa.retry import RetryPolicy
from sentinelqa.scheduling import Closed, Scheduler
from sentinelqa.types import Judged, Outcome, Request, Settings, Verdict

BATCH = 16
REQUESTS = 400
SHAPES = {"quarter": (0.3, 0.9), "half": (0.4, 0.4), "alike": (4e6, 6e6)}
"""Name -> the Beta distribution of pass rates; ``alike`` is 40 % for everybody."""
GIVE_UP = (0.02, 0.05, 0.1)
PASSED, FAILED = Verdict(outcome=Outcome.PASS), Verdict(outcome=Outcome.FAIL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One job: K images of at most ``budget`` candidates per request."""

    wanted: int
    budget: int
    first: int
    shape: str


CASES = [
    Case(wanted=k, budget=budget, first=first, shape=shape)
    for k, budget, first in ((15, 180, 15), (2, 12, 2))
    for shape in SHAPES
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What a way of allocating made of a trace."""

    per_image: float
    filled: float
    images: int
    lost: float
    slots: float = 1.0


def traces(case: Case, requests: int, seed: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Pass rates, and requests x budget outcomes."""
    random = np.random.default_rng(seed)
    rates = random.beta(*SHAPES[case.shape], requests)
    return rates, random.random((requests, case.budget)) < rates[:, None]


def adaptive(
    case: Case,
    trace: NDArray[np.bool_],
    give_up_below: float,
    columns: Mapping[str, Sequence[str]] | None = None,
) -> Spent:
    """The scheduler that runs use, on a trace.

    Args:
        columns: of the requests file, by name: what the scheduler may pool requests by.
    """
    policy = RetryPolicy(first=case.first, max=case.budget, retries=10, give_up_below=give_up_below)
    scheduler = Scheduler(settings=Settings(model="trace"), policy=policy, seed=1)
    made = np.zeros(len(trace), int)
    delivered = np.zeros(len(trace), int)

    def note(event: object) -> None:
        if isinstance(event, Closed):
            made[int(event.request.id)] = len(event.judged)
            delivered[int(event.request.id)] = len(event.selection.delivered)

    position = batches = 0
    while True:
        while position < len(trace) and scheduler.may_admit(position):
            metadata = {name: values[position] for name, values in (columns or {}).items()}
            request = Request(id=str(position), deliver=case.wanted, metadata=metadata)
            note(scheduler.admit(request, position))
            position += 1
        batch = scheduler.take(BATCH, partial=False) or scheduler.take(BATCH, partial=True)
        if not batch:
            break
        batches += 1
        for candidate in batch:
            passed = trace[int(candidate.request_id), candidate.index]
            note(
                scheduler.judged(Judged(candidate=candidate, verdict=PASSED if passed else FAILED))
            )
    return _spent(case, trace, made, delivered, slots=batches * BATCH)


def retry_rounds(case: Case, trace: NDArray[np.bool_]) -> Spent:
    """Rounds of 4 K until enough passed."""
    passed = trace.cumsum(1)
    ends = np.minimum(np.arange(1, case.budget + 1) * 4 * case.wanted, case.budget)
    enough = passed[:, ends - 1] >= case.wanted
    made = ends[np.where(enough.any(1), enough.argmax(1), len(ends) - 1)]
    return _spent(case, trace, made, _delivered(case, passed, made))


def fixed(case: Case, trace: NDArray[np.bool_]) -> Spent:
    """4 K candidates for everybody."""
    made = np.full(len(trace), 4 * case.wanted)
    return _spent(case, trace, made, _delivered(case, trace.cumsum(1), made))


def oracle(case: Case, trace: NDArray[np.bool_], rates: NDArray[np.float64]) -> Spent:
    """Knows every pass rate, and is not charged for it."""
    passed = trace.cumsum(1)
    enough = passed >= case.wanted
    made = np.where(enough.any(1), enough.argmax(1) + 1, case.budget)
    made[rates * case.budget < case.wanted] = 0
    return _spent(case, trace, made, _delivered(case, passed, made))


def measure(
    requests: int = REQUESTS,
    seeds: int = 2,
    *,
    wanted: Sequence[int] = (15, 2),
    shapes: Sequence[str] = tuple(SHAPES),
    give_up: Sequence[float] = GIVE_UP,
) -> dict[str, dict[str, float]]:
    """For every case and threshold: cost over each baseline, and the price."""
    found = {}
    for case in CASES:
        if case.wanted not in wanted or case.shape not in shapes:
            continue
        for name, spent, against in _compared(case, requests, seeds, give_up):
            found[f"K={case.wanted} {case.shape} {name}"] = {
                "per_image": spent.per_image,
                "filled": spent.filled,
                "images": spent.images,
                "lost": spent.lost,
                "slots": spent.slots,
                **{f"over_{k}": spent.per_image / v.per_image for k, v in against.items()},
            }
    return found


def _compared(
    case: Case, requests: int, seeds: int, give_up: Sequence[float]
) -> Iterator[tuple[str, Spent, dict[str, Spent]]]:
    drawn = [traces(case, requests, seed) for seed in range(seeds)]
    against = {
        "retry": mean_of([retry_rounds(case, trace) for _, trace in drawn]),
        "fixed": mean_of([fixed(case, trace) for _, trace in drawn]),
        "oracle": mean_of([oracle(case, trace, rates) for rates, trace in drawn]),
    }
    for name, spent in against.items():
        yield name, spent, against
    for share in give_up:
        spent = mean_of([adaptive(case, trace, share) for _, trace in drawn])
        yield f"adaptive {share:g}", spent, against


def _delivered(case: Case, passed: NDArray[np.int_], made: NDArray[np.int_]) -> NDArray[np.int_]:
    there = np.take_along_axis(passed, np.maximum(made - 1, 0)[:, None], 1)[:, 0]
    return np.where(made > 0, np.minimum(there, case.wanted), 0)


def _spent(
    case: Case,
    trace: NDArray[np.bool_],
    made: NDArray[np.int_],
    delivered: NDArray[np.int_],
    slots: int = 0,
) -> Spent:
    paid = slots or int(made.sum())
    fillable = trace.sum(1) >= case.wanted
    return Spent(
        per_image=paid / int(delivered.sum()),
        filled=float((delivered >= case.wanted).mean()),
        images=int(delivered.sum()),
        lost=float((fillable & (delivered < case.wanted)).mean()),
        slots=int(made.sum()) / paid,
    )


def mean_of(several: list[Spent]) -> Spent:
    """The mean over traces."""

    def mean(name: str) -> float:
        return float(np.mean([getattr(s, name) for s in several]))

    return Spent(
        per_image=mean("per_image"),
        filled=mean("filled"),
        images=round(mean("images")),
        lost=mean("lost"),
        slots=mean("slots"),
    )


def main() -> None:
    """Print the table."""
    print(
        f"{'':<28}{'cost/image':>11}{'/retry':>8}{'/fixed':>8}{'/oracle':>9}"
        f"{'filled':>8}{'images':>8}{'lost':>7}{'slots':>7}"
    )
    for name, row in measure().items():
        print(
            f"{name:<28}{row['per_image']:>11.2f}{row['over_retry']:>8.2f}{row['over_fixed']:>8.2f}"
            f"{row['over_oracle']:>9.2f}{row['filled']:>8.1%}{row['images']:>8.0f}"
            f"{row['lost']:>7.1%}{row['slots']:>7.3f}"
        )


if __name__ == "__main__":
    main()
