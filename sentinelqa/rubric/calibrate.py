"""Fits a rubric's thresholds to labelled images, says how far to trust them, and writes them."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from ruamel.yaml import YAML

from sentinelqa import registry
from sentinelqa.errors import RubricError, UsageError
from sentinelqa.files import write_atomically
from sentinelqa.rubric.compiling import compile_rubric
from sentinelqa.rubric.fitting import (
    Held,
    Rates,
    Scores,
    Separation,
    Suspect,
    cross_validate,
    fit,
    separation,
    suspects,
)
from sentinelqa.rubric.loading import canonical_hash, find_rubric, read_layers, resolve
from sentinelqa.rubric.meaning import check_meaning
from sentinelqa.rubric.model import Rubric
from sentinelqa.rubric.problems import refusal
from sentinelqa.rubric.reading import read_yaml
from sentinelqa.rubric.trials import score_images
from sentinelqa.types import Measurement, Request

FEWEST = 10
_IMAGES = {".png", ".jpg", ".jpeg", ".webp"}
_GOOD = {"good", "pass", "1", "true", "yes", "ok"}
_BAD = {"bad", "fail", "0", "false", "no"}


@dataclass(frozen=True, slots=True)
class Labelled:
    """Images with a label."""

    good: tuple[tuple[str, Request], ...]
    bad: tuple[tuple[str, Request], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """What calibration found.

    Attributes:
        thresholds: dimension -> the fitted lowest score that passes.
        before: dimension -> the threshold that the rubric had.
        separations: dimension -> how well it tells good from bad.
        alone: dimension -> bad images that no other one rejects.
        false_pass, true_pass: of bad and good images, by cross-validation.
        fitted_false_pass: of bad images, on the images that were fitted: optimistic.
        suspects: labels that look wrong, by path.
        versions, weights: what the fit is bound to.
    """

    goal: float
    thresholds: dict[str, float]
    before: dict[str, float]
    separations: dict[str, Separation]
    alone: dict[str, int]
    false_pass: Rates
    true_pass: Rates
    fitted_false_pass: Rates
    suspects: tuple[tuple[str, Suspect], ...]
    versions: dict[str, str]
    weights: dict[str, str]

    @property
    def idle(self) -> tuple[str, ...]:
        """Dimensions that add nothing that these images show."""
        return tuple(
            name
            for name, found in self.separations.items()
            if not (found.adds_something or self.alone[name])
        )

    @property
    def goal_text(self) -> str:
        return f"at most {self.goal:.1%} of bad images pass"


def read_folders(good: Path, bad: Path, prompt: str = "") -> Labelled:
    """Labels from two folders.

    Raises:
        UsageError: a folder has no images.
    """
    return Labelled(_folder(good, prompt), _folder(bad, prompt))


def _folder(folder: Path, prompt: str) -> tuple[tuple[str, Request], ...]:
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in _IMAGES)
    if not paths:
        raise UsageError(f"there are no images in {str(folder)!r}")
    return tuple((str(path), Request(id=str(path), prompt=prompt)) for path in paths)


def read_labels(table: Path) -> Labelled:
    """Labels from a csv with the columns ``image`` and ``label``; also ``prompt``, ``references``
    (separated by ``;``) and any metadata. Paths are relative to the table.

    Raises:
        UsageError: with the row.
    """
    found: dict[bool, list[tuple[str, Request]]] = {True: [], False: []}
    with table.open(encoding="utf-8-sig", newline="") as file:
        for number, row in enumerate(csv.DictReader(file), 2):
            where = f"{table}:{number}"
            image, label = row.pop("image", "") or "", (row.pop("label", "") or "").strip().lower()
            if label not in _GOOD | _BAD:
                raise UsageError(f"the label is {label!r}", where=where, remedy="write good or bad")
            path = table.parent / image
            if not path.is_file():
                raise UsageError(f"there is no image {str(path)!r}", where=where)
            references = [r.strip() for r in (row.pop("references", "") or "").split(";")]
            request = Request(
                id=image,
                prompt=row.pop("prompt", "") or "",
                references=tuple(str(table.parent / r) for r in references if r),
                metadata={k: v for k, v in row.items() if k and v},
                where=where,
            )
            found[label in _GOOD].append((str(path), request))
    return Labelled(tuple(found[True]), tuple(found[False]))


def calibrate(
    name_or_path: str | Path, labelled: Labelled, *, goal: float, quiet: bool = True
) -> Fit:
    """Fit the lower bounds of all scores that a rubric judges.

    Args:
        goal: largest share of bad images that may pass.

    Raises:
        UsageError: too few images, an image that could not be scored, or nothing to fit.
    """
    rubric = _uncalibrated(name_or_path)
    before = {t.source: t.low for t in rubric.thresholds if _fits(t) and t.low is not None}
    if not before:
        raise RubricError("the rubric has no lower bound on a score to fit")
    for kind, images in (("good", labelled.good), ("bad", labelled.bad)):
        if len(images) < FEWEST:
            raise UsageError(
                f"{len(images)} {kind} images are too few to fit on",
                remedy=f"give at least {FEWEST} of each; 50 to 200 in all are usual",
            )
    everything = [*labelled.good, *labelled.bad]
    scored = score_images(rubric, everything, quiet=quiet)
    measured = [{m.dimension: m for m in one.measurements} for one in scored]
    names = list(before)
    table = _scores(names, measured, [path for path, _ in everything])
    return fit_scores(names, table, labelled, goal=goal, before=before, measured=measured)


def fit_scores(
    names: Sequence[str],
    table: Scores,
    labelled: Labelled,
    *,
    goal: float,
    before: dict[str, float],
    measured: Sequence[dict[str, Measurement]] = (),
) -> Fit:
    """Fit thresholds to scores: the good images' rows first, then the bad ones'."""
    good, bad = table[: len(labelled.good)], table[len(labelled.good) :]
    found = {name: separation(good[:, i], bad[:, i]) for i, name in enumerate(names)}
    held: Held = cross_validate(good, bad, goal)
    cuts = np.round(fit(good, bad, goal), 4)
    wrong = suspects(names, good, bad, held, found)
    uses = {use for one in measured for m in one.values() for use in m.models}
    return Fit(
        goal=goal,
        thresholds={name: float(cut) for name, cut in zip(names, cuts, strict=True)},
        before=before,
        separations=found,
        alone={name: _only(i, bad < cuts) for i, name in enumerate(names)},
        false_pass=held.false_pass,
        true_pass=held.true_pass,
        fitted_false_pass=Rates(int((bad >= cuts).all(axis=1).sum()), len(bad)),
        suspects=tuple(
            ((labelled.good if s.is_good else labelled.bad)[s.index][0], s) for s in wrong
        ),
        versions={name: registry.dimensions.load(name)().version for name in names},
        weights={use.id: use.sha256 for use in sorted(uses, key=lambda u: u.id) if use.sha256},
    )


def _only(dimension: int, rejects: NDArray[np.bool_]) -> int:
    """Images that one dimension rejects and no other."""
    return int((rejects[:, dimension] & (rejects.sum(axis=1) == 1)).sum())


def write_back(path: Path, fitted: Fit) -> str:
    """The rubric's text with the fitted thresholds, comments and layout kept; also written.

    Raises:
        RubricError: the file cannot be used.
    """
    read_yaml(path, what="rubric", error=RubricError)
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 100
    document = yaml.load(path.read_text(encoding="utf-8"))
    tiers = document.setdefault("tiers", {})
    for name, value in fitted.thresholds.items():
        _set_threshold(tiers, name, value)
    old = document.get("calibration")
    required = old == "required" or (isinstance(old, dict) and bool(old.get("required")))
    document["calibration"] = _block(fitted, required=required)
    text = io.StringIO()
    yaml.dump(document, text)
    write_atomically(path, text.getvalue().encode())
    return text.getvalue()


def _block(fitted: Fit, *, required: bool) -> dict[str, Any]:
    low, high = fitted.false_pass.interval
    rates = [round(value, 4) for value in (fitted.false_pass.rate, low, high)]
    return {
        "required": required,
        "goal": fitted.goal_text,
        "good": fitted.true_pass.total,
        "bad": fitted.false_pass.total,
        "false_pass": rates,
        "dimensions": {
            name: {
                "version": fitted.versions[name],
                "min": value,
                "auc": round(fitted.separations[name].auc, 4),
            }
            for name, value in fitted.thresholds.items()
        },
        "weights": dict(fitted.weights),
    }


def _set_threshold(tiers: Any, name: str, value: float) -> None:
    tier = next((t for t in ("generic", "use_case") if name in (tiers.get(t) or {})), "")
    if not tier:
        tier = registry.dimensions.load(name)().tier
        tiers.setdefault(tier, {})[name] = {"min": value}
        return
    given = tiers[tier][name]
    entries = given if isinstance(given, list) else [given]
    entry = next(e for e in entries if "metric" not in e)
    if "between" in entry:
        entry["between"][0] = value
        return
    entry["min"] = value
    if isinstance(entry.get("review"), int | float) and entry["review"] >= value:
        del entry["review"]


def _uncalibrated(name_or_path: str | Path) -> Rubric:
    """The rubric, whether or not its calibration still holds."""
    layers = read_layers(find_rubric(name_or_path))
    problems = [p for layer in layers for p in check_meaning(layer.file, layer.marks)]
    if problems:
        raise refusal(problems, RubricError)
    file, _ = resolve(layers)
    folder = str(layers[-1].path.parent)
    return compile_rubric(file, resolved="", digest=canonical_hash(file), folder=folder)


def _fits(threshold: Any) -> bool:
    return not threshold.metric and threshold.tier != "custom" and threshold.severity != "warn"


def _scores(
    names: Sequence[str], measured: Sequence[dict[str, Measurement]], paths: Sequence[str]
) -> Scores:
    table = np.full((len(measured), len(names)), -np.inf)
    for row, (found, path) in enumerate(zip(measured, paths, strict=True)):
        for column, name in enumerate(names):
            one = found[name]
            if one.unscored is not None and one.unscored.is_outage:
                raise UsageError(f"{name} could not be measured: {one.note}", where=path)
            if one.score is not None:
                table[row, column] = round(one.score, 4)
    return table
