"""The registry of models, as it ships with the package."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path

from sentinelqa.errors import ModelError
from sentinelqa.rubric.reading import read_yaml, validate
from sentinelqa.shipped import shipped
from sentinelqa.weights.schema import LicenceYaml, ModelYaml, RegistryYaml


def registry_path() -> Path:
    """Where the registry lies."""
    return shipped("models", "registry.yaml")


def read_registry(path: Path | None = None) -> RegistryYaml:
    """The registry, checked.

    Raises:
        ModelError: it is missing or does not keep its schema; with the key.
    """
    path = path or registry_path()
    try:
        stat = path.stat()
    except OSError as error:
        raise ModelError(
            "the registry of models is missing", where=str(path), remedy="install sentinelqa again"
        ) from error
    return _parse(path, stat.st_mtime_ns)


@lru_cache(maxsize=4)
def _parse(path: Path, _mtime: int) -> RegistryYaml:
    data, marks = read_yaml(path, what="registry of models", error=ModelError)
    return validate(RegistryYaml, data, marks, error=ModelError)


def find(model_id: str) -> ModelYaml:
    """The entry of a registered model.

    Raises:
        ModelError: not registered; with the nearest name.
    """
    models = read_registry().models
    if model_id not in models:
        raise ModelError(f"unknown model {model_id!r}", remedy=nearest(model_id))
    return models[model_id]


def nearest(model_id: str) -> str:
    """What to do about a name that is not registered."""
    close = get_close_matches(model_id, read_registry().models, n=1, cutoff=0.6)
    hint = "sentinelqa models list shows every name"
    return f"did you mean {close[0]!r}? {hint}" if close else hint


def licence_of(model: ModelYaml) -> LicenceYaml:
    """The licence of an entry."""
    return read_registry().licences[model.licence]


def feature_models(feature: str, chosen: str | Iterable[str] | None = None) -> tuple[str, ...]:
    """The models that a feature loads.

    Args:
        feature: a feature's name; one without models gives none.
        chosen: what a rubric names in place of the registry's default: one model or several.
    """
    registry = read_registry()
    if chosen is None:
        return registry.features.get(feature, ())
    named = (chosen,) if isinstance(chosen, str) else tuple(chosen)
    return tuple(dict.fromkeys((*named, *registry.companions.get(feature, ()))))


def alternatives(task: str) -> tuple[str, ...]:
    """Registered models for a task that anybody may use commercially, pinned ones first."""
    registry = read_registry()
    fitting = [
        (not model.pinned, name)
        for name, model in registry.models.items()
        if model.task == task and registry.licences[model.licence].commercial == "yes"
    ]
    return tuple(name for _, name in sorted(fitting, key=lambda pair: pair[0]))[:4]
