"""The light on a face, compared with a public port of the standard's reference implementation.

``ofiqpy`` pins old releases of numpy and OpenCV, so it lives in an environment of its own, and this
file runs there as a script: ``python -m venv ofiq && ofiq/bin/pip install ofiqpy``, then
``python -m benchmarks.validity --ofiq ofiq/bin/python``. It needs none of the port's weights: the
region of the face and the places of the cheeks are handed over.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np


def theirs(python: Path, rgb: np.ndarray, region: np.ndarray) -> dict[str, float]:
    """What the port measures of a picture whose face is ``region``.

    Args:
        python: the interpreter of the port's environment.
        rgb: ``H x W x 3`` sRGB.
        region: ``H x W`` of booleans.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "face.npz"
        np.savez(path, bgr=rgb[..., ::-1], region=region.astype(np.uint8))
        command = [str(python), __file__, str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def _measure(path: str) -> dict[str, float]:
    """Runs in the port's environment."""
    from ofiqpy.measures import pixel

    stored = np.load(path)
    face = SimpleNamespace(
        aligned_face=np.ascontiguousarray(stored["bgr"]),
        landmarked_region=stored["region"],
        occlusion_mask=stored["region"],
    )
    return {
        "over": float(pixel.over_exposure(face).raw),
        "under": float(pixel.under_exposure(face).raw),
        "range": float(pixel.dynamic_range(face).raw),
    }


if __name__ == "__main__":
    print(json.dumps(_measure(sys.argv[1])))
