"""Contract tests for what others write: subclass one, name your component, and run pytest.

>>> class TestMyEngine(EngineContract):                       # doctest: +SKIP
...     def make_engine(self):
...         return MyEngine()
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from sentinelqa.deferred import Deferred
from sentinelqa.engines.base import Done, Engine, Failed, Stage, StageSpec, map_stage
from sentinelqa.errors import ComponentError


class Worked:
    """A stage for tests: it does what its items say.

    Items: a number is doubled; ``"raise"``, ``"exit"``, ``"kill"``, ``"hang"``, ``"ignore"`` (hang
    and ignore TERM), ``"unpicklable"``; ``("once", path)`` kills its worker the first time only.
    """

    def load(self) -> None:
        """Nothing to load."""

    def run(self, item: Any) -> Any:
        """Do it."""
        if isinstance(item, int):
            return 2 * item
        if isinstance(item, tuple):
            return _die_once(Path(item[1]))
        return _DEEDS[item]()


class Deferring(Worked):
    """The same, as late as may be: when the next item may have been begun."""

    def run(self, item: Any) -> Deferred:
        """Do it later."""
        return Deferred(partial(super().run, item))


class NotLoading:
    """A stage whose weights are missing."""

    def load(self) -> None:
        """Fail as a component does that the user can mend."""
        raise ComponentError("no weights", where="job.yaml:3", remedy="pull them")

    def run(self, item: Any) -> Any:
        """Never reached."""
        raise AssertionError("a stage that did not load was run")


class DyingLoad(NotLoading):
    """A stage whose loading takes the process down."""

    def load(self) -> None:
        """Die as a library with a bug does."""
        os.kill(os.getpid(), signal.SIGKILL)


def _raise() -> None:
    raise ValueError("this one cannot be done")


def _hang() -> None:
    time.sleep(3600)


def _ignore() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _hang()


def _die_once(marker: Path) -> str:
    if marker.exists():
        return "survived"
    marker.touch()
    os.kill(os.getpid(), signal.SIGKILL)
    return "unreachable"


_DEEDS: dict[str, Callable[[], Any]] = {
    "raise": _raise,
    "exit": partial(os._exit, 7),
    "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "hang": _hang,
    "ignore": _ignore,
    "unpicklable": threading.Lock,
}


class EngineContract:
    """What every engine promises.

    Attributes:
        separate: its workers are processes, so that an item cannot take the run down.
        deadline: seconds; short, but longer than a worker takes to start.
    """

    separate = True
    deadline = 2.0

    def make_engine(self) -> Engine:
        """The engine under test."""
        raise NotImplementedError

    def work(
        self, items: Sequence[Any], *, workers: int = 2, make: Callable[[], Stage] = Worked
    ) -> tuple[dict[Any, Any], dict[Any, Failed]]:
        """Run ``items`` through a stage. Returns values and failures by item."""
        spec = StageSpec(name="test", make=make, workers=workers, deadline=self.deadline)
        done: dict[Any, Any] = {}
        failed: dict[Any, Failed] = {}
        with self.make_engine() as engine:
            for result in map_stage(engine, spec, items):
                assert result.item not in done
                assert result.item not in failed
                if isinstance(result, Done):
                    done[result.item] = result.value
                else:
                    failed[result.item] = result
        return done, failed

    def test_every_item_comes_back_exactly_once(self) -> None:
        done, failed = self.work(range(50), workers=3)
        assert done == {n: 2 * n for n in range(50)}
        assert not failed

    def test_nothing_to_do_ends_at_once(self) -> None:
        assert self.work([]) == ({}, {})

    def test_an_item_that_raises_fails_alone_with_its_own_exception(self) -> None:
        done, failed = self.work([1, "raise", 2])
        assert done == {1: 2, 2: 4}
        assert failed["raise"].kind == "raised"
        assert isinstance(failed["raise"].error, ValueError)
        assert str(failed["raise"].error) == "this one cannot be done"

    def test_the_source_is_pulled_lazily(self) -> None:
        pulled: list[int] = []
        finished = 0

        def source() -> Iterator[int]:
            for n in range(40):
                pulled.append(n)
                yield n

        spec = StageSpec(name="test", make=Worked, workers=2)
        with self.make_engine() as engine:
            for _ in map_stage(engine, spec, source()):
                finished += 1
                assert len(pulled) - finished <= 2 * spec.workers
        assert finished == 40

    def test_what_is_deferred_comes_back_as_if_it_were_not(self) -> None:
        done, failed = self.work([1, 2, "raise", 3, 4], make=Deferring)
        assert done == {n: 2 * n for n in (1, 2, 3, 4)}
        assert str(failed["raise"].error) == "this one cannot be done"

    def test_a_stage_that_does_not_load_says_why(self) -> None:
        done, failed = self.work([1, 2, 3], make=NotLoading)
        assert not done
        assert {f.kind for f in failed.values()} == {"not_loaded"}
        error = failed[1].error
        assert isinstance(error, ComponentError)
        assert (error.where, error.remedy) == ("job.yaml:3", "pull them")

    def test_two_stages_run_side_by_side(self) -> None:
        with self.make_engine() as engine:
            pools = [engine.pool(StageSpec(name=n, make=Worked)) for n in ("first", "second")]
            for pool in pools:
                pool.submit(21)
            got: list[tuple[str, Done | Failed]] = []
            while any(p.pending for p in pools):
                got += [(p.name, r) for p, r in engine.wait(pools)]
            assert sorted(got, key=lambda g: g[0]) == [
                ("first", Done(21, 42)),
                ("second", Done(21, 42)),
            ]

    def test_a_worker_that_dies_loses_only_the_item_that_killed_it(self) -> None:
        if not self.separate:
            return
        done, failed = self.work([1, 2, "kill", 3, "exit", 4, 5])
        assert done == {n: 2 * n for n in (1, 2, 3, 4, 5)}
        assert {item: f.kind for item, f in failed.items()} == {"kill": "died", "exit": "died"}

    def test_an_item_in_flight_when_a_worker_dies_is_asked_again(self, tmp_path: Path) -> None:
        if not self.separate:
            return
        item = ("once", str(tmp_path / "died"))
        done, failed = self.work([1, item, 2], workers=1)
        assert done == {1: 2, item: "survived", 2: 4}
        assert not failed

    def test_an_item_that_hangs_is_ended_and_the_others_go_on(self) -> None:
        if not self.separate:
            return
        done, failed = self.work([1, "hang", 2, 3])
        assert done == {1: 2, 2: 4, 3: 6}
        assert failed["hang"].kind == "hung"

    def test_a_result_that_cannot_be_sent_fails_alone(self) -> None:
        if not self.separate:
            return
        done, failed = self.work([1, "unpicklable", 2])
        assert done == {1: 2, 2: 4}
        assert failed["unpicklable"].kind == "raised"

    def test_what_dies_while_it_is_deferred_harms_no_other(self) -> None:
        if not self.separate:
            return
        done, failed = self.work([1, 2, "kill", 3, 4], make=Deferring)
        assert done == {n: 2 * n for n in (1, 2, 3, 4)}
        assert {item: f.kind for item, f in failed.items()} == {"kill": "died"}

    def test_a_load_that_dies_is_reported(self) -> None:
        if not self.separate:
            return
        done, failed = self.work([1, 2], make=DyingLoad)
        assert not done
        assert {f.kind for f in failed.values()} == {"not_loaded"}
