"""The numbers that a reader wants first, counted part by part."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sentinelqa.report.evidence import Evidence
from sentinelqa.report.model import Headline


class HeadlineCount:
    """Counts the headline.

    Args:
        evidence: of the whole run.
    """

    def __init__(self, evidence: Evidence) -> None:
        self._run = evidence
        self.outcomes = dict.fromkeys(("pass", "review", "fail", "error", "open"), 0)
        self._requests = dict.fromkeys(("delivered", "short", "error", "open"), 0)
        self._wanted = self._delivered = 0
        self._cost = self._seconds = 0.0

    def add(self, part: Evidence) -> None:
        """Count a part."""
        for outcome in self.outcomes:
            self.outcomes[outcome] += int(part.having(outcome).sum())
        for found in part.texts_of_requests("outcome"):
            self._requests[found or "open"] += 1
        self._wanted += sum(int(number) for number in part.of_requests("wanted"))
        self._delivered += sum(int(number) for number in part.of_requests("delivered"))
        self._cost += float(np.nansum(part.numbers("cost")))
        for name in ("generate_seconds", "score_seconds"):
            self._seconds += float(np.nansum(part.numbers(name)))

    def headline(self) -> Headline:
        """Of all parts."""
        return Headline(
            sentence=self._sentence(),
            requests=self._requests,
            outcomes=self.outcomes,
            wanted=self._wanted,
            delivered=self._delivered,
            candidates=self._run.rows,
            cost=self._cost,
            seconds=self._seconds,
            currency=str(self._run.facts.get("currency") or "device-seconds"),
        )

    def _sentence(self) -> str:
        if self._run.scoring_only:
            return f"{self.outcomes['pass']:,} of {self._run.rows:,} images passed."
        asked = sum(self._requests.values())
        full = f"{self._requests['delivered']:,} of {asked:,} requests are complete"
        return f"{self._delivered:,} of {self._wanted:,} images delivered; {full}."

    def notes(self) -> Iterator[str]:
        """What limits the report."""
        undecided = 0 if self._run.scoring_only else self._requests["open"]
        if self.outcomes["open"] or undecided:
            yield "This run is not finished: the report shows how far it has come."
