"""The scoring stage: from image files to measurements and verdicts, inside a worker.

Only the features that the rubric's dimensions and rules need are loaded. What is cheap and rejects
much is measured first (:mod:`sentinelqa.cascade`); a candidate that has failed is not scored
further unless everything is asked for. The verdict is the same either way (``decide`` puts fail
above everything else).
"""

from __future__ import annotations

import math
import sys
import tempfile
import time
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from sentinelqa import cascade, images, registry
from sentinelqa.cascade import Survey
from sentinelqa.decide import decide, is_decided
from sentinelqa.dimensions.base import Dimension
from sentinelqa.errors import ModelError, ScoringError, SentinelError, StorageError
from sentinelqa.features.base import Feature, FeatureInput, Features
from sentinelqa.files import storing
from sentinelqa.heartbeat import progress
from sentinelqa.measuring import Work, facts_of, in_parts, phash_of
from sentinelqa.pickling import portable
from sentinelqa.rubric.model import Rubric
from sentinelqa.scorecache import HASH, SIZE, CachePlan, Kept, ScoreCache
from sentinelqa.sources.images import fetch
from sentinelqa.tracing import span
from sentinelqa.types import (
    Candidate,
    Judged,
    Measurement,
    Request,
    StoredImage,
    Unscored,
    Verdict,
)

CACHED_REFERENCES = 64
DECIMALS = 4
DIGITS = 5
_SIZES = 2
"""Steps of the logarithm of a picture's size in which the order of measuring is worked out."""


@portable
@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreItem:
    """One image to score.

    Attributes:
        path: a raw ``.npy`` of a generated candidate, an existing image, or an fsspec URL.
        survey: what is known of the checks, for the order of measuring.
        in_full: measure everything that decides, also after it has failed.
        ranked: measure what is put off for contenders, too.
        known: what was measured of it before, and is not measured again.
        only: the dimensions to measure, where nothing else of it is asked for; empty for all.
    """

    candidate: Candidate
    request: Request
    path: str
    survey: Survey = field(default_factory=Survey)
    in_full: bool = False
    ranked: bool = False
    known: tuple[Measurement, ...] = ()
    only: tuple[str, ...] = ()


