"""A trace says what ran when, in which process, and survives one that was killed."""

from __future__ import annotations

import json
import time
from pathlib import Path

from sentinelqa.tracing import Tracer, combine, make_traced, span


class Sleeper:
    def load(self) -> None: ...

    def run(self, item: float) -> float:
        with span("inner"):
            time.sleep(item)
        return item


def test_a_traced_stage_records_its_items_and_what_is_inside(tmp_path: Path) -> None:
    stage = make_traced(Sleeper, str(tmp_path), "sleeping")
    stage.load()
    stage.run(0.02)
    combine(tmp_path, tmp_path / "trace.json")

    events = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    spans = {e["name"]: e for e in events if e["ph"] == "X"}
    assert set(spans) == {"load", "sleeping", "inner"}
    outer, inner = spans["sleeping"], spans["inner"]
    assert inner["dur"] >= 20_000
    assert outer["ts"] <= inner["ts"]
    assert inner["ts"] + inner["dur"] <= outer["ts"] + outer["dur"]
    assert [e["args"]["name"] for e in events if e["ph"] == "M"] == ["sleeping"]


def test_without_a_tracer_nothing_is_recorded(tmp_path: Path) -> None:
    Tracer(tmp_path, "idle").flush()
    with span("nothing"):
        pass

    assert "nothing" not in "".join(p.read_text() for p in tmp_path.iterdir())


def test_half_a_line_of_a_killed_process_is_left_out(tmp_path: Path) -> None:
    tracer = Tracer(tmp_path, "killed")
    with tracer.active(), span("whole"):
        pass
    (path,) = tmp_path.iterdir()
    path.write_text(path.read_text() + '{"ph": "X", "na')
    combine(tmp_path, tmp_path / "trace.json")

    events = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    assert [e["name"] for e in events] == ["process_name", "whole"]
