"""Which files may be loaded. Formats that can run code when they are read are refused."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path

from sentinelqa.errors import ModelError

PICKLED = frozenset({".bin", ".pt", ".pt2", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib"})
"""Suffixes of files that are unpickled when they are loaded, which runs any code inside."""

WEIGHTS = frozenset({".safetensors", ".onnx", ".tflite", ".dat"})
CODE = frozenset({".py", ".so", ".pyd", ".dll", ".dylib", ".sh"})

_TEXTS = ("*.json", "*.txt", "*.model", "*.jinja")
_HUB_FILES: dict[str, tuple[str, ...]] = {
    "diffusers": ("model_index.json", "*/*.safetensors", *(f"*/{p}" for p in _TEXTS)),
    "open_clip": ("open_clip_model.safetensors", *_TEXTS),
    "insightface": ("*.onnx",),
}
_ANY_LOADER = ("*.safetensors", "*.onnx", *_TEXTS)
_NOT_FETCHED = ("*.fp16.*", "*.non_ema.*", "*openvino*", "*.msgpack", ".*")


def hub_patterns(loader: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What is fetched of a hub repository for a loader, and what is left out of that.

    Never a pickled file and never code; only one precision of the weights.
    """
    return _HUB_FILES.get(loader, _ANY_LOADER), _NOT_FETCHED


def wanted(names: Iterable[str], loader: str) -> tuple[str, ...]:
    """Those of the names that :func:`hub_patterns` selects, sorted."""
    allowed, left_out = hub_patterns(loader)
    return tuple(
        sorted(
            name
            for name in names
            if any(fnmatchcase(name, p) for p in allowed)
            and not any(fnmatchcase(name, p) for p in left_out)
        )
    )


def refuse_unsafe(names: Iterable[str], *, model: str, where: Path | str) -> None:
    """Refuse a model that holds a file which would run code when it is loaded.

    Raises:
        ModelError: names the file.
    """
    for name in sorted(names):
        suffix = Path(name).suffix.lower()
        if suffix in PICKLED:
            raise ModelError(
                f"{model!r} holds {name!r}, a pickled file: loading one can run any code",
                where=str(where),
                remedy="convert it to safetensors or ONNX, and move the pickled file elsewhere",
            )
        if suffix in CODE:
            raise ModelError(
                f"{model!r} holds {name!r}: code that comes with a model is never run",
                where=str(where),
                remedy="use a model that the library itself knows, and move the file elsewhere",
            )
