"""How a run was made: models, licences, versions, machine. Beside the tables, for the report."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from sentinelqa import __version__
from sentinelqa.dimensions.base import Dimension
from sentinelqa.features.base import Feature
from sentinelqa.files import write_json
from sentinelqa.pooling import Grouping
from sentinelqa.rundir import RunDir
from sentinelqa.types import ModelUse

PACKAGES = (
    "torch",
    "diffusers",
    "transformers",
    "open-clip-torch",
    "numpy",
    "opencv-python-headless",
    "pillow",
)


def write_facts(
    run: RunDir,
    *,
    name: str,
    generators: Iterable[ModelUse],
    scorers: Iterable[ModelUse],
    rubric_hash: str,
    licences: str,
    currency: str,
    components: dict[str, str],
    warnings: Iterable[str] = (),
) -> None:
    """Write ``facts.json``. It holds nothing that changes from one run of a job to the next on
    the same machine."""
    facts = {
        "name": name,
        "generators": [asdict(m) for m in generators],
        "scorers": [asdict(m) for m in scorers],
        "rubric": rubric_hash,
        "licences": licences,
        "currency": currency,
        "components": components,
        "warnings": list(warnings),
        "versions": {"sentinelqa": __version__, "python": platform.python_version(), **_packages()},
        "platform": platform.platform(),
    }
    write_json(run.facts, facts, sort_keys=True)


def write_pooling(run: RunDir, grouping: Grouping | None) -> None:
    """Write ``pooling.json``: which column told pass rates apart, and those of its values."""
    facts: dict[str, Any] = {"column": None}
    if grouping is not None:
        facts = {
            "column": grouping.column,
            "explains": round(grouping.explains, 4),
            "values": [
                {"value": value, "pass_rate": round(rate, 4), "requests": count}
                for value, (rate, count) in grouping.groups.items()
            ],
        }
    write_json(run.pooling, facts)


def component_versions(
    dimensions: Sequence[Dimension], features: Mapping[str, Feature]
) -> dict[str, str]:
    """Dimension or feature -> version, of everything that takes part in scoring."""
    versions = {f"dimension {d.name}": d.version for d in dimensions}
    versions |= {f"feature {name}": feature.version for name, feature in features.items()}
    return dict(sorted(versions.items()))


def _packages() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
