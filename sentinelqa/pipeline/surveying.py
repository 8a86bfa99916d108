"""Learns in a run which checks reject much, so that the next candidates are measured cheaply.

Candidates form cohorts. The order in which a cohort is measured follows from those that lie two or
more cohorts before it, and a cohort is not begun before they are judged. So it hangs neither on the
clock nor on which worker is faster, and a run that was killed and resumed measures what an unkilled
one does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from sentinelqa.cascade import Survey, failed_checks, is_surveyed
from sentinelqa.scorer import Scored, ScoreItem
from sentinelqa.types import Candidate, Outcome, Request, Verdict

Failed = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a request stands: its cohort, and what was known of the checks when that began."""

    cohort: int
    survey: Survey


class Surveyor:
    """Hands out what is to be scored, and takes in what came of it.

    Args:
        size: how many positions make a cohort.
        history: (position, candidate id, verdict) of what was judged before this process.
        learning: whether to survey at all; there is no need when everything is measured.
    """

    def __init__(
        self,
        size: int,
        history: Iterable[tuple[int, str, Verdict]] = (),
        *,
        learning: bool = True,
    ) -> None:
        self._size = size
        self._learning = learning
        self._counts: dict[int, Counter[Failed]] = {}
        self._settled: Counter[Failed] = Counter()
        self._latest = Place(-1, Survey())
        self._out: dict[str, int] = {}
        self._unfinished: Counter[int] = Counter()
        for position, candidate, verdict in history:
            self._count(position // size, candidate, verdict)

    def may_begin(self, position: int) -> bool:
        """Whether all that the order at this position follows from is judged."""
        last = position // self._size - 2
        return not any(n for cohort, n in self._unfinished.items() if cohort <= last)

    def place(self, position: int) -> Place:
        """The place of a position that may begin. Asked for in ascending order of positions."""
        cohort = position // self._size
        if cohort != self._latest.cohort:
            for earlier in [c for c in self._counts if c <= cohort - 2]:
                self._settled += self._counts.pop(earlier)
            for done in [c for c in self._unfinished if c <= cohort - 2]:
                del self._unfinished[done]
            self._latest = Place(cohort, Survey.of(self._settled))
        return self._latest

    def item(self, candidate: Candidate, request: Request, path: str, place: Place) -> ScoreItem:
        """The item that scores a candidate, which counts as unfinished until it is taken in."""
        counted = candidate.round <= 1
        if counted:
            self._out[candidate.id] = place.cohort
            self._unfinished[place.cohort] += 1
        return ScoreItem(
            candidate=candidate,
            request=request,
            path=path,
            survey=place.survey,
            in_full=self._learning and counted and is_surveyed(candidate.id),
        )

    def judged(self, scored: Scored) -> None:
        """Take in what came of a candidate."""
        cohort = self._out.pop(scored.candidate.id, None)
        if cohort is not None:
            self._unfinished[cohort] -= 1
            self._count(cohort, scored.candidate.id, scored.verdict)

    def _count(self, cohort: int, candidate: str, verdict: Verdict) -> None:
        if self._learning and is_surveyed(candidate) and verdict.outcome is not Outcome.ERROR:
            self._counts.setdefault(cohort, Counter())[failed_checks(verdict)] += 1
