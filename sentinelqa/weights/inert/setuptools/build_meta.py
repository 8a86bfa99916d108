"""The hooks that ``pip download`` calls, in the folder of an unpacked archive."""

from __future__ import annotations

import sys
from email.parser import HeaderParser
from pathlib import Path
from typing import Any


def get_requires_for_build_wheel(config_settings: Any = None) -> list[str]:  # noqa: ARG001
    """Nothing is needed to copy a file."""
    return []


def prepare_metadata_for_build_wheel(
    metadata_directory: str,
    config_settings: Any = None,  # noqa: ARG001
) -> str:
    """Copy ``PKG-INFO`` to where metadata belongs, and return that folder's name."""
    text = Path("PKG-INFO").read_text(encoding="utf-8", errors="surrogateescape")
    headers = HeaderParser().parsestr(text, headersonly=True)
    name = headers["Name"].replace("-", "_")
    folder = Path(metadata_directory) / f"{name}-{headers['Version']}.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(text, encoding="utf-8", errors="surrogateescape")
    return folder.name


__legacy__ = sys.modules[__name__]
