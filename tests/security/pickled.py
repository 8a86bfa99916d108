"""Row 12, third part: model files that would run code when they are loaded."""

from __future__ import annotations

import io
import json
import os
import pickle
import shutil
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sentinelqa.shipped import shipped
from sentinelqa.weights import resolve

Load = Callable[[Path], Any]


@dataclass(frozen=True, slots=True)
class Booby:
    """A model that writes a marker when it is unpickled, imported or run.

    Attributes:
        load: what SentinelQA does with a model of this kind.
    """

    name: str
    path: Path
    load: Load


class Payload:
    """Makes a folder when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self._marker = marker

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, (str(self._marker),)


def boobies(folder: Path, marker: Path) -> list[Booby]:
    """Model files and folders with a payload."""
    packed = pickle.dumps(Payload(marker))
    archive = _zipped(packed)
    code = f"import os\nos.mkdir({str(marker)!r})\n"
    made = [
        Booby(f"model{suffix}", _written(folder / f"model{suffix}", content), _resolved)
        for suffix, content in (
            (".pt", archive),
            (".pth", packed),
            (".bin", archive),
            (".ckpt", archive),
            (".pkl", packed),
            (".pt2", archive),
            (".joblib", packed),
        )
    ]
    for name, file, content in (
        ("weights beside sound ones", "unet/extra.bin", archive),
        ("code of a tokenizer", "tokenizer/tokenization_own.py", code.encode()),
        ("code of a pipeline", "pipeline.py", code.encode()),
        ("a library to load", "vae/libown.so", b"\x7fELF"),
    ):
        pipeline = _starter(folder / name)
        _written(pipeline / file, content)
        made.append(Booby(name, pipeline, _resolved))
    return [
        *made,
        Booby("raw pixels", _array(folder / "pixels.npy", marker), _pixels),
        Booby("ONNX that reads elsewhere", _onnx(folder / "network"), _network),
    ]


def pipelines(folder: Path, marker: Path) -> list[Booby]:
    """Pipelines and LoRA files whose payload only a real load would meet."""
    packed = pickle.dumps(Payload(marker))
    disguised = _starter(folder / "disguised")
    _written(next(disguised.glob("unet/*.safetensors")), packed)
    named = _starter(folder / "named")
    index = json.loads((named / "model_index.json").read_text())
    index["tokenizer"] = ["own_module", "OwnTokenizer"]
    _written(named / "model_index.json", json.dumps(index).encode())
    mapped = _starter(folder / "mapped")
    config = mapped / "tokenizer" / "tokenizer_config.json"
    known = json.loads(config.read_text()) if config.is_file() else {}
    known |= {"auto_map": {"AutoTokenizer": ["own_module.OwnTokenizer", None]}}
    _written(config, json.dumps(known).encode())
    loras = (
        _written(folder / "lora.bin", _zipped(packed)),
        _written(folder / "lora.safetensors", packed),
    )
    return [
        Booby("pickle named safetensors", disguised, _pipeline),
        Booby("pipeline that names a module", named, _pipeline),
        Booby("tokenizer that names a module", mapped, _pipeline),
        *(Booby(f"a LoRA file, {path.suffix}", path, _lora) for path in loras),
    ]


def figures(folder: Path, *, pipelines_too: bool = True) -> dict[str, int]:
    """Models tried, code that ran, models that were taken for good.

    Args:
        pipelines_too: load pipelines for real as well, which imports diffusers.
    """
    marker = folder / "ran"
    module = folder / "own_module.py"
    module.write_text(f"import os\nos.mkdir({str(marker)!r})\nclass OwnTokenizer: pass\n")
    tried = boobies(folder, marker)
    if pipelines_too:
        tried += pipelines(folder, marker)
    ran = accepted = 0
    for booby in tried:
        accepted += _is_loaded(booby)
        if marker.exists():
            ran += 1
            marker.rmdir()
    return {"models": len(tried), "code that ran": ran, "accepted": accepted}


def violations(found: dict[str, int]) -> list[str]:
    """The goals that are missed. A tokenizer whose code is not there may load without it."""
    allowed = 1
    missed = ["code that ran"] if found["code that ran"] else []
    return [*missed, "accepted"] if found["accepted"] > allowed else missed


def _is_loaded(booby: Booby) -> bool:
    with suppress(Exception):
        booby.load(booby.path)
        return True
    return False


def _resolved(path: Path) -> None:
    resolve(str(path))


def _pixels(path: Path) -> None:
    np.load(path, allow_pickle=False)


def _network(path: Path) -> None:
    from sentinelqa.features.onnx import open_network

    open_network(path)


def _pipeline(path: Path) -> None:
    from sentinelqa.generators.diffusers import DiffusersGenerator
    from sentinelqa.types import Settings

    DiffusersGenerator(Settings(model=str(path)), device="cpu").load()


def _lora(path: Path) -> None:
    from sentinelqa.generators.diffusers import DiffusersGenerator
    from sentinelqa.types import Settings

    settings = Settings(model="starter", lora=str(path))
    DiffusersGenerator(settings, device="cpu").load()


def _written(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_bytes(content)
    return path


def _zipped(packed: bytes) -> bytes:
    """The form in which torch saves."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", packed)
        archive.writestr("archive/version", "3\n")
        archive.writestr("archive/byteorder", "little")
    return buffer.getvalue()


def _starter(folder: Path) -> Path:
    """A copy of the shipped pipeline."""
    shutil.copytree(shipped("models/starter/pipeline"), folder)
    return folder


def _array(path: Path, marker: Path) -> Path:
    np.save(path, np.array([Payload(marker)], object), allow_pickle=True)
    return path


def _onnx(folder: Path) -> Path:
    """A network whose weights stand in a file outside of its folder."""
    from onnx import TensorProto, helper

    folder.mkdir()
    _written(folder.parent / "outside.bin", bytes(16))
    weight = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4])
    weight.data_location = TensorProto.EXTERNAL
    for key, value in (("location", "../outside.bin"), ("offset", "0"), ("length", "16")):
        entry = weight.external_data.add()
        entry.key, entry.value = key, value
    shapes = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [4]) for n in ("x", "y")]
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "w"], ["y"])], "g", shapes[:1], shapes[1:], [weight]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return _written(folder / "model.onnx", model.SerializeToString())
