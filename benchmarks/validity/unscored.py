"""What a machine without a model hub and without a judge cannot score."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.validity.material import RGB
from benchmarks.validity.measuring import Bench
from benchmarks.validity.table import table
from sentinelqa import registry


def unscored(bench: Bench, pictures: Mapping[str, RGB]) -> str:
    """One row per dimension that gives no score for a portrait that is its own reference."""
    rows = []
    for name in registry.dimensions:
        missing = bench.lacks(name)
        if missing:
            rows.append((name, "model_missing", missing))
            continue
        made = bench.measure(name, pictures["astronaut"], pictures["astronaut"])
        if made.unscored is not None:
            rows.append((name, made.unscored.value, made.note))
    return _NOTE + table(("dimension", "reason", "why"), rows) + _ANATOMY


_NOTE = """\
The astronaut, compared with itself, without a prompt, and without hub, judge or index:

"""
_ANATOMY = """\


Anatomy (hands, limbs, melted faces) is `semantic_artifacts`, a judge's affair. Nothing that can be
had from the package index measures it: classical detectors rank melted faces by lot, and
MediaPipe's palm network is as sure of hands where there are none (0.91) as where there are some
(0.84 to 0.94).
"""
