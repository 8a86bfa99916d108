"""How ``--dry-run`` prints a plan."""

from __future__ import annotations

import json

import click

from sentinelqa.pipeline.prepare import Pilot, Plan
from sentinelqa.progress import duration


def print_plan(plan: Plan, measured: Pilot, *, as_json: bool) -> None:
    """Print what a job will do, from its plan and a measured batch."""
    if as_json:
        click.echo(json.dumps(_as_dict(plan, measured), ensure_ascii=False))
        return
    job = plan.job
    rows = [
        ("job", job.name),
        ("requests", f"{plan.requests}, {plan.wanted} images wanted"),
        ("candidates", f"{plan.least} if first rounds are enough, at most {plan.most}"),
        ("generator", f"{job.settings.model}, {job.settings.steps} steps, batches of {job.batch}"),
        ("rubric", f"{plan.rubric.name}: {', '.join(d.name for d in plan.dimensions)}"),
        ("loads", ", ".join(plan.features)),
        *(("model", f"{m.id} ({m.licence or 'licence unknown'})") for m in plan.models),
        (
            "measured",
            f"{measured.generate:.2f} s to make a candidate, {measured.score:.3f} s to score it",
        ),
        ("time", f"{_time(plan.least, measured)} to {_time(plan.most, measured)}"),
        *(("warning", text) for text in plan.warnings),
    ]
    for name, text in rows:
        click.echo(f"{name:>10}  {text}")


def _time(candidates: int, measured: Pilot) -> str:
    """Scoring overlaps with generation, so the slower of the two counts."""
    return duration(candidates * max(measured.generate, measured.score))


def _as_dict(plan: Plan, measured: Pilot) -> dict[str, object]:
    return {
        "job": plan.job.name,
        "requests": plan.requests,
        "wanted": plan.wanted,
        "candidates": [plan.least, plan.most],
        "features": list(plan.features),
        "models": [{"id": m.id, "licence": m.licence, "sha256": m.sha256} for m in plan.models],
        "seconds_per_candidate": {"generate": measured.generate, "score": measured.score},
        "warnings": list(plan.warnings),
    }
