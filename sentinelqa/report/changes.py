"""Requests that got better or worse from one run to the other."""

from __future__ import annotations

from collections.abc import Sequence

from sentinelqa.report.comparison import RequestRow
from sentinelqa.report.halves import Half

_WORTH = {"fail": 0, "review": 1, "pass": 2}


def request_rows(first: Half, second: Half) -> list[RequestRow]:
    """Per compared request, in the order of the first run."""
    halves = (first, second)
    tallies = [half.tally(half.passed, half.judged) for half in halves]
    got = [half.of_requests("delivered") for half in halves]
    asked = first.of_requests("wanted"), second.of_requests("wanted")
    prompts = dict(zip(first.keys, first.evidence.texts_of_requests("prompt"), strict=True))
    found = []
    for key, place in first.places.items():
        passed = [(int(t.hits[place]), int(t.looked[place])) for t in tallies]
        if first.evidence.scoring_only:
            outcomes = [_outcome(half, place) for half in halves]
            worth: list[float | None] = [_WORTH.get(outcome) for outcome in outcomes]
        else:
            outcomes = [f"{g[place]} of {a[place]}" for g, a in zip(got, asked, strict=True)]
            worth = [
                g[place] / a[place] if a[place] else None for g, a in zip(got, asked, strict=True)
            ]
        found.append(
            RequestRow(
                id=key,
                prompt=prompts[key],
                wanted=int(asked[0][place]),
                standing=_standing(worth),
                got=(outcomes[0], outcomes[1]),
                passed=(passed[0], passed[1]),
            )
        )
    return found


def _outcome(half: Half, place: int) -> str:
    """The best outcome among the images of a request."""
    found = [half.evidence.outcomes[row] for row in half.rows[place]]
    return max(found, key=lambda outcome: _WORTH.get(outcome, -1), default="open")


def _standing(worth: Sequence[float | None]) -> str:
    """An outage says nothing of the image, so it makes a request neither better nor worse."""
    first, second = worth
    if first is None or second is None or first == second:
        return "same"
    return "better" if second > first else "worse"
