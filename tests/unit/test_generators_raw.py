"""Pictures that were made outlive the process, not the machine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sentinelqa.generators import raw
from sentinelqa.generators.raw import Raw, save, take_over

PICTURE = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
MADE = Raw("", 1.25, 8, 4)


@pytest.fixture
def boot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    boot = tmp_path / "boot_id"
    boot.write_text("one\n")
    monkeypatch.setattr(raw, "BOOT", boot)
    return boot


@pytest.fixture
def folder(tmp_path: Path, boot: Path) -> Path:
    folder = tmp_path / "tmp"
    folder.mkdir()
    assert take_over(folder, keep=True) == {}
    return folder


def test_the_next_process_finds_what_was_made_and_how(folder: Path) -> None:
    path = save(folder, "c1", PICTURE, MADE)
    (left,) = take_over(folder, keep=True).items()
    assert left == ("c1", Raw(path, 1.25, 8, 4))
    assert (np.load(path) == PICTURE).all()
    assert take_over(folder, keep=True) == dict([left])


def test_after_a_start_of_the_machine_nothing_is_taken_over(folder: Path, boot: Path) -> None:
    save(folder, "c1", PICTURE, MADE)
    boot.write_text("two\n")
    assert take_over(folder, keep=True) == {}
    assert [p.name for p in folder.iterdir()] == [raw.LIFE]


def test_where_the_machine_does_not_tell_its_lives_nothing_is_taken_over(
    folder: Path, boot: Path
) -> None:
    boot.unlink()
    take_over(folder, keep=True)
    save(folder, "c1", PICTURE, MADE)
    assert take_over(folder, keep=True) == {}


def test_what_is_of_no_use_goes(folder: Path) -> None:
    save(folder, "c1", PICTURE, MADE)
    assert take_over(folder, keep=False) == {}
    assert not list(folder.glob("*.npy"))


def test_everything_else_goes(folder: Path, tmp_path: Path) -> None:
    (folder / "c2.part").write_bytes(b"half a picture")
    (folder / "c3.npy").write_bytes(b"whole?")
    (folder / "trace").mkdir()
    (folder / "trace" / "1.jsonl").touch()
    (tmp_path / "elsewhere").mkdir()
    (folder / "link").symlink_to(tmp_path / "elsewhere")
    assert take_over(folder, keep=True) == {}
    assert [p.name for p in folder.iterdir()] == [raw.LIFE]
    assert (tmp_path / "elsewhere").is_dir()
