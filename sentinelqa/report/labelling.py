"""The labelling sheet: one page in which people say good, bad or unsure, without the verdicts."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sentinelqa.report.evidence import Evidence
from sentinelqa.report.sampling import STRATA, draw
from sentinelqa.report.thumbnails import Shown, address_between, address_of, embedded
from sentinelqa.types import Request

_TAKEN = ("image", "label", "prompt", "references", "candidate", "stratum", "weight")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A labelling sheet.

    Attributes:
        strata: stratum -> how many of it were drawn.
        file: the name of the csv that the page exports.
        payload: for the browser, JSON-ready.
    """

    title: str
    rubric: str
    size: int
    candidates: int
    strata: dict[str, int]
    file: str
    payload: dict[str, Any]


def labelling_sheet(path: Path, size: int) -> Sheet:
    """Draw a sample of a run for people to label.

    Raises:
        JobError: the run has no tables, or nothing that can be labelled.
    """
    evidence = Evidence(path)
    drawn = draw(evidence, size)
    rows = [one.row for one in drawn]
    ids = [evidence.texts("candidate_id")[row] for row in rows]
    paths = [evidence.texts("path")[row] for row in rows]
    requests = evidence.stored.requests if evidence.stored.has_ledger else {}
    shown = [Shown(*one) for one in zip(ids, paths, strict=True)]
    thumbnails = list(embedded(evidence.run, shown))
    items = [
        {
            "id": ids[place],
            "image": address_of(evidence.run, paths[place]),
            "thumbnail": thumbnails[place],
            "prompt": evidence.texts("prompt")[one.row],
            "stratum": one.stratum,
            "weight": one.weight,
            **_request(evidence, requests.get(evidence.texts("request_id")[one.row])),
        }
        for place, one in enumerate(drawn)
    ]
    counts = Counter(one.stratum for one in drawn)
    name = path.resolve().name
    return Sheet(
        title=name,
        rubric=evidence.rubric.name,
        size=len(drawn),
        candidates=evidence.rows,
        strata={stratum: counts[stratum] for stratum in STRATA},
        file=f"labels-{name}.csv",
        payload={
            "sheet": hashlib.sha256("\n".join(ids).encode()).hexdigest()[:16],
            "file": f"labels-{name}.csv",
            "items": items,
        },
    )


def _request(evidence: Evidence, request: Request | None) -> dict[str, Any]:
    if request is None:
        return {"request": "", "references": [], "metadata": {}}
    addresses = [address_between(evidence.run.path, Path(r)) for r in request.references]
    return {
        "request": request.id,
        "references": [address for address in addresses if address],
        "metadata": _plain(request.metadata),
    }


def _plain(metadata: Mapping[str, Any]) -> dict[str, str]:
    """What fits into cells of a csv that rules read again."""
    return {
        key: str(value)
        for key, value in metadata.items()
        if isinstance(value, str | int | float) and key not in _TAKEN
    }
