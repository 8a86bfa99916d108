"""Where the files lie that ship with the package: rubrics, the model registry, starter models."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def shipped(*parts: str) -> Path:
    """The path of a shipped file or folder: in a checkout beside the package, else in the wheel.

    The path need not exist; who asks says what is missing in its own words.
    """
    beside = _PACKAGE.parent.joinpath(*parts)
    if (_PACKAGE.parent / "pyproject.toml").is_file() and beside.exists():
        return beside
    return _PACKAGE.joinpath("_shipped", *parts)
