"""What pooling over similar requests is worth: ``benchmarks/candidates.py`` with columns.

    python -m benchmarks.alike

The traces are those of rows 2 and 3. To each request come three columns of a requests file: one
that names it, one that says nothing, and ``category``, eight groups of equal size, formed by the
order of the pass rates themselves (``all``), of these with noise added (``part``), or by chance
(``none``). Nobody tells the scheduler which column counts.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from benchmarks.candidates import CASES, REQUESTS, Case, Spent, adaptive, mean_of, traces

GIVE_UP = 0.1
GROUPS = 8
NOISE = {"all": 0.0, "part": 0.35, "none": 1e6}
"""How much of the spread groups explain -> deviation that is added to pass rates before they are
sorted into groups."""


def columns(rates: NDArray[np.float64], tells: str, seed: int) -> dict[str, list[str]]:
    """The columns of a requests file for requests of these pass rates."""
    random = np.random.default_rng(1000 + seed)
    noisy = rates + NOISE[tells] * random.standard_normal(len(rates))
    groups = np.argsort(np.argsort(noisy)) * GROUPS // len(rates)
    return {
        "sku": [f"sku-{n}" for n in range(len(rates))],
        "colour": [f"colour-{n}" for n in random.integers(0, 6, len(rates))],
        "category": [f"category-{n}" for n in groups],
    }


def compared(case: Case, requests: int = REQUESTS, seeds: int = 2) -> Iterator[tuple[str, Spent]]:
    """What a case costs with one prior for all, and then with columns that tell more or less."""
    drawn = [traces(case, requests, seed) for seed in range(seeds)]
    yield "one prior", mean_of([adaptive(case, trace, GIVE_UP) for _, trace in drawn])
    for tells in NOISE:
        yield (
            tells,
            mean_of(
                [
                    adaptive(case, trace, GIVE_UP, columns(rates, tells, seed))
                    for seed, (rates, trace) in enumerate(drawn)
                ]
            ),
        )


def main() -> None:
    """Print the table."""
    print(f"{'':<28}{'cost/image':>11}{'/one prior':>11}{'filled':>8}{'images':>8}{'lost':>7}")
    for case in CASES:
        whole = None
        for tells, spent in compared(case, seeds=4):
            whole = whole or spent
            print(
                f"{f'K={case.wanted} {case.shape} {tells}':<28}{spent.per_image:>11.2f}"
                f"{spent.per_image / whole.per_image:>11.3f}{spent.filled:>8.1%}"
                f"{spent.images:>8.0f}{spent.lost:>7.1%}"
            )


if __name__ == "__main__":
    main()
