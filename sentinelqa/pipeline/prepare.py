"""Everything that can be wrong is found before anything is made: files, columns, rubric, models."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sentinelqa import registry
from sentinelqa.deferred import value_of
from sentinelqa.dimensions.base import Dimension, insists_on_references
from sentinelqa.errors import JobError, UsageError, did_you_mean
from sentinelqa.features.base import Feature
from sentinelqa.job import Job, check_reach
from sentinelqa.rubric.loading import load_rubric
from sentinelqa.rubric.model import Rubric
from sentinelqa.scorer import dimensions_of, features_of
from sentinelqa.sources.requests import read_requests
from sentinelqa.types import ModelUse
from sentinelqa.weights import LicencePolicy, feature_models, resolve


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a job will do, as ``--dry-run`` prints it.

    Attributes:
        requests: how many there are.
        wanted: images over all requests.
        features: what will be loaded for scoring.
        generators: by the name that settings use.
        scorers: the models behind the features.
        warnings: what will work, but probably not as meant.
    """

    job: Job
    rubric: Rubric
    dimensions: Sequence[Dimension]
    features: Mapping[str, Feature]
    requests: int
    wanted: int
    generators: Mapping[str, ModelUse]
    scorers: tuple[ModelUse, ...]
    warnings: tuple[str, ...] = ()

    @property
    def models(self) -> tuple[ModelUse, ...]:
        """Every model with its licence, generators first."""
        return tuple(dict.fromkeys([*self.generators.values(), *self.scorers]))

    @property
    def least(self) -> int:
        """Candidates if every request is filled by its first round."""
        return self.requests * (self.job.retry.best_of or self.job.retry.first)

    @property
    def most(self) -> int:
        """Candidates if every request uses its whole budget."""
        return self.requests * (self.job.retry.best_of or self.job.retry.max)


def prepare(job: Job) -> Plan:
    """Check a job and everything it names.

    Raises:
        UsageError: with file, line or row, and the remedy.
    """
    policy = LicencePolicy(job.licences, frozenset(job.acknowledge))
    rubric = load_rubric(job.rubric)
    dimensions = dimensions_of(rubric)
    features = features_of(rubric, dimensions)
    _check_adjustments(job, rubric)
    census = _count(job)
    return Plan(
        job=job,
        rubric=rubric,
        dimensions=dimensions,
        features=features,
        requests=census.requests,
        wanted=census.wanted,
        generators=_generator_models(job, policy, census.models),
        scorers=tuple(scoring_models(rubric, features, policy)),
        warnings=(*_warnings(dimensions, census), *rubric.advice),
    )


def scoring_models(
    rubric: Rubric, features: Iterable[str], policy: LicencePolicy
) -> list[ModelUse]:
    """The models behind the features, verified and allowed."""
    by_feature = models_by_feature(rubric, features, policy)
    return list(dict.fromkeys(m for models in by_feature.values() for m in models))


def models_by_feature(
    rubric: Rubric, features: Iterable[str], policy: LicencePolicy
) -> dict[str, list[ModelUse]]:
    """Feature -> the models behind it, verified and allowed."""
    return {
        feature: [
            resolve(model, policy=policy, allow_unpinned=rubric.allow_unpinned).use()
            for model in feature_models(feature, rubric.models.get(feature))
        ]
        for feature in features
    }


@dataclass(frozen=True, slots=True)
class Pilot:
    """Seconds per candidate, measured on one batch."""

    generate: float
    score: float


