"""A run directory: what is refused because something else lies in its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from sentinelqa.errors import JobError
from sentinelqa.rundir import RunDir


def test_a_folder_is_made_and_what_lies_in_it_stays(tmp_path: Path) -> None:
    run = RunDir(tmp_path / "runs" / "first")
    run.prepare()
    (run.path / "notes.txt").touch()
    (run.scratch / "on-its-way.npy").touch()
    run.prepare()
    assert {p.name for p in run.path.iterdir()} == {"notes.txt", "tmp"}
    assert (run.scratch / "on-its-way.npy").exists()


def test_a_link_to_nowhere_is_no_place_for_a_run(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    with pytest.raises(JobError, match="cannot be made") as caught:
        RunDir(tmp_path / "link").prepare()
    assert caught.value.where == str(tmp_path / "link")


def test_a_folder_whose_ledger_is_a_folder_is_no_run(tmp_path: Path) -> None:
    (tmp_path / "ledger.sqlite").mkdir()
    with pytest.raises(JobError, match="no run directory"):
        RunDir(tmp_path).prepare()
