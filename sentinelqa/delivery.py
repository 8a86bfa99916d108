"""Deliverables: the selected images, best first, each with its evidence beside it.

Both are pure functions of the ledger and hold no clock values, so equal runs give equal bytes.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sentinelqa import images
from sentinelqa.files import write_atomically, write_json
from sentinelqa.types import Candidate, Judged, Measurement, ModelUse, Request

EVIDENCE_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Winner:
    """A selected candidate with everything that its evidence says."""

    judged: Judged
    measurements: Sequence[Measurement]


def deliver(
    run_dir: Path,
    request: Request,
    winners: Sequence[Winner],
    *,
    rubric_hash: str,
    models: Mapping[str, ModelUse],
) -> list[tuple[str, str]]:
    """Write ``delivered/<request>/01.png`` and ``01.json``, and so on.

    What lay in the folder before is replaced, so delivering again after a crash changes nothing.

    Returns:
        (candidate id, sha256 of the delivered file), best first.
    """
    folder = run_dir / "delivered" / request.id
    if folder.exists():
        shutil.rmtree(folder)
    written = []
    for place, winner in enumerate(winners, start=1):
        image = winner.judged.image
        if image is None:
            raise ValueError(f"candidate {winner.judged.candidate.id} has no image to deliver")
        encoded = images.encode_small(images.read(run_dir / image.path))
        sha256 = images.sha256(encoded)
        evidence = _evidence(winner, request, place, sha256, rubric_hash, models)
        write_atomically(folder / f"{place:02d}.png", encoded)
        write_json(folder / f"{place:02d}.json", evidence, ensure_ascii=False)
        written.append((winner.judged.candidate.id, sha256))
    return written


def _evidence(
    winner: Winner,
    request: Request,
    place: int,
    sha256: str,
    rubric_hash: str,
    models: Mapping[str, ModelUse],
) -> dict[str, Any]:
    candidate, verdict = winner.judged.candidate, winner.judged.verdict
    return {
        "evidence_version": EVIDENCE_VERSION,
        "request": request.id,
        "place": place,
        "sha256": sha256,
        "candidate": _candidate(candidate),
        "model": _model(candidate, models),
        "rubric": rubric_hash,
        "verdict": {
            "outcome": verdict.outcome,
            "rank": verdict.rank,
            "checks": [asdict(c) for c in verdict.checks],
            "warnings": list(verdict.warnings),
        },
        "measurements": [
            {**asdict(m), "metrics": dict(sorted(m.metrics.items()))}
            for m in sorted(winner.measurements, key=lambda m: m.dimension)
        ],
    }


def _candidate(candidate: Candidate) -> dict[str, Any]:
    return {
        "id": candidate.id,
        "index": candidate.index,
        "round": candidate.round,
        "seed": candidate.seed,
        "prompt": candidate.prompt,
        "negative_prompt": candidate.negative_prompt,
        "settings": candidate.settings.as_dict() if candidate.settings else None,
    }


def _model(candidate: Candidate, models: Mapping[str, ModelUse]) -> dict[str, str] | None:
    use = models.get(candidate.settings.model) if candidate.settings else None
    return asdict(use) if use else None
