"""After a power loss at any moment, what the ledger says is on disk is on disk."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any

import pytest
from harness import TRACED, Runs, outcome
from power import Disk

from sentinelqa import fsck

WATCHED = {"fsync", "fdatasync", "rename", "unlink"}
"""After these a power loss can leave another state than before; writes alone change nothing that
survives."""


def states(runs: Runs, mutant: str, every: int) -> tuple[int, list[str], list[str]]:
    """Replay a run and lose power at every ``every``-th state.

    Returns:
        how many states held a ledger, and what was wrong with names lost and with names kept.
    """
    out, left = runs.folder / "out", runs.folder / "left"
    shutil.rmtree(out, ignore_errors=True)
    options = ("-xx", "-s", "9999999", "-e", f"trace={','.join(TRACED)}")
    ended = runs.run(out, mutant=mutant, options=options)
    assert ended.code == 0, runs.errors
    disk = Disk(runs.folder)
    looked = 0
    wrong: tuple[list[str], list[str]] = ([], [])
    for number, call in enumerate(c for c in disk.replay(ended.trace) if c in WATCHED):
        if number % every:
            continue
        for names_survive in (False, True):
            shutil.rmtree(left, ignore_errors=True)
            disk.write_to(left, names_survive=names_survive)
            looked += (left / "out" / "ledger.sqlite").exists()
            wrong[names_survive].extend(
                f"state {number} after {call}: {what}" for what in violations(left)
            )
    for names_survive in (False, True):
        shutil.rmtree(left, ignore_errors=True)
        disk.write_to(left, names_survive=names_survive)
        if not (left / "out" / "report.html").exists():
            wrong[names_survive].append("the run ended, and is lost")
        else:
            wrong[names_survive].extend(
                f"the run ended: {p}" for p in fsck.check(left / "out") if not p.harmless
            )
    return looked, *wrong


def violations(left: Any) -> list[str]:
    """What breaks a promise in a state that a power loss left."""
    out = left / "out"
    if not (out / "ledger.sqlite").exists():
        return []
    return [
        str(p)
        for p in fsck.check(out)
        if p.kind in ("ledger", "image", "delivery") and not p.harmless
    ]


def test_a_power_loss_breaks_no_promise(
    runs: Runs, record_property: Callable[[str, object], None]
) -> None:
    looked, lost, kept = states(runs, "none", every=6)
    record_property("states looked at", looked)
    record_property("violations", len(lost) + len(kept))
    assert looked > 25
    assert lost == []
    assert kept == []


@pytest.mark.full
@pytest.mark.timeout(1800)
def test_a_power_loss_at_every_state_breaks_no_promise(
    runs: Runs, record_property: Callable[[str, object], None]
) -> None:
    looked, lost, kept = states(runs, "none", every=1)
    record_property("states looked at, every one", looked)
    record_property("violations at every one", len(lost) + len(kept))
    assert looked > 150
    assert lost == []
    assert kept == []


@pytest.mark.parametrize("mutant", ["no_fsync", "no_folder_sync", "direct_write"])
def test_the_harness_notices_what_is_not_synced(runs: Runs, mutant: str) -> None:
    _, lost, kept = states(runs, mutant, every=6)
    assert lost or kept


def test_a_run_goes_on_after_a_power_loss(runs: Runs, undisturbed: dict[str, Any]) -> None:
    out, left = runs.folder / "out", runs.folder / "left"
    shutil.rmtree(out, ignore_errors=True)
    options = ("-xx", "-s", "9999999", "-e", f"trace={','.join(TRACED)}")
    ended = runs.run(out, options=options)
    disk = Disk(runs.folder)
    for number, _ in enumerate(c for c in disk.replay(ended.trace) if c in WATCHED):
        if number % 40 == 25:
            shutil.rmtree(left, ignore_errors=True)
            disk.write_to(left, names_survive=bool(number % 80 == 25))
            assert runs.run(left / "out").code == 0, runs.errors
            assert outcome(left / "out") == undisturbed
