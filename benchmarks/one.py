"""Measure one row in a process of its own: ``python -m benchmarks.one r05_cascade OUT.json``.

A process each, so that no row inherits the threads, caches or peak memory of another.
"""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import cast

from benchmarks.base import Bench, Module


def main() -> None:
    """Measure the row named on the command line and write its figures."""
    name, out, *flags = sys.argv[1:]
    module = cast("Module", import_module(f"benchmarks.rows.{name}"))
    with tempfile.TemporaryDirectory(prefix="sentinelqa-bench-") as scratch:
        bench = Bench(scratch=Path(scratch), quick="--quick" in flags, long="--long" in flags)
        rows = module.measure(bench)
    Path(out).write_text(json.dumps([asdict(row) for row in rows]), encoding="utf-8")


if __name__ == "__main__":
    main()
