"""Candidates between the two parts of their denoising: looked at, dropped, or gathered to go on."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from sentinelqa.cascade import ONE_IN, is_surveyed
from sentinelqa.generators.stage import PREVIEW_SUFFIX, GenerateItem, HalfwayFiles
from sentinelqa.scorer import Scored, ScoreItem
from sentinelqa.screening import NAME, PREVIEW, Rule, Screener, Sighting
from sentinelqa.types import (
    Candidate,
    Check,
    Measurement,
    Outcome,
    Request,
    Settings,
    Verdict,
)


@dataclass(slots=True)
class _Halted:
    """One candidate on its way, and what is known of it so far."""

    candidate: Candidate
    latents: str
    step: int
    seconds: float
    shape: int
    preview: Measurement | None = None


@dataclass(slots=True)
class Halfway:
    """Everything between the parts. Without a screener nothing is ever halted.

    Attributes:
        batch: the fixed shape in which survivors go on.
    """

    screener: Screener | None
    batch: int
    _positions: dict[str, int] = field(default_factory=dict)
    _rules: dict[str, Rule | None] = field(default_factory=dict)
    _looks: dict[str, bool] = field(default_factory=dict)
    _halted: dict[str, _Halted] = field(default_factory=dict)
    _survivors: dict[Settings, deque[str]] = field(default_factory=dict)

    def opened(self, request_id: str, position: int) -> None:
        """A request is being worked on; asked in ascending order of positions."""
        if self.screener is not None:
            self._positions[request_id] = position
            self._looks[request_id] = self.screener.looks(position)
            self._rules[request_id] = self.screener.rule(position)

    def closed(self, request_id: str) -> None:
        """A request is finished."""
        for known in (self._positions, self._looks, self._rules):
            known.pop(request_id, None)

    def step(self, batch: Sequence[Candidate]) -> int:
        """The step after which this batch is halted; 0 to make it in one go."""
        settings = batch[0].settings
        if self.screener is None or settings is None:
            return 0
        if not any(self._looks[c.request_id] for c in batch):
            return 0
        return self.screener.screening.step(settings.steps)

    def arrived(
        self, item: GenerateItem, files: HalfwayFiles, candidate: Candidate, place: int
    ) -> str:
        """Take in one candidate of a batch that was halted.

        Returns:
            The preview to be scored; empty when it goes on unseen.
        """
        self._halted[candidate.id] = _Halted(
            candidate,
            files.latents[place],
            item.halt,
            files.seconds / len(item.candidates),
            files.shape,
        )
        if self._looks[candidate.request_id]:
            return str(files.previews[place])
        self._go_on(candidate.id)
        return ""

    def telling(self, request_id: str) -> tuple[str, ...]:
        """The dimensions that a look at this request's candidates is decided by; empty in the
        pilot, which asks for all."""
        rule = self._rules[request_id]
        return tuple(rule.ladders) if rule else ()

    def is_preview(self, item: ScoreItem) -> bool:
        """Whether this is the look half way, not the finished image."""
        return item.path.endswith(PREVIEW_SUFFIX)

    def seen(self, scored: Scored) -> Scored | None:
        """Decide about a candidate that was looked at.

        Returns:
            The verdict on a dropped one; ``None`` when it goes on.
        """
        halted = self._halted[scored.candidate.id]
        scores = {m.dimension: m.score for m in scored.measurements if m.score is not None}
        rule = self._rules[scored.candidate.request_id]
        standing, worst = rule.standing(scores) if rule else (1.0, "")
        dropped = rule is not None and rule.drops(scores)
        spared = dropped and is_surveyed(scored.candidate.id)
        halted.preview = Measurement(
            dimension=PREVIEW,
            score=round(standing, 6),
            metrics={**scores, "step": halted.step, "would_drop": dropped},
        )
        if not dropped or spared:
            self._go_on(scored.candidate.id)
            return None
        del self._halted[scored.candidate.id]
        Path(halted.latents).unlink(missing_ok=True)
        steps = halted.candidate.settings.steps if halted.candidate.settings else 0
        reason = (
            f"dropped after step {halted.step} of {steps}: {worst} looked worse than in "
            f"{1 - standing:.0%} of those that passed"
        )
        check = Check(name=NAME, tier="generic", outcome=Outcome.FAIL, reason=reason)
        return replace(
            scored,
            measurements=(halted.preview,),
            verdict=Verdict(outcome=Outcome.FAIL, checks=(check,)),
            image=None,
            phash=None,
        )

    def unseen(self, candidate: Candidate) -> None:
        """The look could not be scored: the candidate goes on."""
        self._go_on(candidate.id)

    def take(self, *, partial: bool) -> GenerateItem | None:
        """Survivors that go on together, a full batch unless ``partial``."""
        for settings, waiting in self._survivors.items():
            if len(waiting) >= self.batch or (partial and waiting):
                chosen = [waiting.popleft() for _ in range(min(self.batch, len(waiting)))]
                if not waiting:
                    del self._survivors[settings]
                halted = [self._halted[c] for c in chosen]
                return GenerateItem(
                    candidates=tuple(h.candidate for h in halted),
                    shape=self.batch,
                    halt=halted[0].step,
                    latents=tuple(h.latents for h in halted),
                )
        return None

    def spent(self, candidate: Candidate) -> float:
        """Device seconds of the first part."""
        halted = self._halted.get(candidate.id)
        return halted.seconds if halted else 0.0

    def finished(self, scored: Scored, request: Request) -> Scored:
        """The result of a finished candidate with what was seen of it half way; the pilot learns
        from it."""
        halted = self._halted.pop(scored.candidate.id, None)
        if halted is None or halted.preview is None:
            return scored
        if self.screener is not None and scored.candidate.round == 1:
            sighting = sighting_of(halted.preview, scored.verdict.outcome)
            if sighting is not None:
                position = self._positions[request.id]
                self.screener.note(position, scored.candidate.index, sighting)
        return replace(scored, measurements=(*scored.measurements, halted.preview))

    def forget(self, candidate_id: str) -> None:
        """A candidate has its verdict."""
        self._halted.pop(candidate_id, None)

    def _go_on(self, candidate_id: str) -> None:
        halted = self._halted[candidate_id]
        assert halted.candidate.settings is not None
        self._survivors.setdefault(halted.candidate.settings, deque()).append(candidate_id)


def sighting_of(preview: Measurement, outcome: Outcome) -> Sighting | None:
    """What the pilot learns from a recorded look; nothing from an outage."""
    if outcome is Outcome.ERROR:
        return None
    scores = {k: v for k, v in preview.metrics.items() if isinstance(v, float)}
    audited = bool(preview.metrics.get("would_drop"))
    return Sighting(scores, outcome is Outcome.PASS, ONE_IN if audited else 1)
