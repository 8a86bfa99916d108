"""Writes ``docs/validity.md``: ``python -m benchmarks.validity [--samples FOLDER]``."""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.validity.measuring import Bench
from benchmarks.validity.report import write_report

DEFAULT = Path(__file__).parents[2] / "docs" / "validity.md"


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.validity", description=__doc__)
    parser.add_argument("--samples", type=Path, help="a folder of clean photographs to add")
    parser.add_argument("--out", type=Path, default=DEFAULT, help="where the report goes")
    arguments = parser.parse_args()
    write_report(Bench(), arguments.samples, arguments.out)
    print(arguments.out)


if __name__ == "__main__":
    main()
