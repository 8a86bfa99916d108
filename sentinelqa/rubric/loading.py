"""From a rubric's name or path to a checked :class:`~sentinelqa.rubric.model.Rubric`."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from sentinelqa.errors import RubricError, did_you_mean
from sentinelqa.rubric.calibration import staleness
from sentinelqa.rubric.compiling import compile_rubric
from sentinelqa.rubric.meaning import check_meaning
from sentinelqa.rubric.model import Rubric
from sentinelqa.rubric.problems import Problem, refusal
from sentinelqa.rubric.reading import Marks, read_yaml, validate
from sentinelqa.rubric.schema import RubricFile
from sentinelqa.shipped import shipped

MOST_LAYERS = 5


@dataclass(frozen=True, slots=True)
class Layer:
    """One file of a rubric: itself, or what it extends."""

    path: Path
    file: RubricFile
    data: dict[str, Any]
    marks: Marks


def load_rubric(name_or_path: str | Path, *, gate: bool = True) -> Rubric:
    """Read, resolve and check a rubric. Names and types are all known afterwards.

    Args:
        name_or_path: the name of a shipped rubric, or a path.
        gate: it is to judge images, so a calibration that it requires must be there and fit. To
            look at a finished run, or at the rubric itself, it need not; ``advice`` says so.

    Raises:
        RubricError: with file, line, column, and a did-you-mean where a name is unknown.
    """
    layers = read_layers(find_rubric(name_or_path))
    problems = [problem for layer in layers for problem in check_meaning(layer.file, layer.marks)]
    if problems:
        raise refusal(problems, RubricError)
    file, data = resolve(layers)
    top = layers[-1]
    if not (file.tiers.generic or file.tiers.use_case or file.tiers.custom):
        problem = Problem("the rubric has no threshold and no rule", top.marks.where(("tiers",)))
        raise refusal([problem], RubricError)
    stale = staleness(file)
    if gate and stale and file.calibration is not None and file.calibration.required:
        where = top.marks.where(("calibration",))
        remedy = f"sentinelqa rubric calibrate {top.path}"
        raise refusal([Problem(what, where, remedy) for what in stale], RubricError)
    return compile_rubric(
        file,
        advice=tuple(stale),
        resolved=yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=100),
        digest=canonical_hash(file),
        folder=str(top.path.parent),
    )


def find_rubric(name_or_path: str | Path) -> Path:
    """The file of a rubric.

    Raises:
        RubricError: there is none.
    """
    text = str(name_or_path)
    path = Path(text)
    if path.suffix in (".yaml", ".yml") or len(path.parts) > 1 or path.is_file():
        if not path.is_file():
            raise RubricError(f"there is no rubric file {text!r}")
        return path
    known = shipped_rubrics()
    if text not in known:
        raise RubricError(
            f"there is no shipped rubric {text!r}",
            remedy=f"{did_you_mean(text, known)} A path ends in .yaml",
        )
    return known[text]


def shipped_rubrics() -> dict[str, Path]:
    """The rubrics that ship with the package: name -> file."""
    return {path.stem: path for path in sorted(shipped("rubrics").glob("*.yaml"))}


def read_layers(path: Path) -> list[Layer]:
    """The rubric's file and what it extends, the most basic first. Shape is checked, not meaning.

    Raises:
        RubricError: not a rubric, or a circle of ``extends``.
    """
    layers: list[Layer] = []
    seen: set[Path] = set()
    while True:
        data, marks = read_yaml(path, what="rubric", error=RubricError)
        file = validate(RubricFile, data, marks, error=RubricError)
        layers.insert(0, Layer(path, file, data, marks))
        seen.add(path.resolve())
        if file.extends is None:
            return layers
        where = marks.where(("extends",))
        target = file.extends
        beside = path.parent / target
        path = beside if beside.suffix in (".yaml", ".yml") else find_rubric(target)
        if not path.is_file():
            raise RubricError(f"extends: there is no file {str(path)!r}", where=where)
        if path.resolve() in seen:
            raise RubricError(f"extends: {target!r} extends this rubric in turn", where=where)
        if len(layers) >= MOST_LAYERS:
            raise RubricError(f"extends more than {MOST_LAYERS} deep", where=where)


def resolve(layers: list[Layer]) -> tuple[RubricFile, dict[str, Any]]:
    """One rubric out of its layers.

    Dimensions and models replace those of the same name, ``null`` takes a dimension away, rules
    replace those of the same name, everything else replaces as a whole. Examples and calibration
    belong to one file and are not inherited.
    """
    data: dict[str, Any] = {}
    for layer in layers:
        data.pop("examples", None)
        data.pop("calibration", None)
        data = _merge(data, layer.data)
    data.pop("extends", None)
    for tier in ("generic", "use_case"):
        dimensions = data.get("tiers", {}).get(tier, {})
        data["tiers"] |= {tier: {k: v for k, v in dimensions.items() if v is not None}}
    return RubricFile.model_validate(data), data


def canonical_hash(file: RubricFile) -> str:
    """sha256 of everything that a verdict may depend on, in canonical JSON.

    What a rubric does not say is left out, so a key that the language gains changes no old hash.
    """
    content = file.model_dump(
        mode="json",
        by_alias=True,
        exclude={"examples", "description", "allow_unpinned"},
        exclude_none=True,
    )
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _merge(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    merged = {**below, **above}
    old, new = {"custom": [], **below.get("tiers", {})}, above.get("tiers", {})
    tiers: dict[str, Any] = {}
    for tier in ("generic", "use_case"):
        tiers[tier] = {**old.get(tier, {}), **new.get(tier, {})}
    inherited = [{k: v for k, v in rule.items() if k != "examples"} for rule in old["custom"]]
    rules = {rule["name"]: rule for rule in inherited}
    rules.update({rule["name"]: rule for rule in new.get("custom", [])})
    tiers["custom"] = list(rules.values())
    models = {**below.get("models", {}), **above.get("models", {})}
    return {**merged, "tiers": tiers} | ({"models": models} if models else {})
