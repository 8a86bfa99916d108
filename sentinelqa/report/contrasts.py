"""What differs between two runs: models, job, rubric, measures and software."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from sentinelqa.report.evidence import Evidence
from sentinelqa.rubric.model import Check, Rule, Threshold

NOTHING = "–"


def differences(first: Evidence, second: Evidence) -> tuple[tuple[str, str, str], ...]:
    """What, in the first run, in the second run; everything that could move a number."""
    tables = [
        (_models(e), _job(e), _rubric(e), _components(e), _versions(e)) for e in (first, second)
    ]
    return tuple(
        (what, own.get(what, NOTHING), other.get(what, NOTHING))
        for own, other in zip(*tables, strict=True)
        for what in dict.fromkeys([*own, *other])
        if own.get(what) != other.get(what)
    )


def wanted(check: Check) -> str:
    """What a check asks for, in words."""
    if isinstance(check, Rule):
        return check.expression.source
    bounds = (("at least", check.low), ("at most", check.high))
    return ", ".join(f"{word} {bound:g}" for word, bound in bounds if bound is not None)


def version_of(evidence: Evidence, check: Check) -> tuple[str, ...]:
    """Versions of the measures behind a check; empty where they were not written down."""
    components = evidence.facts.get("components") or {}
    return tuple(str(components.get(f"dimension {source}", "")) for source in check.sources)


def models_of(evidence: Evidence) -> str:
    """The models that generated, in words."""
    return ", ".join(str(m.get("id", "")) for m in evidence.facts.get("generators", ()))


def _models(evidence: Evidence) -> dict[str, str]:
    return {
        f"{role} {number}": f"{m.get('id', '')} {str(m.get('sha256', ''))[:12]}".strip()
        for role, key in (("generates with", "generators"), ("scores with", "scorers"))
        for number, m in enumerate(evidence.facts.get(key, ()), start=1)
    }


def _job(evidence: Evidence) -> dict[str, str]:
    return dict(_flat("", evidence.job))


def _flat(above: str, values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key, value in values.items():
        name = f"{above}{key}"
        if isinstance(value, Mapping):
            yield from _flat(f"{name}.", value)
        else:
            yield name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _rubric(evidence: Evidence) -> dict[str, str]:
    rubric = evidence.rubric
    found = {"rubric": f"{rubric.name} {rubric.version}"}
    for check in rubric.checks:
        text = wanted(check)
        if isinstance(check, Threshold):
            edges = [e for e in (check.review_low, check.review_high) if e is not None]
            text += f", review {', '.join(f'{e:g}' for e in edges)}" if edges else ""
        found[check.name] = text if check.severity == "fail" else f"{text} ({check.severity})"
    found["near-duplicates"] = f"{rubric.min_distance:g}"
    found["unscored"] = rubric.on_unscored
    found["rank"] = ", ".join(f"{name} {weight:.2g}" for name, weight in rubric.rank.items())
    return found


def _components(evidence: Evidence) -> dict[str, str]:
    components = evidence.facts.get("components") or {}
    return {name: f"version {version}" for name, version in components.items()}


def _versions(evidence: Evidence) -> dict[str, str]:
    return {name: str(v) for name, v in (evidence.facts.get("versions") or {}).items()}
