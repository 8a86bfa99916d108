"""Writes ``docs/validity.md``: ``python -m benchmarks.validity``; ``--help`` for options."""

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
    parser.add_argument("--ofiq", type=Path, help="the Python of an environment with ofiqpy")
    parser.add_argument(
        "--only", default="", help="words of the section to measure again; the others are kept"
    )
    arguments = parser.parse_args()
    write_report(Bench(), arguments.samples, arguments.out, arguments.ofiq, arguments.only)
    print(arguments.out)


if __name__ == "__main__":
    main()