def pilot(job: Job, rubric: Rubric, scratch: Path) -> Pilot:
    """Make and score one batch of the first request in this process, and take the time."""
    from sentinelqa.generators.stage import (
        GeneratedFiles,
        GenerateItem,
        GenerateStage,
        make_generator,
    )
    from sentinelqa.scheduling import Scheduler
    from sentinelqa.scorer import ScoreItem, ScorePlan, ScoreStage

    request = next(read_requests(job.requests, job.defaults))
    scheduler = Scheduler(settings=job.settings, policy=job.retry, seed=job.seed)
    scheduler.admit(request, 0)
    batch = tuple(scheduler.take(job.batch, partial=True))
    generating = GenerateStage(lambda: make_generator(job), str(scratch))
    generating.load()
    item = GenerateItem(candidates=batch, shape=job.batch)
    value_of(generating.run(item))
    made = value_of(generating.run(item))
    assert isinstance(made, GeneratedFiles)
    scoring = ScoreStage(ScorePlan(rubric=rubric, run_dir=str(scratch), full=True))
    scoring.load()
    items = [
        ScoreItem(candidate=c, request=request, path=p)
        for c, p in zip(batch, made.paths, strict=True)
        if isinstance(p, str)
    ]
    start = time.perf_counter()
    scoring.run(items)
    return Pilot(
        generate=made.seconds / job.batch,
        score=(time.perf_counter() - start) / max(1, len(items)),
    )


def _generator_models(
    job: Job, policy: LicencePolicy, asked: Mapping[str, str]
) -> dict[str, ModelUse]:
    """Every model that the job, its adjustments or its requests (``asked``: name to place) use."""
    settings = job.settings
    places = {settings.model: "generator.model"}
    for adjustment in job.retry.adjustments:
        for change in adjustment.changes:
            if change.key == "model":
                places.setdefault(str(change.value), "retry.adjust")
    for name, where in asked.items():
        places.setdefault(name, where)
    models = {}
    for name, where in places.items():
        if (name in registry.generators) != (settings.model in registry.generators):
            raise JobError(
                f"{name!r} and {settings.model!r} are made by different generators",
                where=where,
                remedy="split the requests into two jobs",
            )
        if name in registry.generators:
            made = registry.generators.load(name)()
            models[name] = next(iter(made.models), ModelUse(id=name))
            continue
        registry.generators.load("diffusers")
        try:
            found = resolve(
                name,
                task="text-to-image",
                revision=settings.revision if name == settings.model else "",
                policy=policy,
                allow_unpinned=job.allow_unpinned,
            )
        except UsageError as error:
            error.where = error.where or where
            raise
        models[name] = found.use()
    return models


def _check_adjustments(job: Job, rubric: Rubric) -> None:
    known = {*rubric.dimensions, *(check.name for check in rubric.checks)}
    for adjustment in job.retry.adjustments:
        for name in adjustment.fails:
            if name not in known:
                raise JobError(
                    f"retry.adjust answers failures of {name!r}, which rubric {rubric.name!r} "
                    "does not judge",
                    where="retry.adjust.when.fails",
                    remedy=did_you_mean(name, known),
                )


@dataclass(slots=True)
class _Census:
    """What one pass over the requests finds; ``models`` are those that requests ask for."""

    requests: int = 0
    wanted: int = 0
    referenced: int = 0
    models: dict[str, str] = field(default_factory=dict)


def _count(job: Job) -> _Census:
    census = _Census()
    most = job.retry.best_of or job.retry.max
    for request in read_requests(job.requests, job.defaults):
        census.requests += 1
        census.wanted += request.deliver
        census.referenced += bool(request.references)
        if request.overrides:
            check_reach(job.settings.evolve(**request.overrides), job.retry, request.where)
        if "model" in request.overrides:
            census.models.setdefault(request.overrides["model"], request.where)
        if request.deliver > most:
            raise JobError(
                f"request {request.id!r} wants {request.deliver} images, but may cost at most "
                f"{most} candidates",
                where=request.where,
                remedy="raise candidates.max, or lower deliver",
            )
    return census


def _warnings(dimensions: Sequence[Dimension], census: _Census) -> Iterable[str]:
    needing = [d.name for d in dimensions if insists_on_references(d)]
    if needing and census.referenced < census.requests:
        yield (
            f"{', '.join(needing)}: judged by reference images, and "
            f"{census.requests - census.referenced} of {census.requests} requests have none"
        )
