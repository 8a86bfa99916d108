"""The values that flow through the pipeline. Frozen, and made of the standard library alone.

They follow the data: a :class:`Request` leads to :class:`Candidate`\\ s, a candidate to
:class:`Measurement`\\ s, measurements to a :class:`Verdict`, verdicts to a :class:`Selection`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any, Literal

from sentinelqa.pickling import portable

Metric = float | int | bool | str
"""One named quantity of a measurement, in real units (stops, degrees, ΔE, a count, a word)."""

Tier = Literal["generic", "use_case", "custom"]
TIERS: tuple[Tier, ...] = ("generic", "use_case", "custom")


class Outcome(StrEnum):
    """What was decided for one candidate."""

    PASS = "pass"
    FAIL = "fail"
    REVIEW = "review"
    ERROR = "error"


class RequestOutcome(StrEnum):
    """What became of one request."""

    DELIVERED = "delivered"
    SHORT = "short"
    ERROR = "error"


class Unscored(StrEnum):
    """Why a dimension gave no score. Only the last two are outages; the others are facts."""

    NO_REFERENCE = "no_reference"
    NOT_APPLICABLE = "not_applicable"
    UNDECIDABLE = "undecidable"
    MODEL_MISSING = "model_missing"
    ERROR = "error"

    @property
    def is_outage(self) -> bool:
        """Whether the lack of a score is our fault rather than the image's."""
        return self in (Unscored.MODEL_MISSING, Unscored.ERROR)


@portable
@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How one candidate is generated. Candidates with equal settings may share a batch.

    Attributes:
        model: a registered model, a Hugging Face id or a local path.
        steps: denoising steps.
        guidance: classifier-free guidance scale.
        width, height: pixels.
        scheduler: the name of a diffusers scheduler class; empty means the model's own.
        lora: path of a LoRA file in safetensors; empty means none.
    """

    model: str
    revision: str = ""
    steps: int = 20
    guidance: float = 4.0
    width: int = 512
    height: int = 512
    scheduler: str = ""
    lora: str = ""

    def evolve(self, **changes: Any) -> Settings:
        """These settings with some of them changed. Another model comes without our revision."""
        if changes.get("model", self.model) != self.model:
            changes = {"revision": "", **changes}
        return replace(self, **changes)

    def as_dict(self) -> dict[str, Any]:
        """A plain, JSON-ready copy."""
        return asdict(self)


@portable
@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What somebody wants.

    Attributes:
        id: unique within the run; never used as a path by itself.
        prompt: the prompt after the job's template was applied. Empty for existing images
            without a requests file.
        deliver: how many images are wanted.
        references: paths of reference images (a face, a product, a label).
        metadata: every other column of the requests file.
        overrides: generator settings that this request sets for itself.
        where: where it came from, for messages: ``catalog.csv:12``.
    """

    id: str
    prompt: str = ""
    negative_prompt: str = ""
    deliver: int = 1
    references: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    overrides: Mapping[str, Any] = field(default_factory=dict)
    where: str = ""


