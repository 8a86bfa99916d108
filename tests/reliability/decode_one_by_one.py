"""A process that decodes the files named on its standard input, and says what each one took.

``python decode_one_by_one.py [MUTANT]``: one JSON object per file. A mutant takes one wall away.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from PIL import Image

from sentinelqa.errors import ScoringError
from sentinelqa.features import decoding
from sentinelqa.features.pixels import decode

MUTANTS = ("none", "any format", "no pixel cap", "no byte cap", "no memory limit")
MB = 2**20


def main() -> None:
    """Decode until the input ends."""
    pixels = weaken(sys.argv[1] if len(sys.argv) > 1 else "none")
    for line in sys.stdin:
        found = measured(json.loads(line), pixels)
        sys.stdout.write(json.dumps(found) + "\n")
        sys.stdout.flush()


def weaken(mutant: str) -> int:
    """Take a wall away; returns the cap on pixels to use."""
    careful: Any = decoding.open_regular
    if mutant == "any format":
        decoding.FORMATS = None  # type: ignore[assignment]
    elif mutant == "no byte cap":
        decoding.open_regular = lambda path: careful(path, 2**62)
    elif mutant == "no memory limit":
        decoding.MAX_MEMORY = 2**44
    elif mutant == "no pixel cap":
        Image.MAX_IMAGE_PIXELS = None
        return 2**62
    elif mutant != "none":
        raise ValueError(f"unknown mutant {mutant!r}")
    return decoding.MAX_PIXELS


def measured(path: str, pixels: int) -> dict[str, Any]:
    """Reason code or ``read``, processor seconds, and MB of memory gained at the worst moment."""
    Path("/proc/self/clear_refs").write_text("5")  # forget the highest memory so far
    before, start = _memory("VmRSS"), time.process_time()
    kind = ""
    try:
        picture = decode(path, pixels)
        for look in ("luma", "overview", "rgb"):  # a plain JPEG is decoded only now
            getattr(picture, look)
        kind = picture.format
        code = "read"
    except ScoringError as error:
        code = str(error).partition(":")[0]
    seconds = time.process_time() - start
    gained = (_memory("VmHWM") - before) / MB
    return {"path": path, "code": code, "format": kind, "seconds": seconds, "mb": gained}


def _memory(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(x for x in lines if x.startswith(field)).split()[1]) * 1024


if __name__ == "__main__":
    main()
