"""Which files may be loaded. Formats that can run code when they are read are refused."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from sentinelqa.errors import ModelError

PICKLED = frozenset({".bin", ".pt", ".pt2", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib"})
"""Suffixes of files that are unpickled when they are loaded, which runs any code inside."""

WEIGHTS = frozenset({".safetensors", ".onnx", ".tflite", ".dat"})
CODE = frozenset({".py", ".so", ".pyd", ".dll", ".dylib", ".sh"})
HUB_PATTERNS: tuple[str, ...] = (
    "*.safetensors",
    "*.onnx",
    "*.json",
    "*.txt",
    "*.model",
    "*.jinja",
    "*.md",
    "LICENSE*",
)
"""What is fetched of a hub repository unless the registry says otherwise: no pickles, no code."""


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
