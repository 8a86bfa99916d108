"""Dimensions that only rank, measured of candidates that can still be among the best.

A request that is about to be settled names its contenders
(:func:`sentinelqa.selection.contenders`); they are scored once more, from their stored images and
with what is known of them. What is delivered is what ranking everybody would deliver. A run that
was resumed need not know how far its ranking had come: a rank that is not whole follows from the
measurements that are recorded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from sentinelqa.decide import ImageFacts, decide
from sentinelqa.ledger import Ledger
from sentinelqa.retry import Round
from sentinelqa.rubric.model import Rubric
from sentinelqa.scheduling import Ranking
from sentinelqa.scorer import Scored, ScoreItem
from sentinelqa.types import (
    Candidate,
    Judged,
    Measurement,
    Outcome,
    Request,
    StoredImage,
    Unscored,
    Verdict,
)


@dataclass(slots=True)
class Ranker:
    """Makes what scores contenders, and puts together what came of it."""

    rubric: Rubric
    run_dir: Path
    ledger: Ledger
    _asked: dict[str, Judged] = field(default_factory=dict)

    def items(self, ranking: Ranking) -> list[ScoreItem]:
        """What scores the contenders of a request."""
        self._asked |= {judged.candidate.id: judged for judged in ranking.judged}
        return [
            ScoreItem(
                candidate=judged.candidate,
                request=ranking.request,
                path=str(self.run_dir / _image(judged).path),
                ranked=True,
                known=tuple(self.ledger.measurements_of(judged.candidate.id)),
            )
            for judged in ranking.judged
        ]

    def asked(self, item: ScoreItem) -> bool:
        """Whether this scores a contender, which has its verdict already."""
        return item.candidate.id in self._asked

    def whole(self, item: ScoreItem, scored: Scored) -> Scored:
        """The contender with its whole rank, and only what was measured now."""
        judged = self._asked.pop(item.candidate.id)
        known = {m.dimension for m in item.known}
        new = tuple(m for m in scored.measurements if m.dimension not in known)
        return replace(
            scored,
            measurements=new,
            verdict=self._verdict(judged, item.request, (*item.known, *new)),
            image=judged.image,
            phash=judged.phash,
        )

    def outage(self, item: ScoreItem, outage: Scored) -> Scored:
        """A contender that could not be scored: what only ranks has no score, and it stays a pass,
        as when one dimension fails by itself."""
        missing = set(self.rubric.rank) - {m.dimension for m in item.known}
        why = "; ".join(outage.verdict.reasons)
        found = [Measurement.without_score(n, Unscored.ERROR, why) for n in sorted(missing)]
        return self.whole(item, replace(outage, measurements=tuple(found)))

    def resumed(
        self, request: Request, rounds: Sequence[tuple[Round, list[Candidate]]]
    ) -> list[tuple[Round, list[Candidate]]]:
        """Recorded rounds, with what the ranks of their candidates may still become."""
        if not set(self.rubric.rank) - {s for c in self.rubric.checks for s in c.sources}:
            return list(rounds)
        return [
            (replace(done, judged=[self._again(j, request) for j in done.judged]), waiting)
            for done, waiting in rounds
        ]

    def _again(self, judged: Judged, request: Request) -> Judged:
        if judged.verdict.outcome is not Outcome.PASS:
            return judged
        measurements = self.ledger.measurements_of(judged.candidate.id)
        return replace(judged, verdict=self._verdict(judged, request, measurements))

    def _verdict(
        self, judged: Judged, request: Request, measurements: Sequence[Measurement]
    ) -> Verdict:
        image = _image(judged)
        return decide(
            self.rubric,
            {m.dimension: m for m in measurements},
            request,
            ImageFacts(width=image.width, height=image.height),
        )


def _image(judged: Judged) -> StoredImage:
    if judged.image is None:
        raise ValueError(f"candidate {judged.candidate.id} passed without an image")
    return judged.image
