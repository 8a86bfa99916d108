"""Makes ``import torchvision`` work beside a torch of another build.

open_clip and transformers import torchvision for its transforms alone. Where torchvision's compiled
operators do not load (a CPU build of torch beside the package index's CUDA build of torchvision),
its import fails on operators that nobody calls. Declaring them is enough.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path

import torch


@cache
def prepare_torchvision() -> torch.library.Library | None:
    """Declare the operators that torchvision's import looks up, if its own do not load.

    The declarations live as long as the returned object, which the cache keeps.
    """
    spec = find_spec("torchvision")
    if spec is None or spec.origin is None:
        return None
    try:
        for compiled in Path(spec.origin).parent.glob("_C*.so"):
            torch.ops.load_library(str(compiled))
    except OSError:
        library = torch.library.Library("torchvision", "DEF")
        library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        return library
    return None
