"""Everything that can be said of a rubric before it is used: errors, and advice."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from sentinelqa import registry
from sentinelqa.decide import REQUEST_FACTS
from sentinelqa.dimensions.base import insists_on_references
from sentinelqa.errors import LicenceError, RubricError, UsageError
from sentinelqa.rubric.bounds import SCORE, Range, always, range_of
from sentinelqa.rubric.calibration import staleness
from sentinelqa.rubric.compiling import compile_rubric
from sentinelqa.rubric.loading import Layer, canonical_hash, find_rubric, read_layers, resolve
from sentinelqa.rubric.meaning import check_meaning, expression_of, metrics_of
from sentinelqa.rubric.problems import Problem
from sentinelqa.rubric.reading import Key
from sentinelqa.rubric.schema import RubricFile, Rule, Threshold
from sentinelqa.rubric.templates import columns_of

_NEGATION = re.compile(r"\b(no|not|without|never|nothing|isn't|aren't)\b", re.IGNORECASE)


def lint(name_or_path: str | Path, requests: Path | None = None) -> list[Problem]:
    """Errors and advice, each with file, line and column.

    Args:
        requests: a requests file that the rubric is meant for; references and columns that it
            lacks are errors.
    """
    try:
        layers = read_layers(find_rubric(name_or_path))
    except RubricError as error:
        return [Problem(error.what, error.where or str(name_or_path), error.remedy)]
    problems = [p for layer in layers for p in check_meaning(layer.file, layer.marks)]
    if problems:
        return problems
    file, _ = resolve(layers)
    top = layers[-1]
    if not (file.tiers.generic or file.tiers.use_case or file.tiers.custom):
        return [Problem("the rubric has no threshold and no rule", top.marks.where(("tiers",)))]
    found = list(_advice(top))
    found.extend(_calibration(file, top))
    found.extend(_models(file, top))
    found.extend(_other_model(file, layers))
    if requests is not None:
        found.extend(_requests(file, layers, requests))
    return found


def _advice(layer: Layer) -> Iterator[Problem]:
    tiers = (("generic", layer.file.tiers.generic), ("use_case", layer.file.tiers.use_case))
    for tier, dimensions in tiers:
        for name, thresholds in dimensions.items():
            for index, threshold in enumerate(thresholds or ()):
                key: Key = ("tiers", tier, name, index)
                yield from _threshold(name, threshold, key, layer)
    for index, rule in enumerate(layer.file.tiers.custom):
        yield from _rule(rule, ("tiers", "custom", index), layer)


def _threshold(name: str, given: Threshold, key: Key, layer: Layer) -> Iterator[Problem]:
    spec = metrics_of(name)[given.metric] if given.metric else SCORE
    possible = range_of(spec)
    shown = f"{name}.{given.metric}" if given.metric else name
    where = layer.marks.where(key)
    never = (given.low is not None and given.low > possible.high) or (
        given.high is not None and given.high < possible.low
    )
    if never:
        what = f"{shown} can never pass: its values lie from {possible.low:g} to {possible.high:g}"
        yield Problem(what, where)
        return
    low_idle = given.low is None or given.low <= possible.low
    high_idle = given.high is None or given.high >= possible.high
    if low_idle and high_idle:
        yield Problem(f"the threshold of {shown} can never fail", where, advice=True)
    bounds = given.review if isinstance(given.review, list) else [given.review, given.review]
    low_dead = bounds[0] is not None and given.low is not None and bounds[0] >= given.low
    high_dead = bounds[1] is not None and given.high is not None and bounds[1] <= given.high
    if low_dead or high_dead:
        side = "below min" if low_dead else "above max"
        yield Problem(
            f"the review band of {shown} is empty",
            layer.marks.where((*key, "review")),
            f"review must lie {side}",
            advice=True,
        )


def _rule(rule: Rule, key: Key, layer: Layer) -> Iterator[Problem]:
    if rule.require is not None:
        expression = expression_of(rule)
        ranges = [_range(variable.path) for variable in expression.variables]
        answer = always(expression, ranges)
        if answer is not None:
            word = "fail" if answer else "pass"
            where = layer.marks.where((*key, "require"))
            what = f"rule {rule.name!r} can never {word}"
            yield Problem(what, where, advice=answer)
    seen = rule.reject_if_seen or rule.require_seen
    if seen and _NEGATION.search(seen):
        yield Problem(
            f"rule {rule.name!r} asks an image-text model about a negation, which it ignores",
            layer.marks.where((*key, rule.kind)),
            "say what is to be seen instead",
            advice=True,
        )
    if seen and rule.against is None:
        yield Problem(
            f"rule {rule.name!r} names no contrary, so the statement competes with 'a photo'",
            layer.marks.where((*key, rule.kind)),
            "add against: a statement that holds when this one does not",
            advice=True,
        )
    for path in (rule.examples.passes + rule.examples.fails) if rule.examples else ():
        if not (layer.path.parent / path).is_file():
            where = layer.marks.where((*key, "examples"))
            yield Problem(f"there is no example image {path!r}", where)


def _range(path: tuple[str, ...]) -> Range:
    root, member = path
    if root == "request":
        return Range()
    if root == "image":
        return Range(0.0)
    return range_of(SCORE if member == "score" else metrics_of(root)[member])


def _calibration(file: RubricFile, top: Layer) -> Iterator[Problem]:
    where = top.marks.where(("calibration",))
    required = file.calibration is not None and file.calibration.required
    for what in staleness(file):
        yield Problem(what, where, "run sentinelqa rubric calibrate", advice=not required)


def _models(file: RubricFile, top: Layer) -> Iterator[Problem]:
    """Models that the installation refuses, or that are not here."""
    from sentinelqa.scorer import dimensions_of, features_of
    from sentinelqa.weights import LicencePolicy, feature_models, resolve

    rubric = compile_rubric(file, resolved="", digest=canonical_hash(file), folder="")
    try:
        features = features_of(rubric, dimensions_of(rubric))
    except UsageError as error:
        yield Problem(error.what, top.marks.where(()), error.remedy, advice=True)
        return
    for feature in features:
        for model in feature_models(feature, file.models.get(feature)):
            where = top.marks.where(("models", feature))
            try:
                resolve(model, policy=LicencePolicy(), allow_unpinned=file.allow_unpinned)
            except LicenceError as error:
                yield Problem(error.what, where, error.remedy)
            except UsageError as error:
                yield Problem(error.what, where, error.remedy, advice=True)


def _other_model(file: RubricFile, layers: list[Layer]) -> Iterator[Problem]:
    """Thresholds on what an image-text model says that were not set for the model in use.

    Such scores are in units of the model. The starter model's thresholds are those that ship; any
    other model needs a calibration with it.
    """
    from sentinelqa.weights import feature_models

    (default,) = feature_models("clip", None)
    in_use = file.models.get("clip", default)
    for name in (*file.tiers.generic, *file.tiers.use_case):
        if "clip" not in registry.dimensions.load(name)().needs:
            continue
        place = _place(layers, name)
        given = [
            layer.file.models["clip"]
            for layer in layers[: place + 1]
            if "clip" in layer.file.models
        ]
        meant = given[-1] if given else default
        calibration = layers[place].file.calibration
        known = {default} & {meant} | set(calibration.weights if calibration else ())
        if in_use not in known:
            yield Problem(
                f"the threshold of {name} was not calibrated for {in_use}, whose scores differ",
                _find(layers, name),
                f"sentinelqa rubric calibrate {layers[-1].path}",
                advice=True,
            )


def _requests(file: RubricFile, layers: list[Layer], requests: Path) -> Iterator[Problem]:
    """What the rubric needs of requests that the file does not have."""
    from sentinelqa.sources.requests import RequestDefaults, read_requests

    columns: set[str] = set(REQUEST_FACTS)
    total = referenced = 0
    for request in read_requests(requests, RequestDefaults()):
        total += 1
        referenced += bool(request.references)
        columns |= request.metadata.keys()
    used = [*file.tiers.generic, *file.tiers.use_case]
    needing = [n for n in used if insists_on_references(registry.dimensions.load(n)())]
    if referenced < total:
        for name in needing:
            what = f"{name} needs a reference; {total - referenced} of {total} requests have none"
            yield Problem(what, _find(layers, name), f"add references to {requests.name}")
    for index, rule in enumerate(layers[-1].file.tiers.custom):
        missing = sorted(set(_columns(rule)) - columns)
        if missing:
            where = layers[-1].marks.where(("tiers", "custom", index))
            what = f"rule {rule.name!r} needs the column {missing[0]!r}, which no request has"
            yield Problem(what, where, f"columns: {', '.join(sorted(columns))}")


def _columns(rule: Rule) -> Iterable[str]:
    if rule.require is not None:
        paths = [variable.path for variable in expression_of(rule).variables]
        return [member for root, member in paths if root == "request"]
    text = rule.text
    given = [text.contains or "", text.excludes or ""] if text else []
    given.extend([rule.colour.near] if rule.colour else [])
    return [column for value in given for column in columns_of(value)]


def _place(layers: list[Layer], dimension: str) -> int:
    """The layer whose thresholds for the dimension apply."""
    return max(
        index
        for index, layer in enumerate(layers)
        if dimension in layer.file.tiers.generic or dimension in layer.file.tiers.use_case
    )


def _find(layers: list[Layer], dimension: str) -> str:
    marks = layers[_place(layers, dimension)].marks
    tier = next(t for t in ("generic", "use_case") if ("tiers", t, dimension) in marks.positions)
    return marks.where(("tiers", tier, dimension))
