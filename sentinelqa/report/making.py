"""How a run was made: models with their licences, rubric, versions, machine."""

from __future__ import annotations

from typing import Any

from sentinelqa.report.evidence import Evidence
from sentinelqa.report.model import Making, ModelRow
from sentinelqa.report.words import pooled
from sentinelqa.results import Run
from sentinelqa.weights.catalogue import read_registry


def making(evidence: Evidence) -> Making:
    """What the run wrote down of itself."""
    facts = evidence.facts
    rows = [
        *(_model(found, "generates") for found in facts.get("generators", ())),
        *(_model(found, "scores") for found in facts.get("scorers", ())),
    ]
    job = evidence.run.job
    return Making(
        rubric=f"{evidence.rubric.name} {evidence.rubric.version}",
        rubric_hash=evidence.rubric.hash,
        rubric_yaml=evidence.rubric.resolved,
        job_yaml=job.read_text(encoding="utf-8") if job.is_file() else "",
        models=tuple(rows),
        policy=str(facts.get("licences") or "any"),
        versions={str(k): str(v) for k, v in (facts.get("versions") or {}).items()},
        platform=str(facts.get("platform") or ""),
        pooled=pooled(Run(evidence.run.path).pooled_by),
    )


def _model(found: dict[str, Any], role: str) -> ModelRow:
    """A line of the audit: the licence as it was recorded, and what the registry says it allows."""
    recorded = str(found.get("licence") or "")
    licence = read_registry().licences.get(recorded)
    return ModelRow(
        id=str(found.get("id", "")),
        role=role,
        licence=recorded or "not stated",
        sha256=str(found.get("sha256") or ""),
        commercial=licence.commercial if licence else "unknown",
        condition=licence.condition if licence else "",
    )