@portable
@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One generated or existing image, with everything needed to make it again.

    Attributes:
        id: 16 hexadecimal digits, a hash of the request and the index (or of the path).
        index: position among all candidates of the request, from 0, across rounds.
        round: from 1; 0 for existing images.
        seed: a hash of (run seed, request id, index), so it depends on nothing else.
        settings: how to make it; ``None`` for existing images.
        path: where an existing image lies, as the user named it; empty for generated ones.
    """

    id: str
    request_id: str
    index: int = 0
    round: int = 0
    seed: int = 0
    prompt: str = ""
    negative_prompt: str = ""
    settings: Settings | None = None
    path: str = ""


@portable
@dataclass(frozen=True, slots=True, kw_only=True)
class StoredImage:
    """An image file that lies durably in the run directory, or an existing one.

    Attributes:
        sha256: of the encoded bytes.
        path: relative to the run directory, or the existing file's own path.
        size: bytes.
    """

    sha256: str
    path: str
    width: int
    height: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelUse:
    """A model that had a part in a measurement or an image."""

    id: str
    sha256: str = ""
    licence: str = ""


@portable
@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """What one dimension says of one image: a score in [0, 1], or why there is none.

    Attributes:
        score: higher is better; ``None`` when unscored.
        unscored: why there is no score.
        note: a sentence for people; required when unscored.
        metrics: named quantities in real units, as the dimension declares them.
        uncertain: the measure is close to what it can resolve.
        models: the models that had a part.
    """

    dimension: str
    score: float | None = None
    unscored: Unscored | None = None
    note: str = ""
    metrics: Mapping[str, Metric] = field(default_factory=dict)
    uncertain: bool = False
    models: tuple[ModelUse, ...] = ()

    def __post_init__(self) -> None:
        if (self.score is None) == (self.unscored is None):
            raise ValueError(
                f"{self.dimension}: a measurement has either a score or a reason why not; "
                f"got score={self.score!r}, unscored={self.unscored!r}"
            )
        if self.score is not None and not 0.0 <= self.score <= 1.0:
            raise ValueError(f"{self.dimension}: score must be in [0, 1]; got {self.score!r}")
        if self.unscored is not None and not self.note:
            raise ValueError(f"{self.dimension}: unscored needs a sentence that says why")

    @classmethod
    def without_score(
        cls,
        dimension: str,
        why: Unscored,
        note: str,
        *,
        metrics: Mapping[str, Metric] | None = None,
        models: tuple[ModelUse, ...] = (),
    ) -> Measurement:
        """The named way to say "no number, and here is why"."""
        return cls(
            dimension=dimension, unscored=why, note=note, metrics=metrics or {}, models=models
        )


@portable
@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """The decision of one threshold or rule about one candidate.

    Attributes:
        name: the dimension (``sharpness``), the metric (``skin_tone.stops``) or the rule's name.
        outcome: ``None`` where it was not looked at, because the candidate had failed already.
        value: what was compared; ``None`` when unscored.
        bound: the threshold it missed or met, where there is a single one.
        reason: a sentence for people; empty on a plain pass.
    """

    name: str
    tier: Tier
    outcome: Outcome | None
    reason: str = ""
    value: Metric | None = None
    bound: float | None = None


@portable
@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Pass, fail, review or error for one candidate, check by check.

    Attributes:
        rank: orders what passed, higher first; never rescues what failed. In [0, 1]. Dimensions
            that only rank and are not measured count as 0 in it.
        ceiling: what the rank could be at most once they are; ``None`` where nothing is missing.
    """

    outcome: Outcome
    checks: tuple[Check, ...] = ()
    rank: float = 0.0
    ceiling: float | None = None
    warnings: tuple[str, ...] = ()

    @property
    def reasons(self) -> tuple[str, ...]:
        """The sentences of every check that is not a pass."""
        return tuple(c.reason for c in self.checks if c.outcome not in (None, Outcome.PASS))

    @property
    def failed(self) -> tuple[str, ...]:
        """The names of the checks that failed."""
        return tuple(c.name for c in self.checks if c.outcome is Outcome.FAIL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A candidate with its verdict and the perceptual hash that tells duplicates apart."""

    candidate: Candidate
    verdict: Verdict
    image: StoredImage | None = None
    phash: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What is delivered for one request, best first, and what was too like something better.

    Attributes:
        delivered: candidate ids, best first.
        duplicates: passed but not distinct: candidate id -> the better one it resembles.
    """

    delivered: tuple[str, ...] = ()
    duplicates: Mapping[str, str] = field(default_factory=dict)


def candidate_id(request_id: str, index: int) -> str:
    """16 hexadecimal digits that name the candidate, the same in every run of the job."""
    return _digest(request_id, str(index))[:16]


def candidate_seed(run_seed: int, request_id: str, index: int) -> int:
    """63 bits from (run seed, request, index): a candidate never depends on its neighbours."""
    return int(_digest(str(run_seed), request_id, str(index))[:16], 16) >> 1


def _digest(*parts: str) -> str:
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()
