"""The house keeps its order: imports flow one way, and the front door is light."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "sentinelqa"

# A room may import rooms of a lower floor, or of its own.
FLOORS = [
    {"types", "errors", "pickling"},
    {"registry", "shipped", "compat", "files", "tracing", "terminal", "heartbeat", "deferred"},
    {"allocation", "arrow"},
    {"features", "generators.base", "dimensions", "rubric", "weights", "engines"},
    {"decide", "selection", "costs", "cascade"},
    {"contest", "odds", "retry", "pooling", "scheduling", "screening"},
    {"images", "scorecache", "picturecache"},
    {"sources", "rundir", "tables", "totals"},
    {"ledger"},
    {"job", "scorer", "measuring"},
    {"generators", "delivery", "progress", "results", "report"},
    {"pipeline", "junit", "doctor", "testing", "fsck"},
    {"cli"},
]
# What crosses the floors with a reason.
ALLOWED = {
    ("rubric", "decide"),  # what-if judges again
    ("rubric", "screening"),  # and lets what was dropped half way stay so
    ("rubric", "sources"),
    ("rubric", "images"),
    ("rubric", "scorer"),  # `rubric test` scores its examples
    ("rubric", "costs"),
    ("rubric", "results"),
    ("rubric", "rundir"),
    ("rubric", "ledger"),
    ("rubric", "pipeline"),
    ("weights", "images"),
    ("results", "pipeline"),
}

HEAVY = (
    "torch",
    "diffusers",
    "transformers",
    "open_clip",
    "cv2",
    "numpy",
    "pandas",
    "PIL",
    "pyarrow",
    "cel",
)


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def room_of(dotted: str) -> str:
    parts = dotted.split(".")[1:]
    if parts[:2] == ["generators", "base"]:
        return "generators.base"
    return parts[0] if parts else ""


def floor(room: str) -> int | None:
    return next((i for i, rooms in enumerate(FLOORS) if room in rooms), None)


def imports_of(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found: set[str] = set()
    for node in tree.body:  # imports inside functions are late on purpose
        if isinstance(node, ast.ImportFrom) and node.module:
            if node.module == "sentinelqa":
                found.update(f"sentinelqa.{alias.name}" for alias in node.names)
            else:
                found.add(node.module)
        elif isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
    return {name for name in found if name.startswith("sentinelqa.")}


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_flow_one_way(path: Path) -> None:
    dotted = ".".join(("sentinelqa", *path.relative_to(PACKAGE).with_suffix("").parts))
    here = room_of(dotted)
    if here in ("", "__init__", "__main__"):
        return
    assert floor(here) is not None, f"{here} is a new room: give it a floor"
    for imported in imports_of(path):
        there = room_of(imported)
        level = floor(there)
        if level is None or there == here or (here, there) in ALLOWED:
            continue
        assert level <= floor(here), f"{dotted} imports {imported}, which lies above it"


def test_no_module_is_longer_than_a_room_should_be() -> None:
    long = {str(p): n for p in modules() if (n := len(p.read_text().splitlines())) > 500}

    assert not long


@pytest.mark.parametrize(
    "statement",
    [
        "import sentinelqa",
        "import sentinelqa.registry, sentinelqa.types, sentinelqa.errors",
        "from sentinelqa.cli import cli; cli.main(['--help'], standalone_mode=False)",
    ],
)
def test_the_front_door_loads_nothing_heavy(statement: str) -> None:
    script = f"{statement}\nimport sys\nprint(*[m for m in {HEAVY!r} if m in sys.modules])"

    loaded = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout.splitlines()[-1]

    assert loaded == ""
