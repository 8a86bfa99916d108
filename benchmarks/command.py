"""What ``sentinelqa bench`` does: measure, print, write, compare with earlier runs."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks import history, machine, picture, runner, table


def bench(
    numbers: Sequence[int],
    *,
    size: str,
    record: bool,
    out: Path,
    say: Callable[[str], None],
) -> int:
    """Measure rows of the table.

    Args:
        numbers: rows to measure; all without any.
        size: ``quick`` for small sizes, ``long`` for those of the goals; empty for what fits into
            fifteen minutes.
        record: add the figures to the history and to ``docs/performance.md``.
        out: folder for ``bench.json`` and ``bench.svg``.
        say: prints a line.

    Returns:
        The exit code: 0 when every goal is reached, 1 when one is missed, 3 when a row failed.
    """
    facts = machine.facts()
    before = history.newest(facts["machine"])
    measured = []
    for one in runner.run(runner.modules(numbers), size):
        measured.append(one)
        say(f"{one.name}: {one.seconds:.0f} s")
        say(table.plain(one.rows) if not one.trouble else f"failed: {one.trouble}")
    rows = sorted((r for m in measured for r in m.rows), key=lambda r: r.number)
    _write(out, facts, rows, size)
    for sentence in history.moved(rows, before):
        say(f"moved: {sentence}")
    if record and rows:
        history.append(facts, rows)
        table.write_document(list(history.newest().values()))
    reached, goals = sum(bool(r.met) for r in rows), sum(r.met is not None for r in rows)
    say(f"{reached} of {goals} goals reached; {sum(m.seconds for m in measured):.0f} s; see {out}")
    if any(m.trouble for m in measured):
        return 3
    return int(reached < goals)


def _write(out: Path, facts: dict[str, object], rows: Sequence[runner.Row], size: str) -> None:
    out.mkdir(parents=True, exist_ok=True)
    content = {**facts, "size": size, "rows": [{**asdict(r), "met": r.met} for r in rows]}
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    (out / "bench.json").write_text(text, encoding="utf-8")
    title = f"SentinelQA at {facts['commit']} on {facts['machine']}"
    (out / "bench.svg").write_text(picture.svg(rows, title), encoding="utf-8")