@portable
@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """What came of one image.

    Attributes:
        image: where it lies durably; ``None`` when it could not be read.
        seconds: its share of the batch's time.
    """

    candidate: Candidate
    measurements: tuple[Measurement, ...]
    verdict: Verdict
    image: StoredImage | None
    phash: int | None
    seconds: float

    @property
    def judged(self) -> Judged:
        """The part of it that selection and retries look at."""
        return Judged(
            candidate=self.candidate, verdict=self.verdict, image=self.image, phash=self.phash
        )

    @classmethod
    def outage(cls, candidate: Candidate, verdict: Verdict) -> Scored:
        """A candidate that could not be made or scored at all."""
        return cls(
            candidate=candidate,
            measurements=(),
            verdict=verdict,
            image=None,
            phash=None,
            seconds=0.0,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ScorePlan:
    """What a scoring worker is built from. Picklable.

    Attributes:
        run_dir: where generated candidates are stored; empty in scoring-only mode, where existing
            images stay where they are.
        full: score every dimension, also of what has failed already.
        threads: CPU threads that one worker may use.
        always: dimensions that are measured of every candidate, because more than its own verdict
            depends on them.
        put_off: dimensions that only rank, and are measured of contenders alone.
        cache: what may be taken from the cache of scores; ``None`` measures everything.
        hashes: whether candidates compete for a delivery, so that perceptual hashes tell those
            that look alike; no matter where each image is judged by itself.
    """

    rubric: Rubric
    run_dir: str = ""
    device: str = "cpu"
    full: bool = False
    threads: int = 1
    always: frozenset[str] = frozenset()
    put_off: frozenset[str] = frozenset()
    cache: CachePlan | None = None
    hashes: bool = True


class ScoreStage:
    """Scores batches of images. See :class:`sentinelqa.engines.base.Stage`."""

    def __init__(self, plan: ScorePlan) -> None:
        self._plan = plan
        self._dimensions = dimensions_of(plan.rubric)
        self._missing: dict[str, str] = {}
        self._references: OrderedDict[tuple[str, str], Any] = OrderedDict()
        self._orders: dict[tuple[Survey, int], tuple[Dimension, ...]] = {}
        self._cache = ScoreCache(plan.cache) if plan.cache else None
        self._features = features_of(plan.rubric, self._dimensions)
        self._loaded = False

    def load(self) -> None:
        """Load every feature that is needed. Weights that are missing leave theirs unscored.

        With a cache, nothing is loaded before something is missing in it.
        """
        if self._cache is None:
            self._load()

    def _load(self) -> None:
        if self._loaded:
            return
        _limit_threads(self._plan.threads)
        for name, feature in self._features.items():
            gone = next((self._missing[n] for n in feature.needs if n in self._missing), "")
            if gone:
                self._missing[name] = gone
                continue
            try:
                feature.load(self._plan.device)
            except ModelError as error:
                self._missing[name] = str(error)
        _limit_threads(self._plan.threads)  # again, for libraries that loading has imported
        self._loaded = True

    def run(self, item: Sequence[ScoreItem]) -> list[Scored]:
        """Score a batch, in order. An image that cannot be read becomes an ``error`` verdict."""
        start = time.perf_counter()
        with tempfile.TemporaryDirectory(prefix="sentinelqa-") as scratch:
            work = [self._receive(one, Path(scratch)) for one in item]
            readable = [w for w in work if w.image is not None]
            for part in in_parts(readable):
                self._work_through(part)
            self._keep(readable)
        seconds = (time.perf_counter() - start) / max(1, len(work))
        return [self._result(w, seconds) for w in work]

    def recall(self, item: Sequence[ScoreItem]) -> list[Scored | None]:
        """What the cache alone says of files here: none is opened as an image, nothing is loaded.

        Returns:
            ``None`` for each image of which something is not known.
        """
        start = time.perf_counter()
        known = [self._recalled(one) for one in item]
        seconds = (time.perf_counter() - start) / max(1, len(known))
        return [None if work is None else self._result(work, seconds) for work in known]

    def _recalled(self, item: ScoreItem) -> Work | None:
        if self._cache is None or "://" in item.path:
            return None
        try:
            sha256, size = images.identify(item.path)
        except (SentinelError, OSError):
            return None
        recalled = self._cache.recall(sha256, item.request)
        sides = recalled.get(SIZE)
        if not isinstance(sides, tuple):
            return None
        image = StoredImage(
            sha256=sha256, path=item.path, width=sides[0], height=sides[1], size=size
        )
        work = Work(item=item, path=item.path, image=image, recalled=recalled)
        self._settle(work)
        for dimension in next(self._by_order([work]))[0]:
            if work.decided and dimension.name not in self._plan.always:
                continue
            measured = recalled.get(dimension.name)
            if not isinstance(measured, Measurement):
                return None
            work.measurements[dimension.name] = measured
            self._settle(work)
        return work if self._hash_known(work) else None

    def _hash_known(self, work: Work) -> bool:
        looked_at = bool(work.item.only)
        return work.decided or looked_at or not self._plan.hashes or HASH in work.recalled

    def _receive(self, item: ScoreItem, scratch: Path) -> Work:
        """Bring the image here and, for a generated one, store it durably before it is scored."""
        work = Work(item=item, path=item.path)
        try:
            if self._plan.run_dir and item.path.endswith(".npy"):
                work.image = self._store(item.path)
                work.path = str(Path(self._plan.run_dir) / work.image.path)
            else:
                if "://" in item.path:
                    work.path = str(fetch(item.path, scratch))
                work.image, picture = images.inspect(work.path, shown_as=item.path)
                if picture is not None:
                    work.values["pixels"] = picture
                work.recalled = {m.dimension: m for m in item.known}
                if self._cache is not None:
                    work.recalled = self._cache.recall(work.image.sha256, item.request)
        except StorageError:
            raise
        except (SentinelError, OSError) as error:
            work.values["pixels"] = ScoringError(str(error))
        progress()
        return work

    def _store(self, raw: str) -> StoredImage:
        with storing(), span("encode and store"):
            rgb = np.load(raw, allow_pickle=False)
            encoded = images.encode_fast(rgb)
            height, width = rgb.shape[:2]
            return images.store(Path(self._plan.run_dir), encoded, width=width, height=height)

    def _work_through(self, part: Sequence[Work]) -> None:
        """Measure images that fit into memory together, and let go of their pixels."""
        for one in part:
            self._settle(one)
        for order, alike in self._by_order(part):
            for dimension in order:
                self._score(dimension, alike)
        self._compute(HASH, [w for w in part if not self._hash_known(w)])
        for one in part:
            one.values = {name: v for name, v in one.values.items() if name == HASH}

    def _by_order(
        self, readable: Sequence[Work]
    ) -> Iterator[tuple[tuple[Dimension, ...], list[Work]]]:
        """The images that are measured in the same order, with that order."""
        groups: dict[tuple[Survey, int], list[Work]] = {}
        for work in readable:
            assert work.image is not None
            size = round(_SIZES * math.log2(max(1, work.image.width * work.image.height)))
            groups.setdefault((work.item.survey, size), []).append(work)
        for key, alike in groups.items():
            yield self._order(*key), alike

    def _order(self, survey: Survey, size: int) -> tuple[Dimension, ...]:
        if (survey, size) not in self._orders:
            self._orders = {k: o for k, o in self._orders.items() if k[0] == survey}
            self._orders[survey, size] = cascade.order(
                self._plan.rubric,
                self._dimensions,
                self._features,
                megapixels=2 ** (size / _SIZES) / 1e6,
                survey=survey,
                always=self._plan.always,
            )
        return self._orders[survey, size]

    def _score(self, dimension: Dimension, works: Sequence[Work]) -> None:
        wanted = dimension.name in self._plan.always
        if dimension.name in self._plan.put_off:
            works = [w for w in works if w.item.ranked]
        works = [w for w in works if not w.item.only or dimension.name in w.item.only]
        alive = [w for w in works if wanted or not w.decided]
        new = [w for w in alive if dimension.name not in w.recalled]
        for name in dimension.needs:
            self._compute(name, new)
        for work in alive:
            known = work.recalled.get(dimension.name)
            measured = known if isinstance(known, Measurement) else self._measure(dimension, work)
            work.measurements[dimension.name] = measured
            self._settle(work)
            progress()

    def _keep(self, works: Sequence[Work]) -> None:
        """Put what was measured for the first time into the cache."""
        if self._cache is None:
            return
        kept = []
        for work in works:
            values: dict[str, Kept] = dict(work.measurements)
            if work.image is not None:
                values[SIZE] = (work.image.width, work.image.height)
            if (phash := phash_of(work)) is not None:
                values[HASH] = phash
            new = {name: v for name, v in values.items() if name not in work.recalled}
            if new and work.image is not None:
                kept.append((work.image.sha256, work.item.request, new))
        self._cache.keep(kept)

    def _settle(self, work: Work) -> None:
        """Note when the candidate has failed and need not be measured further."""
        if not (work.decided or self._plan.full or work.item.in_full):
            work.decided = is_decided(
                self._plan.rubric, work.measurements, work.item.request, facts_of(work)
            )

    def _measure(self, dimension: Dimension, work: Work) -> Measurement:
        self._load()
        for name in (*dimension.needs, *dimension.reference_needs):
            if name in self._missing:
                return Measurement.without_score(
                    dimension.name, Unscored.MODEL_MISSING, self._missing[name]
                )
        for name in dimension.needs:
            if isinstance(work.values[name], ScoringError):
                return Measurement.without_score(
                    dimension.name, Unscored.ERROR, str(work.values[name])
                )
        references = [
            {n: self._of_reference(n, path, work.item.request) for n in dimension.reference_needs}
            for path in (work.item.request.references if dimension.reference_needs else ())
        ]
        try:
            return settled(dimension.measure(Features(work.values, references), work.item.request))
        except Exception as error:  # noqa: BLE001 - a scorer's bug is an outage of that scorer only
            note = "" if isinstance(error, ScoringError) else f"{type(error).__name__}: "
            return Measurement.without_score(dimension.name, Unscored.ERROR, f"{note}{error}")

    def _compute(self, name: str, works: Sequence[Work]) -> None:
        """Give each of ``works`` the feature's value, or the error that stands in its place."""
        missing = [w for w in works if name not in w.values]
        if not missing:
            return
        self._load()
        if name in self._missing:
            return
        feature = self._features[name]
        for needed in feature.needs:
            self._compute(needed, missing)
        ready = []
        for work in missing:
            broken = next(
                (v for n in feature.needs if isinstance(v := work.values[n], ScoringError)), None
            )
            if broken is None:
                ready.append(work)
            else:
                work.values[name] = broken
        inputs = [FeatureInput(w.path, w.item.request, w.values) for w in ready]
        for work, value in zip(ready, _values(feature, inputs), strict=True):
            work.values[name] = value

    def _of_reference(self, name: str, path: str, request: Request) -> Any:
        key = (name, path)
        if key not in self._references:
            feature = self._features[name]
            needed = {n: self._of_reference(n, path, request) for n in feature.needs}
            broken = next((v for v in needed.values() if isinstance(v, ScoringError)), None)
            self._references[key] = (
                broken or _values(feature, [FeatureInput(path, request, needed)])[0]
            )
            if len(self._references) > CACHED_REFERENCES:
                self._references.popitem(last=False)
        return self._references[key]

    def _result(self, work: Work, seconds: float) -> Scored:
        if work.image is None:
            note = str(work.values["pixels"])
            work.measurements = {
                d.name: Measurement.without_score(d.name, Unscored.ERROR, note)
                for d in self._dimensions
            }
        with span("judge"):
            verdict = decide(
                self._plan.rubric, work.measurements, work.item.request, facts_of(work)
            )
        return Scored(
            candidate=work.item.candidate,
            measurements=tuple(
                work.measurements[d.name] for d in self._dimensions if d.name in work.measurements
            ),
            verdict=verdict,
            image=work.image,
            phash=phash_of(work) if self._plan.hashes else None,
            seconds=seconds,
        )


def make_score_stage(plan: ScorePlan) -> ScoreStage:
    """For :class:`sentinelqa.engines.base.StageSpec`."""
    return ScoreStage(plan)


def dimensions_of(rubric: Rubric) -> list[Dimension]:
    """The dimensions and rule measures that the rubric uses, in its order."""
    named: list[Dimension] = [registry.dimensions.load(name)() for name in rubric.dimensions]
    return [*named, *rubric.measures()]


def features_of(rubric: Rubric, dimensions: Sequence[Dimension]) -> dict[str, Feature]:
    """The features that ``dimensions`` need, directly or through others, in order of need."""
    texts = sorted({t for d in dimensions for t in getattr(d, "texts", ())})
    questions = sorted({q for d in dimensions for q in getattr(d, "questions", ())})
    features: dict[str, Feature] = {}

    def add(name: str) -> None:
        if name in features:
            return
        options: dict[str, Any] = {}
        if name in rubric.models:
            options["model"] = rubric.models[name]
        if name == "clip" and texts:
            options["texts"] = tuple(texts)
        if name == "judge":
            options["questions"] = tuple(questions)
        feature = registry.features.load(name)(**options)
        for needed in feature.needs:
            add(needed)
        features[name] = feature

    for dimension in dimensions:
        for name in (*dimension.needs, *dimension.reference_needs):
            add(name)
    add("hashes")
    return features


def settled(measurement: Measurement) -> Measurement:
    """The measurement without its last bits, which depend on how memory happened to be aligned.

    Scores keep 4 decimals and metrics 5 significant digits, a thousand times the noise of filters
    in single precision, so equal images give equal evidence.
    """
    score = measurement.score
    return replace(
        measurement,
        score=None if score is None else round(score, DECIMALS),
        metrics={
            name: float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value
            for name, value in measurement.metrics.items()
        },
    )


def _values(feature: Feature, inputs: Sequence[FeatureInput]) -> Sequence[Any]:
    """One value per input. A batch that raises is asked again one by one, to find the culprit."""
    if not inputs:
        return []
    try:
        with span(f"feature {feature.name}"):
            values = feature.compute(inputs)
        progress()
        return values
    except Exception as error:  # noqa: BLE001 - one image's trouble must not take the batch with it
        if len(inputs) == 1:
            named = f"{feature.name}: {type(error).__name__}: {error}"
            return [error if isinstance(error, ScoringError) else ScoringError(named)]
        return [_values(feature, [one])[0] for one in inputs]


def _limit_threads(threads: int) -> None:
    import cv2

    cv2.setNumThreads(threads)
    # a feature that works with torch has imported it; for the others it would cost two seconds
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(threads)
