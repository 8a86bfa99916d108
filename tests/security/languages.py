"""Row 10: hostile YAML and hostile rule expressions. ``figures`` gives what was reached."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from sentinelqa.errors import RubricError
from sentinelqa.rubric.expressions import Undecidable
from sentinelqa.rubric.reading import read_yaml
from sentinelqa.rubric.syntax import ExpressionError
from tests.unit.test_rubric_expressions import HOSTILE as EXPRESSIONS
from tests.unit.test_rubric_expressions import holds
from tests.unit.test_rubric_reading import HOSTILE as DOCUMENTS

Read = Callable[[Path], Any]
Judge = Callable[[str], Any]

MOST_YAML_MS, MOST_EXPRESSION_MS = 100.0, 50.0
RUNS = frozenset(
    ("exec", "os.system", "os.exec", "os.posix_spawn", "subprocess.Popen", "socket.connect", "open")
)
"""Audit events that reading text as data has no use for."""


class Auditor:
    """Counts, while it is on, what this process runs, opens or calls. Audit hooks stay for good,
    so there is one for all."""

    def __init__(self) -> None:
        self.on = False
        self.events: list[str] = []
        self.allowed = ""
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.on or event not in RUNS:
            return
        if event == "open" and str(arguments[0]) == self.allowed:
            return
        self.events.append(event)


def figures(
    folder: Path, *, read: Read | None = None, judge: Judge | None = None
) -> dict[str, float]:
    """Executions, acceptances and the slowest refusal in processor milliseconds.

    Args:
        read, judge: instead of ours, to try the harness.
    """
    auditor = _auditor()
    files = dict(_written(folder))
    read, judge = read or _read, judge or holds
    # what a first use imports and compiles is no part of a refusal
    _refused(read, folder / "warm.yaml")
    _refused(judge, "image.width >")
    auditor.events.clear()
    documents = []
    for path in files:
        auditor.allowed = str(path)
        documents.append(_timed(auditor, read, path))
    expressions = [_timed(auditor, judge, source) for source in EXPRESSIONS]
    return {
        "documents": len(documents),
        "expressions": len(expressions),
        "accepted": sum(not refused for refused, _ in (*documents, *expressions)),
        "executions": len(auditor.events),
        "slowest document ms": max(ms for _, ms in documents),
        "slowest expression ms": max(ms for _, ms in expressions),
    }


def violations(found: dict[str, float], room: float = 1.0) -> list[str]:
    """The goals that are missed; ``room`` times the milliseconds are allowed on a slow machine."""
    missed = [name for name in ("accepted", "executions") if found[name]]
    if found["slowest document ms"] > MOST_YAML_MS * room:
        missed.append("slowest document ms")
    if found["slowest expression ms"] > MOST_EXPRESSION_MS * room:
        missed.append("slowest expression ms")
    return missed


def _read(path: Path) -> Any:
    return read_yaml(path, what="rubric", error=RubricError)


def _written(folder: Path) -> Iterable[tuple[Path, str]]:
    (folder / "warm.yaml").write_text("a: &b 1\n")
    for number, (name, text) in enumerate(DOCUMENTS.items()):
        path = folder / f"{number:02}.yaml"
        path.write_bytes(text.encode())
        yield path, name


def _timed(auditor: Auditor, work: Callable[[Any], Any], value: Any) -> tuple[bool, float]:
    auditor.on, start = True, time.process_time()
    try:
        refused = _refused(work, value)
    finally:
        auditor.on = False
    return refused, (time.process_time() - start) * 1000


def _refused(work: Callable[[Any], Any], value: Any) -> bool:
    try:
        work(value)
    except (RubricError, ExpressionError, Undecidable):
        return True
    return False


_AUDITORS: list[Auditor] = []


def _auditor() -> Auditor:
    if not _AUDITORS:
        _AUDITORS.append(Auditor())
    return _AUDITORS[0]
