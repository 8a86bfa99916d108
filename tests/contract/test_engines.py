"""Every engine that ships keeps the contract of engines; the local one also its own promises."""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path

import pytest

from sentinelqa.deferred import Deferred
from sentinelqa.engines.base import Done, Engine, Failed, StageSpec, map_stage
from sentinelqa.engines.inline import InlineEngine
from sentinelqa.engines.local import LocalEngine
from sentinelqa.heartbeat import progress
from sentinelqa.testing import EngineContract, Worked


class TestInline(EngineContract):
    separate = False

    def make_engine(self) -> Engine:
        return InlineEngine()


class TestLocal(EngineContract):
    def make_engine(self) -> Engine:
        return LocalEngine()

    @pytest.mark.slow
    def test_a_worker_that_ignores_being_asked_to_end_is_killed(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("sentinelqa.engines.process.GRACE", 0.5)
        done, failed = self.work([1, "ignore", 2])
        assert done == {1: 2, 2: 4}
        assert failed["ignore"].kind == "hung"

    def test_a_suspect_is_begun_alone_and_is_at_once_to_blame(self) -> None:
        with LocalEngine() as engine:
            pool = engine.pool(StageSpec(name="test", make=Worked, workers=2))
            for n in range(3):
                pool.submit(n)
            pool.submit("kill", alone=True)
            results = []
            while pool.pending:
                results += [result for _, result in engine.wait([pool])]
        (failed,) = [r for r in results if isinstance(r, Failed)]
        assert (failed.item, failed.kind, failed.times) == ("kill", "died", 1)
        assert len(results) == 4

    def test_what_kills_its_worker_unexpectedly_is_begun_once_more_alone(self) -> None:
        spec = StageSpec(name="test", make=Worked, workers=2)
        with LocalEngine() as engine:
            results = list(map_stage(engine, spec, [1, "kill", 2]))
        (failed,) = [r for r in results if isinstance(r, Failed)]
        assert (failed.item, failed.times) == ("kill", 2)

    def test_the_next_item_is_begun_while_the_last_is_finished(self) -> None:
        with LocalEngine() as engine:
            results = list(map_stage(engine, StageSpec(name="late", make=Late), range(4)))
        spans = [r.value for r in results if isinstance(r, Done)]
        assert [number for number, _, _ in spans] == [0, 1, 2, 3]
        assert all(spans[n + 1][1] < spans[n][2] for n in range(3))

    def test_large_items_and_results_pass(self) -> None:
        spec = StageSpec(name="echo", make=Echo, workers=1)
        items = [bytes([n]) * 1_000_000 for n in range(6)]
        with LocalEngine() as engine:
            results = [r.value for r in map_stage(engine, spec, items)]  # type: ignore[union-attr]
        assert results == items

    def test_what_a_worker_logs_reaches_the_parent(self, caplog: pytest.LogCaptureFixture) -> None:
        with caplog.at_level(logging.INFO, "sentinelqa"), LocalEngine() as engine:
            list(map_stage(engine, StageSpec(name="talk", make=Talking), ["hello"]))
        record = next(r for r in caplog.records if r.name == "sentinelqa.talking")
        assert record.getMessage() == "said hello"
        assert record.process != os.getpid()

    def test_leaving_ends_every_worker_whatever_it_is_doing(self) -> None:
        start = time.monotonic()
        with LocalEngine() as engine:
            pool = engine.pool(StageSpec(name="test", make=Worked, workers=2))
            pool.submit("hang")
            engine.wait([pool], timeout=0.1)
            pids = [w.pid for w in pool.workers]
        assert time.monotonic() - start < 8
        assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]

    @pytest.mark.slow
    def test_a_long_item_that_gets_on_is_not_overdue(self) -> None:
        spec = StageSpec(name="pieces", make=Pieces, deadline=2.0)
        with LocalEngine() as engine:
            (done,) = map_stage(engine, spec, [["piece"] * 10])
        assert done == Done(["piece"] * 10, 10)

    @pytest.mark.slow
    @pytest.mark.parametrize("deed", ["hang", "log"])
    def test_a_long_item_that_hangs_is_overdue_soon_after_its_last_piece(self, deed: str) -> None:
        spec = StageSpec(name="pieces", make=Pieces, deadline=2.0)
        start = time.monotonic()
        with LocalEngine() as engine:
            (failed,) = map_stage(engine, spec, [["piece", "piece", deed, *["piece"] * 100]])
        assert isinstance(failed, Failed)
        assert failed.kind == "hung"
        assert 2.3 < time.monotonic() - start < 20

    def test_a_wait_that_times_out_gives_nothing(self) -> None:
        with LocalEngine() as engine:
            pool = engine.pool(StageSpec(name="test", make=Worked))
            pool.submit("hang")
            assert engine.wait([pool], timeout=0.2) == []
            assert pool.pending == 1


class Pieces:
    """Works long on an item of many pieces, and says so after each."""

    def load(self) -> None: ...

    def run(self, item: list[str]) -> int:
        for deed in item:
            while deed != "piece":
                time.sleep(0.5)
                if deed == "log":
                    logging.getLogger("sentinelqa.pieces").info("still there")
            time.sleep(0.3)
            progress()
        return len(item)


class Late:
    """Says when an item was begun and when it was finished, a third of a second later."""

    def load(self) -> None: ...

    def run(self, item: int) -> Deferred:
        begun = time.monotonic()

        def finish() -> tuple[int, float, float]:
            time.sleep(0.3)
            return item, begun, time.monotonic()

        return Deferred(finish)


class Echo:
    def load(self) -> None: ...

    def run(self, item: bytes) -> bytes:
        return item


class Talking:
    def load(self) -> None: ...

    def run(self, item: str) -> None:
        logging.getLogger("sentinelqa.talking").info("said %s", item)
