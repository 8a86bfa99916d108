"""Values to rows and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from functools import lru_cache
from typing import Any

from sentinelqa.types import (
    Check,
    Measurement,
    ModelUse,
    Outcome,
    Request,
    Settings,
    StoredImage,
    Unscored,
    Verdict,
)

_SIGN = 1 << 63
_OUTCOMES = {outcome.value: outcome for outcome in Outcome}


def to_json(value: Any) -> str:
    """Compact JSON in the given order. Numbers of numpy become Python's."""
    return _ENCODER.encode(value)


def request_payload(request: Request) -> str:
    """A request as it is stored; defaults are left out."""
    values = {
        "prompt": request.prompt,
        "negative_prompt": request.negative_prompt,
        "references": request.references,
        "metadata": dict(request.metadata),
        "overrides": dict(request.overrides),
        "where": request.where,
    }
    return to_json({key: value for key, value in values.items() if value})


def request_of(request_id: str, payload: str, wanted: int) -> Request:
    """A request as it was given."""
    values = json.loads(payload)
    values["references"] = tuple(values.get("references", ()))
    return Request(id=request_id, deliver=wanted, **values)


@lru_cache(maxsize=1024)
def settings_json(settings: Settings) -> str:
    """Settings as they are stored."""
    return to_json(settings.as_dict())


@lru_cache(maxsize=1024)
def settings_of(text: str) -> Settings:
    """Settings as they were given."""
    return Settings(**json.loads(text))


def measurement_row(key: int, m: Measurement) -> tuple[Any, ...]:
    """The row of one measurement of the candidate with this key."""
    return (
        key,
        m.dimension,
        None if m.score is None else float(m.score),
        m.unscored,
        m.note,
        to_json(dict(m.metrics)) if m.metrics else "{}",
        int(m.uncertain),
        _models_json(m.models),
    )


def measurement_of(row: Mapping[str, Any]) -> Measurement:
    """A measurement as it was given."""
    return Measurement(
        dimension=row["dimension"],
        score=row["score"],
        unscored=Unscored(row["unscored"]) if row["unscored"] else None,
        note=row["note"],
        metrics=_DECODER.decode(row["metrics"]) if row["metrics"] != "{}" else {},
        uncertain=bool(row["uncertain"]),
        models=_models_of(row["models"]),
    )


def verdict_row(key: int, rubric_hash: str, verdict: Verdict) -> tuple[Any, ...]:
    """The row of the verdict on the candidate with this key."""
    checks = [[c.name, c.tier, c.outcome, c.reason, c.value, c.bound] for c in verdict.checks]
    return (
        key,
        rubric_hash,
        verdict.outcome,
        float(verdict.rank),
        to_json(checks),
        to_json(verdict.warnings) if verdict.warnings else "[]",
    )


def verdict_of(outcome: str, rank: float, checks: str, warnings: str) -> Verdict:
    """A verdict as it was given."""
    return Verdict(
        outcome=_OUTCOMES[outcome],
        rank=rank,
        checks=tuple(
            [
                Check(
                    name=name,
                    tier=tier,
                    outcome=None if result is None else _OUTCOMES[result],
                    reason=reason,
                    value=value,
                    bound=bound,
                )
                for name, tier, result, reason, value, bound in _DECODER.decode(checks)
            ]
        ),
        warnings=tuple(_DECODER.decode(warnings)) if warnings != "[]" else (),
    )


def failed_of(checks: str) -> list[str]:
    """The names of the checks that failed, of a stored verdict."""
    return [name for name, _, result, *_ in _DECODER.decode(checks) if result == Outcome.FAIL]


def image_of(row: Mapping[str, Any]) -> StoredImage | None:
    """The image of a candidate, if there is one."""
    if row["sha256"] is None:
        return None
    return StoredImage(
        sha256=row["sha256"],
        path=row["path"],
        width=row["width"],
        height=row["height"],
        size=row["size"],
    )


def signed(phash: int | None) -> int | None:
    """64 unsigned bits as SQLite stores them."""
    return None if phash is None else (phash ^ _SIGN) - _SIGN


def unsigned(phash: int | None) -> int | None:
    """Back from :func:`signed`."""
    return None if phash is None else phash & (2 * _SIGN - 1)


@lru_cache(maxsize=256)
def _models_json(models: tuple[ModelUse, ...]) -> str:
    return to_json([asdict(m) for m in models])


@lru_cache(maxsize=256)
def _models_of(text: str) -> tuple[ModelUse, ...]:
    return tuple(ModelUse(**values) for values in json.loads(text))


def _plain(value: Any) -> Any:
    item = getattr(value, "item", None)
    if item is None:
        raise TypeError(f"{type(value).__name__} cannot be stored: {value!r}")
    return item()


_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_plain)
_DECODER = json.JSONDecoder()
